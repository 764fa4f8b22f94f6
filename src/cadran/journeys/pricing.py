"""What many calls cost: the charge itself, remembered where it depends on the rate and the seconds alone."""

from __future__ import annotations

from datetime import datetime

from cadran.catalog.rules import PLAIN, Rate
from cadran.rating import rules as rating

REMEMBERED = 100_000


class Prices:
    """`micros` is `rating.charge(...).micros`. The rates asked for live at least as long as this."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], int] = {}

    def micros(self, rate: Rate, seconds: int, at: datetime) -> int:
        """What a call of that rate costs, as `rating.charge` says."""
        if rate.bands or (rate.tariff or PLAIN).split:
            return rating.charge(rate, seconds, at).micros
        key = (id(rate), seconds)
        if (known := self._known.get(key)) is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[key] = rating.charge(rate, seconds, at).micros
        return known
