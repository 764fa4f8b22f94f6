"""What a call of chaos must cost, worked out a second time: from the run's own price list, in fractions, increment by increment.

It shares no code with the rating that it checks. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Paris")
NIGHT = (19, 8)  # o'clock of the zone: from, until the next day


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A price list's line. Prices are nanos of the currency for a minute.

    later: the instant from which another price holds for calls that begin then; night_nanos: the price while it is night.
    """

    price_nanos: int
    first_s: int = 1
    next_s: int = 1
    connection_micros: int = 0
    minimum_micros: int = 0
    later: tuple[datetime, int] | None = None
    night_nanos: int | None = None


def micros(tariff: Tariff, seconds: int, at: datetime) -> int:
    """What `seconds` of a call that was asked for at `at` (aware) cost, rounded half up once."""
    return _micros(tariff, price_nanos(tariff, at), seconds)


def price_nanos(tariff: Tariff, at: datetime) -> int:
    """The price of a minute that holds for a call asked for at that instant."""
    if tariff.night_nanos is not None:
        hour = at.astimezone(ZONE).hour
        return tariff.night_nanos if hour >= NIGHT[0] or hour < NIGHT[1] else tariff.price_nanos
    if tariff.later is not None and at >= tariff.later[0]:
        return tariff.later[1]
    return tariff.price_nanos


@lru_cache(maxsize=50_000)
def _micros(tariff: Tariff, nanos: int, seconds: int) -> int:
    if seconds == 0:
        return 0
    raw, passed = Fraction(tariff.connection_micros), 0
    while passed < seconds:
        increment = tariff.next_s if passed else tariff.first_s
        raw += Fraction(nanos * increment, 60 * 1000)
        passed += increment
    raw = max(raw, Fraction(tariff.minimum_micros))
    return int((2 * raw + 1) // 2)
