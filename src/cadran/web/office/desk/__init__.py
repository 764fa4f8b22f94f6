"""Deeds of the back office: money, terms, prices, partners, the sandbox's clock."""
