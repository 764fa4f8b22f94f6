"""Access numbers: what a brand publishes for its callers to dial, where, in which language, for which service."""
