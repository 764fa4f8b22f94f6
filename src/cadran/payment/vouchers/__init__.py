"""Vouchers: credit printed on paper. Batches, serials, hashed codes, and redemption exactly once."""
