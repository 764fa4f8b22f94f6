"""Accounts, transfers, postings: double entry in integer micro-units, append-only. No telecom word."""
