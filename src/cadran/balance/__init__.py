"""Buckets of credit: when they are valid, held, consumed and expired."""
