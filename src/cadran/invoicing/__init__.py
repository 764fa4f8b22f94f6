"""Receipts of payments; later customer bills, collection, dunning, disputes."""
