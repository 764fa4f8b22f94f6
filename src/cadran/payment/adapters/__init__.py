"""The outside world of payment."""
