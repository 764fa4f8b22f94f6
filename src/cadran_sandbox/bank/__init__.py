"""A bank that books transfers to the operator's account and writes them down as ISO 20022 camt.053 statements."""
