"""Customers, users, SIP users, accepted terms."""
