"""Who the SIP users are, kept for a few seconds so that a REGISTER or INVITE seldom waits for the database."""
