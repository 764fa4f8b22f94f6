"""Pages of calling by access numbers: the numbers themselves, those that customers call from, contacts, the PIN, the choice of the minute."""
