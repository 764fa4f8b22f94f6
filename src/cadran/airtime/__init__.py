"""Top-up of partner mobiles abroad. Its place is kept; nothing is built yet."""
