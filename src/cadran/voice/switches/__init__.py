"""Outside switches: they carry the calls themselves and ask Cadran who may call, for how long, and what it cost."""
