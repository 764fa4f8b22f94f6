"""English as read in Europe: the day comes before the month, and the clock has 24 hours."""
