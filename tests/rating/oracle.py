"""The exact oracle of rating. It is shipped, so that `cadran bench rating` can hold ten million calls against it."""

from cadran.commands.bench_rating_oracle import Expected, charge, cut_s, find, instant

__all__ = ["Expected", "charge", "cut_s", "find", "instant"]
