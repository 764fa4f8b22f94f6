"""A time-stamp authority (RFC 3161) for the sandbox."""
