"""Files of the outside world that the catalogue reads."""
