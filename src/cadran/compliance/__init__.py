"""Canvassing, caller numbers, fraud, privacy."""
