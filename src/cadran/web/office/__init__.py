"""The back office: what the operator's staff sees and does."""
