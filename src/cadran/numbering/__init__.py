"""Numbers: what a person dials, what it means, and what class it is."""
