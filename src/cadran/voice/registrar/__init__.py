"""The registrar: where users can be reached."""
