"""The price of a rate, counted in the increments of a contract or of the law instead of those of its line. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from cadran.catalog.rules import PLAIN, Rate, TimeBand
from cadran.units.clause import carries


@dataclass(frozen=True, slots=True)
class Counting:
    """Seconds of the first and of each further increment. connection_micros: the fee of each answered call, None for that of the
    line."""

    first_s: int
    next_s: int
    connection_micros: int | None = None

    @property
    def text(self) -> str:
        """For instance `60/60`."""
        return f"{self.first_s}/{self.next_s}"

    @property
    def per_second(self) -> bool:
        return self.first_s == self.next_s == 1


def of_rate(rate: Rate) -> Counting:
    """How a rate counts, fee included."""
    return Counting(rate.first_s, rate.next_s, rate.connection_micros)


@lru_cache(4096)
@carries("KRY-4.4.1-per-minute", "LAW-per-second", "KRY-4.5.1-price-of-the-day")
def counted(rate: Rate, counting: Counting) -> Rate:
    """The same prices, counted so: increments everywhere, the fee where one is named, no least charge, and the price of the call's
    start to its end."""
    fee = rate.connection_micros if counting.connection_micros is None else counting.connection_micros
    tariff = rate.tariff
    if tariff is not None:
        groups = tuple(replace(group, increment_s=counting.next_s) for group in tariff.groups)
        tariff = replace(tariff, groups=groups, split=False)
        tariff = None if tariff == PLAIN else tariff
    return replace(
        rate,
        first_s=counting.first_s,
        next_s=counting.next_s,
        connection_micros=fee,
        minimum_micros=0,
        bands=tuple(_band(band, counting) for band in rate.bands),
        tariff=tariff,
        successors=(),
    )


def _band(band: TimeBand, counting: Counting) -> TimeBand:
    own = band.pricing
    if own is None:
        return band
    own = replace(
        own,
        first_s=counting.first_s,
        next_s=counting.next_s,
        connection_micros=own.connection_micros if counting.connection_micros is None else counting.connection_micros,
        minimum_micros=0,
        groups=tuple(replace(group, increment_s=counting.next_s) for group in own.groups),
    )
    return replace(band, pricing=own)
