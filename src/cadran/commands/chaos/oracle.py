"""What a call of chaos must cost, worked out a second time: from the run's own price list, in fractions, increment by increment.

It shares no code with the rating that it checks. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Paris")
NIGHT = (19, 8)  # o'clock of the zone: from, until the next day


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A price list's line. Prices are nanos of the currency for a minute.

    later: the instant from which another price holds; night_nanos: the price while it is night. Both by the call's start, or with
    `split` by the instant at which each increment begins. groups: from an elapsed second on, a price and an increment.
    maximum_micros: the most that a call costs, which is cut there unless `goes_on`. rounding: half-up, up or down, at `decimals`.
    """

    price_nanos: int
    first_s: int = 1
    next_s: int = 1
    connection_micros: int = 0
    minimum_micros: int = 0
    later: tuple[datetime, int] | None = None
    night_nanos: int | None = None
    split: bool = False
    free_s: int = 0
    groups: tuple[tuple[int, int, int], ...] = ()
    maximum_micros: int | None = None
    goes_on: bool = False
    rounding: str = "half-up"
    decimals: int = 6


def micros(tariff: Tariff, seconds: int, at: datetime) -> int:
    """What `seconds` of a call that was asked for at `at` (aware) cost."""
    if not tariff.split:
        return _micros(tariff, price_nanos(tariff, at), None, seconds)
    return _micros(tariff, 0, at, seconds)


def price_nanos(tariff: Tariff, at: datetime) -> int:
    """The price of a minute that holds at that instant, groups aside."""
    if tariff.night_nanos is not None:
        hour = at.astimezone(ZONE).hour
        return tariff.night_nanos if hour >= NIGHT[0] or hour < NIGHT[1] else tariff.price_nanos
    if tariff.later is not None and at >= tariff.later[0]:
        return tariff.later[1]
    return tariff.price_nanos


@lru_cache(maxsize=50_000)
def _micros(tariff: Tariff, nanos: int, at: datetime | None, seconds: int) -> int:
    """With `at` the price is looked up for each increment, without it `nanos` holds all along."""
    if seconds == 0:
        return 0
    raw, passed, first = Fraction(tariff.connection_micros), tariff.free_s, True
    while passed < seconds:
        price = nanos if at is None else price_nanos(tariff, at + timedelta(seconds=passed))
        increment = tariff.first_s if first else tariff.next_s
        for from_s, group_nanos, group_increment_s in tariff.groups:
            if passed >= from_s:
                price, increment = group_nanos, group_increment_s
        raw += Fraction(price * increment, 60 * 1000)
        passed, first = passed + increment, False
    return _bounded(tariff, _rounded(tariff, raw))


def _rounded(tariff: Tariff, raw: Fraction) -> int:
    unit: int = 10 ** (6 - tariff.decimals)
    whole = int(raw // unit)
    rest = raw - whole * unit
    up = {"half-up": 2 * rest >= unit, "up": rest > 0, "down": False}[tariff.rounding]
    return (whole + up) * unit


def _bounded(tariff: Tariff, charge: int) -> int:
    charge = max(charge, tariff.minimum_micros)
    return charge if tariff.maximum_micros is None else min(charge, tariff.maximum_micros)
