"""RADIUS (RFC 2865, 2866): the same desk for switches that speak nothing else. Access-Request asks, Accounting extends and settles."""
