"""The exact oracle of rating: the tariff language taken at its word, in fractions, one increment after the other.

It shares no code with rating.rules, rating.increments or the compiled tables, reads civil time from zoneinfo, and is slow on purpose:
nothing in it is clever. Whatever Cadran charges by must agree with it to the micro-unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from cadran.catalog.rules import AtMaximum, Rate, RateGroup, Rounding, Tariff, TimeBand

PLAIN = Tariff()
MAX_SECONDS = 100 * 86_400


@dataclass(frozen=True)
class Expected:
    """What a call must cost. micros: rounded; exact: before the rounding, with minimum and maximum, in micro-units; band: the place
    (from 1) of the band of its start among the rate's bands, 0 for none."""

    micros: int
    billed_s: int
    exact: Fraction
    band: int


@dataclass(frozen=True)
class Price:
    """How one instant is priced."""

    nanos: int
    unit_s: int
    first_s: int
    next_s: int
    connection_micros: int
    minimum_micros: int
    groups: tuple[RateGroup, ...]


def find(rates: Iterable[Rate], digits: str, at: datetime) -> Rate | None:
    """Of the rates valid at `at` whose prefix the number begins with, that of the longest prefix."""
    valid = [rate for rate in rates if digits.startswith(rate.prefix) and rate.valid_from <= at < rate.valid_to]
    return max(valid, key=lambda rate: len(rate.prefix), default=None)


def runs(band: TimeBand, at: datetime) -> bool:
    """Whether the band runs in the minute of the wall clock that the instant lies in."""
    wall = at.astimezone(ZoneInfo(band.zone))
    day = wall.date()
    if band.years and day.year not in band.years:
        return False
    if band.months and day.month not in band.months:
        return False
    if band.month_days and day.day not in band.month_days:
        return False
    on_this_day = band.on_holidays if day in band.holidays else day.weekday() in band.weekdays
    minute = wall.hour * 60 + wall.minute
    return on_this_day and any(begin <= minute < end for begin, end in band.windows)


def band_at(rate: Rate, at: datetime) -> int:
    """The place of the heaviest band that runs, from 1; 0 where none does."""
    running = [(band.weight, -place) for place, band in enumerate(rate.bands, 1) if runs(band, at)]
    return -max(running)[1] if running else 0


def price_at(rate: Rate, at: datetime) -> Price:
    tariff = rate.tariff or PLAIN
    place = band_at(rate, at)
    if not place:
        return Price(
            rate.price_nanos,
            tariff.unit_s,
            rate.first_s,
            rate.next_s,
            rate.connection_micros,
            rate.minimum_micros,
            tariff.groups,
        )
    band = rate.bands[place - 1]
    own = band.pricing
    if own is None:
        return Price(
            band.price_nanos,
            tariff.unit_s,
            rate.first_s,
            rate.next_s,
            rate.connection_micros,
            rate.minimum_micros,
            (),
        )
    return Price(
        own.price_nanos,
        own.unit_s,
        own.first_s,
        own.next_s,
        own.connection_micros,
        own.minimum_micros,
        own.groups,
    )


Follow = Callable[[datetime], Rate | None]


def usage(rate: Rate, seconds: int, at: datetime, follow: Follow) -> tuple[Fraction, int]:
    """Micro-units of time, exact, and the seconds counted. follow: the rate of the number at an instant."""
    tariff = rate.tariff or PLAIN
    elapsed, first, current = tariff.free_s, True, rate
    price, minute = price_at(rate, at), at
    counted: dict[int, int] = {}  # price times seconds, by the seconds that the price is for
    while elapsed < seconds:
        moment = at + timedelta(seconds=elapsed)
        if tariff.split:
            now = follow(moment) or current
            if now is not current or moment.replace(second=0) != minute:
                current, minute = now, moment.replace(second=0)
                price = price_at(current, moment)
        begun = [group for group in price.groups if group.from_s <= elapsed]
        if begun:
            group = max(begun, key=lambda one: one.from_s)
            nanos, unit_s, length = group.price_nanos, group.unit_s, group.increment_s
        else:
            nanos, unit_s, length = price.nanos, price.unit_s, price.first_s if first else price.next_s
        counted[unit_s] = counted.get(unit_s, 0) + nanos * length
        elapsed += length
        first = False
    total = sum((Fraction(product, 1000 * unit_s) for unit_s, product in counted.items()), Fraction(0))
    return total, max(elapsed - tariff.free_s, 0)


def rounded(micros: Fraction, tariff: Tariff) -> int:
    """One rounding, at the tariff's decimals of the currency's unit, six at the most."""
    step = 10 ** (6 - min(tariff.decimals, 6))
    whole = micros / step
    down = whole.numerator // whole.denominator
    rest = whole - down
    if tariff.rounding is Rounding.UP:
        up = rest > 0
    elif tariff.rounding is Rounding.DOWN:
        up = False
    else:
        up = rest >= Fraction(1, 2)
    return int((down + up) * step)


def charge(rate: Rate, seconds: int, at: datetime, follow: Follow | None = None) -> Expected:
    """follow: the rate of the number at a later instant, for calls that are split; where it has none, the last one goes on."""
    place = band_at(rate, at)
    if seconds == 0:
        return Expected(0, 0, Fraction(0), place)
    tariff = rate.tariff or PLAIN
    start = price_at(rate, at)
    counted, billed_s = usage(rate, seconds, at, follow or (lambda _: rate))
    raw = counted + start.connection_micros
    exact = max(Fraction(start.minimum_micros), raw)
    micros = max(start.minimum_micros, rounded(raw, tariff))
    if tariff.maximum_micros is not None:
        exact = min(Fraction(tariff.maximum_micros), exact)
        micros = min(tariff.maximum_micros, micros)
    return Expected(micros, billed_s, exact, place)


def cut_s(rate: Rate, at: datetime, limit_s: int) -> int | None:
    """The longest call, at most limit_s, that the maximum allows; None where the rate cuts nothing. By trying every second."""
    tariff = rate.tariff or PLAIN
    if tariff.maximum_micros is None or tariff.at_maximum is not AtMaximum.CUT:
        return None
    longest = 0
    for seconds in range(1, limit_s + 1):
        raw = usage(rate, seconds, at, lambda _: rate)[0] + price_at(rate, at).connection_micros
        if rounded(raw, tariff) <= tariff.maximum_micros:
            longest = seconds
    return longest


def instant(seconds: int) -> datetime:
    """Seconds since 1970 to an aware instant."""
    return datetime.fromtimestamp(seconds, UTC)
