"""Customer bills, collection, dunning, disputes. Its place is kept; nothing is built yet."""
