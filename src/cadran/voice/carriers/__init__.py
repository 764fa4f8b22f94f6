"""The carriers of a brand, from its carriers.toml."""
