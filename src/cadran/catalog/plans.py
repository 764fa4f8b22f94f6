"""A tariff plan of another rating engine, as its files state it: rates in exact fractions, timings, destinations, profiles. Pure.

The words are those of CGRateS, whose model this is: a profile (tenant, category, subject) has rating plans that become active one
after the other; a plan binds destination rates to timings with a weight; a destination rate prices the prefixes of a destination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

ANY = "*any"
DAY_S = 86_400
ROUND_UP, ROUND_MIDDLE, ROUND_DOWN = "*up", "*middle", "*down"
FREE, DISCONNECT = "*free", "*disconnect"
DEFAULT_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One group of a rate: from `start_s` seconds after the answer on, `rate` for each `unit_s` seconds, in whole `increment_s`. fee:
    due when the call comes into the group."""

    start_s: Fraction
    rate: Fraction
    unit_s: Fraction
    increment_s: Fraction
    fee: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRate:
    """A rate: its fee once a call, and its groups in the order of their starts, the first of which starts at 0."""

    tag: str
    connect_fee: Fraction
    slots: tuple[Slot, ...]

    def slot(self, elapsed_s: Fraction) -> Slot:
        """The group in which an increment that begins then lies."""
        return [slot for slot in self.slots if slot.start_s <= elapsed_s][-1]

    def next_start(self, elapsed_s: Fraction) -> Fraction | None:
        """Where the next group begins, if there is one."""
        return next((slot.start_s for slot in self.slots if slot.start_s > elapsed_s), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a binding is in force: civil days by year, month, day of the month and weekday (Monday 0; empty: all), and the seconds of
    the day from `start_s` until `end_s`."""

    tag: str
    years: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    start_s: int = 0
    end_s: int = DAY_S

    def runs(self, civil: datetime) -> bool:
        """Whether it is in force at that civil time."""
        return (
            (not self.years or civil.year in self.years)
            and (not self.months or civil.month in self.months)
            and (not self.month_days or civil.day in self.month_days)
            and (not self.weekdays or civil.weekday() in self.weekdays)
            and self.start_s <= civil.hour * 3600 + civil.minute * 60 + civil.second < self.end_s
        )


ALWAYS = Timing(tag=ANY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A rate bound to a timing with a weight, and what its destination rate says of rounding and of the most a call costs.

    decimals None: not stated. maximum None: none. line: of DestinationRates.csv.
    """

    rate: PlanRate
    timing: Timing
    weight: Fraction
    rounding: str = ROUND_MIDDLE
    decimals: int | None = None
    maximum: Fraction | None = None
    strategy: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingPlan:
    """Intervals by the tag of their destination (`*any` too), in the order of the files."""

    tag: str
    by_destination: Mapping[str, tuple[Interval, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """From `at` on a profile has the plan; where the plan does not price a destination, the fall-back subjects do, in turn."""

    at: datetime
    plan: str
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPlan:
    """A whole folder. prefixes: the destinations' tags by prefix, as it is written. profiles: activations in the order of their
    instants, by (tenant, category, subject)."""

    prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plans: Mapping[str, RatingPlan] = field(default_factory=dict)
    profiles: Mapping[tuple[str, str, str], tuple[Activation, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixLine:
    """A line of a price list by prefix, as ASTPP, MagnusBilling and A2Billing have them; the prefix "" is for any number.

    free_s: seconds that cost nothing, before the first increment. least_s: a shorter call costs nothing at all. billed_from_s: a
    shorter call is counted as so long. minimum: the least that a call costs. ending: a fee at the end of a call of `ending_after_s`
    seconds or more.
    """

    prefix: str
    destination: str
    rate: PlanRate
    line: int
    minimum: Fraction = Fraction(0)
    free_s: int = 0
    least_s: int = 0
    billed_from_s: int = 0
    ending: Fraction = Fraction(0)
    ending_after_s: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixPlan:
    """The lines of a price list by their prefix."""

    lines: Mapping[str, tuple[PrefixLine, ...]]

    def find(self, digits: str, at: datetime) -> PrefixLine | None:
        """The line of the longest prefix that is valid then; of two of one prefix the later in the file."""
        for length in range(len(digits), -1, -1):
            for line in reversed(self.lines.get(digits[:length], ())):
                if (line.valid_from is None or line.valid_from <= at) and (line.valid_to is None or at < line.valid_to):
                    return line
        return None
