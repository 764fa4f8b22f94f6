"""Registration, sign-in and what the customer keeps up to date about itself."""
