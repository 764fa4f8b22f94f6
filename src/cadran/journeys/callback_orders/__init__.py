"""What customers ordered of callbacks, kept for their history and so that one key orders once."""
