"""Four eyes: what one member of staff proposes and, above a limit, another approves before it is done."""
