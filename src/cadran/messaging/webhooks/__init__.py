"""Webhooks: what happened, told to programs of customers and of the operator, signed, retried, logged."""
