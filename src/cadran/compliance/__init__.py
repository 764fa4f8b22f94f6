"""Canvassing, caller numbers, fraud, privacy. Its place is kept; nothing is built yet."""
