"""What many calls cost: the charge itself, remembered where it depends on the rate and the seconds alone."""

from __future__ import annotations

from datetime import datetime

from cadran.catalog.rules import PLAIN, Rate
from cadran.rating import counting as recount
from cadran.rating import rules as rating
from cadran.rating.counting import Counting
from cadran.units.clause import carries

REMEMBERED = 100_000


class Prices:
    """`micros` is `rating.charge(...).micros`. The rates asked for live at least as long as this."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], int] = {}
        self._counted: dict[tuple[int, Counting], Rate] = {}

    @carries("KRY-4.4.1-per-minute", "LAW-per-second")
    def counted(self, rate: Rate, counting: Counting | None) -> Rate:
        """A rate in the increments that the contract or the law gave a call; as it is where they gave none."""
        if counting is None:
            return rate
        key = id(rate), counting
        if key not in self._counted:
            self._counted[key] = recount.counted(rate, counting)
        return self._counted[key]

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
