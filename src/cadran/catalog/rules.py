"""Prices of usage as values: a rate, its time bands, and from which day a price holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from cadran.units import period
from cadran.units.clause import carries
from cadran.units.errors import InvalidInput

NANOS_A_MICRO = 1_000
MAX_PRICE_NANOS = 1_000 * 10**9
MAX_FEE_MICROS = 1_000 * 10**6
MAX_INCREMENT_S = 86_400
MAX_PREFIX = 15
ALWAYS_FROM = datetime(1970, 1, 1, tzinfo=UTC)
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
STANDARD_DECK = "world"


class InvalidRate(InvalidInput):
    """A price that nobody could charge by: negative, too large, without increments, or with bands that overlap."""

    error_id = "catalog-rate-invalid"


class TaxBasis(StrEnum):
    """What a deck says of tax. `not_stated` is shown as such, never guessed."""

    INCLUDED = "included"
    EXCLUDED = "excluded"
    NOT_STATED = "not stated"


class DeckState(StrEnum):
    """A draft is only looked at; an activated deck prices calls from its effective date on, and is never changed."""

    DRAFT = "draft"
    ACTIVATED = "activated"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBand:
    """A named time band with a price of its own, in the civil time of `zone` (an IANA name).

    weekdays: Monday is 0; the days on which the band runs, unless the day is one of `holidays`.
    windows: half-open (from, to) in minutes of the civil day, 0 to 1440; a night is two windows.
    on_holidays: the band runs on the days of `holidays`; without it, it does not run on them.
    price_nanos: 1e-9 of the currency, per minute.
    """

    name: str
    zone: str
    price_nanos: int
    weekdays: frozenset[int] = frozenset(range(7))
    windows: tuple[tuple[int, int], ...] = ((0, 1440),)
    holidays: frozenset[date] = frozenset()
    on_holidays: bool = False

    def runs(self, at: datetime) -> bool:
        """Whether the band runs at that instant; on days of clock change it follows the wall clock of its zone."""
        civil = at.astimezone(_zone(self.zone))
        if civil.date() in self.holidays:
            if not self.on_holidays:
                return False
        elif civil.weekday() not in self.weekdays:
            return False
        minute = civil.hour * 60 + civil.minute
        return any(start <= minute < end for start, end in self.windows)

    def overlaps(self, other: TimeBand) -> bool:
        """Whether both may run at one instant. Bands of different zones always may."""
        if self.zone != other.zone:
            return True
        both_on_holidays = self.on_holidays and other.on_holidays
        if not (self.weekdays & other.weekdays or both_on_holidays or self._holiday_meets(other)):
            return False
        return any(a < d and c < b for a, b in self.windows for c, d in other.windows)

    def _holiday_meets(self, other: TimeBand) -> bool:
        """A holiday that only one of the two knows may be an ordinary day of the other."""
        mine = self.on_holidays and any(day.weekday() in other.weekdays for day in self.holidays - other.holidays)
        theirs = other.on_holidays and any(day.weekday() in self.weekdays for day in other.holidays - self.holidays)
        return mine or theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One line of a deck: what a call towards numbers that begin with `prefix` (E.164 digits) costs.

    destination: its name in the brand's language; destination_en: in English, or empty where it is the same.
    price_nanos: 1e-9 of the currency, per minute, outside every band. first_s, next_s: billed seconds of the first and of
    each further increment. connection_micros: added to every answered call. minimum_micros: the least that an answered
    call costs. valid_from, valid_to: half-open, aware UTC. deck, version, line: where it stands, for explanations; the
    line counts from 1, the header included.
    """

    prefix: str
    destination: str
    currency: str
    price_nanos: int
    first_s: int = 1
    next_s: int = 1
    connection_micros: int = 0
    minimum_micros: int = 0
    valid_from: datetime = ALWAYS_FROM
    valid_to: datetime = FOR_EVER
    bands: tuple[TimeBand, ...] = ()
    destination_en: str = ""
    deck: str = ""
    version: str = ""
    line: int = 0


def check_rate(rate: Rate) -> None:
    """Raises InvalidRate where a rate cannot be charged by. The limits keep every product of a day's call below 2**63."""
    if (
        not (rate.prefix.isascii() and rate.prefix.isdigit() and len(rate.prefix) <= MAX_PREFIX)
        or rate.prefix[0] == "0"
    ):
        raise InvalidRate(f"a prefix is 1 to {MAX_PREFIX} digits and starts with a country code, not {rate.prefix!r}")
    if any(not 0 <= price <= MAX_PRICE_NANOS for price in (rate.price_nanos, *(b.price_nanos for b in rate.bands))):
        raise InvalidRate("a price lies between 0 and 1000 a minute")
    if not (1 <= rate.first_s <= MAX_INCREMENT_S and 1 <= rate.next_s <= MAX_INCREMENT_S):
        raise InvalidRate(f"an increment lies between 1 and {MAX_INCREMENT_S} seconds")
    if not (0 <= rate.connection_micros <= MAX_FEE_MICROS and 0 <= rate.minimum_micros <= MAX_FEE_MICROS):
        raise InvalidRate("a connection fee and a minimum charge lie between 0 and 1000")
    if rate.valid_from >= rate.valid_to:
        raise InvalidRate("a rate must end after it starts")
    check_bands(rate.bands)


def check_bands(bands: tuple[TimeBand, ...]) -> None:
    """Raises InvalidRate where two bands of one rate may run at the same instant."""
    for index, band in enumerate(bands):
        for start, end in band.windows:
            if not 0 <= start < end <= 1440:
                raise InvalidRate("a window of a band lies within one day: write a night as 00:00-06:00 22:00-24:00")
        if any(after[0] < before[1] for before, after in pairwise(sorted(band.windows))):
            raise InvalidRate(f"the windows of the band {band.name} overlap")
        for other in bands[index + 1 :]:
            if band.overlaps(other):
                raise InvalidRate(f"the bands {band.name} and {other.name} overlap: one instant must have one price")


@carries("KRY-4.5.1-price-of-the-day")
def next_price_day(at: datetime, zone: str) -> datetime:
    """The next midnight of `zone` after `at`, in UTC: the earliest instant at which an increase may take effect."""
    return period.midnight(period.civil_day(at, zone) + timedelta(days=1), zone)


@carries("KRY-4.5.1-price-of-the-day")
def price_day(at: datetime, zone: str) -> period.Period:
    """The civil day of `zone` that `at` lies in: one price holds for all of it."""
    day = period.civil_day(at, zone)
    return period.Period(period.midnight(day, zone), period.end_of_civil_day(day, zone))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
