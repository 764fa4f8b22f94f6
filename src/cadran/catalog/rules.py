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
MAX_UNIT_S = 10**9
MAX_GROUPS = 50
MAX_DECIMALS = 12
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


class AtMaximum(StrEnum):
    """What happens to a call whose price has reached the rate's maximum: it is cut, or goes on for nothing."""

    CUT = "cut"
    FREE = "free"


class Rounding(StrEnum):
    """How the charge, once, becomes a multiple of its last decimal. Half of it goes up in HALF_UP."""

    HALF_UP = "half-up"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateGroup:
    """The price from `from_s` seconds after the answer on, until the next group: price_nanos (1e-9 of the currency) for each
    `unit_s` seconds, counted in increments of `increment_s` seconds. An increment belongs to the group in which it begins."""

    from_s: int
    price_nanos: int
    unit_s: int = 60
    increment_s: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """All that a time band may price otherwise than its rate: price_nanos for each `unit_s` seconds, the increments, the fees
    (micros), and groups by elapsed time, the first of which starts after 0."""

    price_nanos: int
    unit_s: int = 60
    first_s: int = 1
    next_s: int = 1
    connection_micros: int = 0
    minimum_micros: int = 0
    groups: tuple[RateGroup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What few rates need, shared by all that need the same.

    unit_s: the seconds that the rate's price_nanos is for. free_s: seconds after the answer that cost nothing; increments are counted
    from their end. groups: prices by elapsed time, the first of which starts after 0. maximum_micros: the most that a call costs, and
    at_maximum what follows. rounding, decimals: the one rounding, of usage and connection fee together; 6 decimals is a micro-unit,
    and more than 6 round the amount to 6. split: what a call costs follows the bands and the dates of rates while it
    lasts; otherwise the price of its start holds to its end.
    """

    unit_s: int = 60
    free_s: int = 0
    groups: tuple[RateGroup, ...] = ()
    maximum_micros: int | None = None
    at_maximum: AtMaximum = AtMaximum.CUT
    rounding: Rounding = Rounding.HALF_UP
    decimals: int = 6
    split: bool = False


PLAIN = Tariff()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBand:
    """A named time band with a price of its own, in the civil time of `zone` (an IANA name).

    weekdays: Monday is 0; the days on which the band runs, unless the day is one of `holidays`.
    windows: half-open (from, to) in minutes of the civil day, 0 to 1440; a night is two windows.
    on_holidays: the band runs on the days of `holidays`; without it, it does not run on them.
    price_nanos: 1e-9 of the currency, for the seconds that the rate's price is for (a minute), or `pricing.unit_s` where stated.
    weight: of two bands that run at one instant the heavier counts; two of the same weight may not meet.
    years, months, month_days: the band runs in these alone; empty means all. pricing: increments, fees and groups of its own, with
    the same price_nanos; without it, those of the rate hold (its groups do not).
    """

    name: str
    zone: str
    price_nanos: int
    weekdays: frozenset[int] = frozenset(range(7))
    windows: tuple[tuple[int, int], ...] = ((0, 1440),)
    holidays: frozenset[date] = frozenset()
    on_holidays: bool = False
    weight: int = 0
    years: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    pricing: Pricing | None = None

    def runs(self, at: datetime) -> bool:
        """Whether the band runs at that instant; on days of clock change it follows the wall clock of its zone."""
        civil = at.astimezone(_zone(self.zone))
        if civil.date() in self.holidays:
            if not self.on_holidays:
                return False
        elif civil.weekday() not in self.weekdays:
            return False
        if not self._dated(civil.date()):
            return False
        minute = civil.hour * 60 + civil.minute
        return any(start <= minute < end for start, end in self.windows)

    def _dated(self, day: date) -> bool:
        return (
            (not self.years or day.year in self.years)
            and (not self.months or day.month in self.months)
            and (not self.month_days or day.day in self.month_days)
        )

    def overlaps(self, other: TimeBand) -> bool:
        """Whether both may run at one instant. Bands of different zones always may."""
        if self.zone != other.zone:
            return True
        for mine, theirs in (
            (self.years, other.years),
            (self.months, other.months),
            (self.month_days, other.month_days),
        ):
            if mine and theirs and not mine & theirs:
                return False
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
    tariff: Tariff | None = None
    successors: tuple[Rate, ...] = ()


def check_rate(rate: Rate) -> None:
    """Raises InvalidRate where a rate cannot be charged by. The limits keep every product of a day's call below 2**63."""
    if (
        not (rate.prefix.isascii() and rate.prefix.isdigit() and len(rate.prefix) <= MAX_PREFIX)
        or rate.prefix[0] == "0"
    ):
        raise InvalidRate(f"a prefix is 1 to {MAX_PREFIX} digits and starts with a country code, not {rate.prefix!r}")
    tariff = rate.tariff or PLAIN
    _check_price(rate.price_nanos, tariff.unit_s)
    _check_increments(rate.first_s, rate.next_s)
    _check_fees(rate.connection_micros, rate.minimum_micros)
    if rate.valid_from >= rate.valid_to:
        raise InvalidRate("a rate must end after it starts")
    check_tariff(tariff)
    check_bands(rate.bands, tariff.unit_s)


def check_tariff(tariff: Tariff) -> None:
    """Raises InvalidRate where a tariff cannot be charged by."""
    check_groups(tariff.groups)
    if not 0 <= tariff.free_s <= MAX_INCREMENT_S:
        raise InvalidRate(f"free seconds lie between 0 and {MAX_INCREMENT_S}")
    if tariff.maximum_micros is not None and not 0 <= tariff.maximum_micros <= MAX_FEE_MICROS:
        raise InvalidRate("the most that a call costs lies between 0 and 1000")
    if not 0 <= tariff.decimals <= MAX_DECIMALS:
        raise InvalidRate(f"an amount is rounded to 0 to {MAX_DECIMALS} decimals")


def check_groups(groups: tuple[RateGroup, ...]) -> None:
    """Raises InvalidRate where groups by elapsed time do not follow one another."""
    if len(groups) > MAX_GROUPS:
        raise InvalidRate(f"a rate has at most {MAX_GROUPS} groups by elapsed time")
    last = 0
    for group in groups:
        if not last < group.from_s <= MAX_INCREMENT_S:
            raise InvalidRate("groups by elapsed time start after 0, in order, within a day")
        last = group.from_s
        _check_price(group.price_nanos, group.unit_s)
        _check_increments(group.increment_s)


def check_bands(bands: tuple[TimeBand, ...], unit_s: int = 60) -> None:
    """Raises InvalidRate where a band cannot be charged by, or two of one weight may run at the same instant. unit_s: the seconds
    that the price of a band without `pricing` is for."""
    for index, band in enumerate(bands):
        for start, end in band.windows:
            if not 0 <= start < end <= 1440:
                raise InvalidRate("a window of a band lies within one day: write a night as 00:00-06:00 22:00-24:00")
        if any(after[0] < before[1] for before, after in pairwise(sorted(band.windows))):
            raise InvalidRate(f"the windows of the band {band.name} overlap")
        _check_pricing(band, unit_s)
        for other in bands[index + 1 :]:
            if band.weight == other.weight and band.overlaps(other):
                raise InvalidRate(f"the bands {band.name} and {other.name} overlap: one instant must have one price")


def _check_pricing(band: TimeBand, unit_s: int) -> None:
    own = band.pricing
    if own is None:
        _check_price(band.price_nanos, unit_s)
        return
    if own.price_nanos != band.price_nanos:
        raise InvalidRate(f"the band {band.name} states two prices")
    _check_price(own.price_nanos, own.unit_s)
    _check_increments(own.first_s, own.next_s)
    _check_fees(own.connection_micros, own.minimum_micros)
    check_groups(own.groups)


def _check_price(nanos: int, unit_s: int) -> None:
    if not 1 <= unit_s <= MAX_UNIT_S:
        raise InvalidRate(f"a price is for 1 to {MAX_UNIT_S} seconds")
    if not 0 <= nanos * 60 <= MAX_PRICE_NANOS * unit_s:
        raise InvalidRate("a price lies between 0 and 1000 a minute")


def _check_increments(*lengths: int) -> None:
    if not all(1 <= length <= MAX_INCREMENT_S for length in lengths):
        raise InvalidRate(f"an increment lies between 1 and {MAX_INCREMENT_S} seconds")


def _check_fees(connection: int, minimum: int) -> None:
    if not (0 <= connection <= MAX_FEE_MICROS and 0 <= minimum <= MAX_FEE_MICROS):
        raise InvalidRate("a connection fee and a minimum charge lie between 0 and 1000")


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
