"""Proofs that a number is a customer's own: a code told on that number, and given back."""
