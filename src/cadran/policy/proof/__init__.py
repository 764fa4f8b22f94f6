"""Evidence (KRY-2.4): commitments written with what they speak of, sealed in a signed chain, witnessed from outside."""
