"""The walk of a call through its tariff: which increments it has, and at what price each begins. Exact integers, pure.

Elapsed seconds count from the call's start `at`. An increment is whole, and priced where it begins: docs/reference/tariff-language.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from cadran.catalog.rules import PLAIN, Pricing, Rate, RateGroup, TimeBand
from cadran.units import period

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Run:
    """Increments of one length and price in a row. kind: first | next. start_s: elapsed seconds at the first of them; `units`
    increments of `increment_s` seconds, at `price_nanos` for each `unit_s` seconds. rate, band: what the price is of."""

    kind: str
    start_s: int
    units: int
    increment_s: int
    price_nanos: int
    unit_s: int
    band: str
    rate: Rate

    @property
    def end_s(self) -> int:
        return self.start_s + self.units * self.increment_s

    @property
    def exact(self) -> Fraction:
        """In micro-units."""
        return Fraction(self.price_nanos * self.units * self.increment_s, self.unit_s * 1000)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Elapsed seconds until which (not included) one pricing holds, with its rate and the name of its band."""

    until_s: int
    pricing: Pricing
    band: str
    rate: Rate


def is_plain(rate: Rate) -> bool:
    """Whether a rate uses nothing of the language beyond increments, fees and bands with a price of their own."""
    return rate.tariff is None and (not rate.bands or all(band.pricing is None for band in rate.bands))


def band_at(rate: Rate, at: datetime) -> TimeBand | None:
    """The heaviest band that runs at that instant."""
    found = None
    for band in rate.bands:
        if (found is None or band.weight > found.weight) and band.runs(at):
            found = band
    return found


def pricing_of(rate: Rate, band: TimeBand | None) -> Pricing:
    """All that one band of a rate prices, or the rate outside its bands."""
    if band is not None and band.pricing is not None:
        return band.pricing
    tariff = rate.tariff or PLAIN
    return Pricing(
        price_nanos=rate.price_nanos if band is None else band.price_nanos,
        unit_s=tariff.unit_s,
        first_s=rate.first_s,
        next_s=rate.next_s,
        connection_micros=rate.connection_micros,
        minimum_micros=rate.minimum_micros,
        groups=tariff.groups if band is None else (),
    )


def runs(rate: Rate, seconds: int, at: datetime) -> Iterator[Run]:
    """The increments of `seconds` of a call that starts at `at`, in their order."""
    elapsed = (rate.tariff or PLAIN).free_s
    first = True
    for stretch in stretches(rate, at, seconds):
        while elapsed < min(stretch.until_s, seconds):
            group, bound = _group(stretch.pricing, elapsed, min(stretch.until_s, seconds))
            price = group or stretch.pricing
            size = group.increment_s if group else stretch.pricing.first_s if first else stretch.pricing.next_s
            units = 1 if first else -((elapsed - bound) // size)
            yield Run(
                "first" if first else "next",
                elapsed,
                units,
                size,
                price.price_nanos,
                price.unit_s,
                stretch.band,
                stretch.rate,
            )
            elapsed += units * size
            first = False


def stretches(rate: Rate, at: datetime, seconds: int) -> Iterator[Stretch]:
    """The pricings of a call of at most `seconds`, one after the other; the last one holds to the end."""
    if not (rate.tariff or PLAIN).split:
        band = band_at(rate, at)
        yield Stretch(seconds, pricing_of(rate, band), band.name if band else "", rate)
        return
    end, begun, current = at + timedelta(seconds=seconds), at, rate
    for successor in rate.successors:
        if successor.valid_from >= end:
            break
        yield from _banded(current, at, begun, successor.valid_from)
        begun, current = successor.valid_from, successor
    yield from _banded(current, at, begun, end)


def _banded(rate: Rate, at: datetime, begun: datetime, until: datetime) -> Iterator[Stretch]:
    """The stretches of one rate from `begun` to `until`; equal neighbours are one."""
    current = band_at(rate, begun)
    if rate.bands:
        for edge in _edges(rate.bands, begun, until):
            band = band_at(rate, edge)
            if band is not current:
                yield Stretch(_elapsed(at, edge), pricing_of(rate, current), current.name if current else "", rate)
                current = band
    yield Stretch(_elapsed(at, until), pricing_of(rate, current), current.name if current else "", rate)


def _elapsed(at: datetime, edge: datetime) -> int:
    """The first whole elapsed second at or after an instant."""
    return -((at - edge) // _SECOND)


def _group(pricing: Pricing, elapsed: int, until: int) -> tuple[RateGroup | None, int]:
    """The group that an increment which begins now belongs to, None before the first; where the next one starts, at most `until`."""
    found = None
    for group in pricing.groups:
        if group.from_s > elapsed:
            return found, min(group.from_s, until)
        found = group
    return found, until


def _edges(bands: tuple[TimeBand, ...], begun: datetime, until: datetime) -> list[datetime]:
    """The instants between the two at which a band may start or end, in order."""
    found: set[datetime] = set()
    for zone in {band.zone for band in bands}:
        minutes = frozenset(
            minute
            for band in bands
            if band.zone == zone
            for window in band.windows
            for minute in window
            if minute < 1440
        )
        day, last = period.civil_day(begun, zone), period.civil_day(until, zone)
        while day <= last:
            found.update(edge for edge in _edges_of_day(zone, minutes | {0}, day) if begun < edge < until)
            day += _DAY
    return sorted(found)


@lru_cache(maxsize=4096)
def _edges_of_day(zone: str, minutes: frozenset[int], day: date) -> tuple[datetime, ...]:
    """The instants of those minutes of a civil day (both, where the clock shows one twice), and that of a clock change in it."""
    place = ZoneInfo(zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=place)
    found = {
        period.utc(noon.replace(hour=minute // 60, minute=minute % 60, fold=fold))
        for minute in minutes
        for fold in (0, 1)
    }
    start = period.midnight(day, zone)
    end = period.end_of_civil_day(day, zone)
    if start.astimezone(place).utcoffset() != end.astimezone(place).utcoffset():
        found.add(_change(place, start, end))
    return tuple(found)


def _change(place: ZoneInfo, start: datetime, end: datetime) -> datetime:
    """The second between two instants at which the offset of a zone changes."""
    before = start.astimezone(place).utcoffset()
    while (left := (end - start) // _SECOND) > 1:
        middle = start + timedelta(seconds=left // 2)
        if middle.astimezone(place).utcoffset() == before:
            start = middle
        else:
            end = middle
    return end
