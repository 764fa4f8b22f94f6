"""What a key of staff reads and does, within its brand and no further than the role of the member who made it."""
