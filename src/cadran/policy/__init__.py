"""The clause register, the dated values of the terms, and decisions that name what they rest on."""
