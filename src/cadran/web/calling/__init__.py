"""Pages of calling by access numbers: the numbers themselves, customers' own numbers, contacts, the PIN, the choice of the minute."""
