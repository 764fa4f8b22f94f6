"""A card provider that speaks the part of Stripe's API that a hosted card page needs, with its own page and webhooks."""
