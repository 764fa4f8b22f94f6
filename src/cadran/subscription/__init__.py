"""Product instances and the contract month's products. Its place is kept; nothing is built yet."""
