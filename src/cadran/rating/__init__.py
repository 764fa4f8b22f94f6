"""Usage and tariff to charge: exact, pure."""
