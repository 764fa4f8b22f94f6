"""The portal. It translates, and decides nothing."""
