"""Means of payment: orders to pay, the card provider, bank transfers and statements."""
