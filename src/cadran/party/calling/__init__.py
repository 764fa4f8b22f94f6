"""What customers keep for their calls by access numbers: contacts, speed dial, the PIN, prepared calls, the choice of the minute."""
