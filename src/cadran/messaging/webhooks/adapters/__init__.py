"""What carries webhooks."""
