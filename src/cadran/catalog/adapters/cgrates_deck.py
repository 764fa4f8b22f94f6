"""One profile of a CGRateS tariff plan as a deck file: dated base lines, time bands and groups. What no deck can say is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction

from cadran.catalog import bands, plan_search, plans, rules
from cadran.catalog.adapters import cgrates
from cadran.catalog.adapters.foreign_deck import decimal
from cadran.catalog.adapters.translation import Origin, Translation

COLUMNS = (
    *("prefix", "destination", "price", "per", "first_s", "next_s", "connection_fee", "effective_from", "effective_to"),
    *("band", "band_days", "band_hours", "band_zone", "band_weight", "band_years", "band_months", "band_month_days"),
    *("from_s", "maximum", "at_maximum", "rounding", "decimals", "split"),
)
ROUNDING = {plans.ROUND_UP: "up", plans.ROUND_MIDDLE: "half-up", plans.ROUND_DOWN: "down"}
Cells = dict[str, str]
_E164 = re.compile(r"[1-9][0-9]{0,14}")


class Unsaid(ValueError):
    """What a deck cannot say: column, code, message."""


def translate(reading: cgrates.Reading, tenant: str, category: str, subject: str, zone: str = "UTC") -> Translation:
    """The prices of a profile, its fall-back subjects included. Numbers of any destination become the prefixes 1 to 9."""
    plan = reading.plan
    translation = Translation(columns=COLUMNS, lines=reading.lines)
    translation.problems += reading.problems
    translation.problem_count += reading.problem_count
    names = [subject] if (tenant, category, subject) in plan.profiles else [plans.ANY]
    if (tenant, category, names[0]) not in plan.profiles:
        known = ", ".join(sorted(":".join(key) for key in plan.profiles)[:10])
        message = f"the plan has no profile {tenant}:{category}:{subject}, and none for *any: it has {known}"
        translation.wrong(Origin(0, cgrates.PROFILES), "Subject", "profile", message)
        return translation
    by_digits = {plan_search.bare(prefix): prefix for prefix in reversed(list(plan.prefixes))}
    numbers = _Numbers(translation, zone)
    for digits in sorted({*by_digits, *"123456789"}):
        asked = plan_search.Asked(plan, tenant, category, by_digits.get(digits, digits))
        numbers.take(digits, asked.pieces(names[0], rules.ALWAYS_FROM, rules.FOR_EVER, 1))
    return translation


class _Numbers:
    """Prefix after prefix. Many are priced alike, so that what their lines say is worked out once."""

    def __init__(self, translation: Translation, zone: str) -> None:
        self.translation, self.zone = translation, zone
        self.known: dict[tuple[object, ...], list[Cells] | Unsaid] = {}

    def take(self, digits: str, pieces: Sequence[plan_search.Piece]) -> None:
        """The lines of one prefix, for each time that another plan prices it."""
        for index, piece in enumerate(pieces):
            own = plan_search.bare(piece.match.prefix) == digits
            if not own and not (piece.match.prefix == plans.ANY and len(digits) == 1):
                continue
            until = pieces[index + 1].since if index + 1 < len(pieces) else rules.FOR_EVER
            origin = Origin(piece.intervals[0].line, cgrates.DESTINATION_RATES)
            names = {
                "prefix": digits,
                "destination": _name(piece.match.destination, digits),
                "effective_from": _instant(piece.since, rules.ALWAYS_FROM),
                "effective_to": _instant(until, rules.FOR_EVER),
            }
            found = self._lines(piece.intervals, split=len(pieces) > 1)
            if not _E164.fullmatch(digits):
                found = Unsaid(
                    "Prefix", "prefix", f"{digits[:40]} does not begin with a country code, as a deck's prefixes do"
                )
            if isinstance(found, Unsaid):
                self.translation.wrong(origin, *found.args)
                continue
            for cells in found:
                self.translation.add(origin, names | cells)

    def _lines(self, intervals: Sequence[plans.Interval], *, split: bool) -> list[Cells] | Unsaid:
        key = (split, *((id(one.rate), id(one.timing), one.weight, *_limits(one).values()) for one in intervals))
        if key not in self.known:
            try:
                self.known[key] = list(_lines(intervals, self.zone, split=split))
            except Unsaid as unsaid:
                self.known[key] = unsaid
        return self.known[key]


def _lines(found: Sequence[plans.Interval], zone: str, *, split: bool) -> Iterator[Cells]:
    """The cells of a price's lines but those that name it: of the base, of the bands, and of their groups."""
    ranked = sorted(
        enumerate(found),
        key=lambda pair: (pair[1].weight, pair[1].timing.start_s, -_price(pair[1].rate.slots[0]), -pair[0]),
    )
    intervals = [interval for _, interval in ranked]
    _same_limits(intervals)
    always = [index for index, one in enumerate(intervals) if _is_always(one.timing)]
    if always:
        intervals = intervals[always[-1] :]
    elif not _covered([one.timing for one in intervals]):
        raise Unsaid("TimingTag", "uncovered", "no timing runs at some times: a deck has a price at all times")
    base, others = intervals[0], intervals[1:] if always else intervals
    yield {**_pricing(base), **_limits(base), "split": "yes" if others or split else ""}
    yield from _groups(base, {})
    for weight, interval in enumerate(others, 1):
        band = {"band": f"{weight} {interval.timing.tag}"[:80]}
        yield {**band, **_pricing(interval), **_when(interval.timing, zone), "band_weight": str(weight)}
        yield from _groups(interval, band)


def _pricing(interval: plans.Interval) -> Cells:
    slot = interval.rate.slots[0]
    step = _whole(slot.increment_s, "RateIncrement")
    return {
        "price": decimal(slot.rate),
        "per": f"{_whole(slot.unit_s, 'RateUnit')}s",
        "first_s": step,
        "next_s": step,
        "connection_fee": decimal(interval.rate.connect_fee),
    }


def _groups(interval: plans.Interval, names: Cells) -> Iterator[Cells]:
    for slot in interval.rate.slots[1:]:
        yield {
            **names,
            "price": decimal(slot.rate),
            "per": f"{_whole(slot.unit_s, 'RateUnit')}s",
            "next_s": _whole(slot.increment_s, "RateIncrement"),
            "from_s": _whole(slot.start_s, "GroupIntervalStart"),
        }


def _limits(interval: plans.Interval) -> Cells:
    return {
        "maximum": decimal(interval.maximum) if interval.maximum is not None and interval.strategy else "",
        "at_maximum": {plans.FREE: "free", plans.DISCONNECT: "cut"}.get(interval.strategy, ""),
        "rounding": ROUNDING[interval.rounding],
        "decimals": "" if interval.decimals is None else str(min(interval.decimals, 12)),
    }


def _same_limits(intervals: Sequence[plans.Interval]) -> None:
    if len({tuple(_limits(one).values()) for one in intervals}) > 1:
        raise Unsaid(
            "MaxCost",
            "limits-differ",
            "rounding and maximum differ from one timing to another: a deck has one of each a price",
        )


def _when(timing: plans.Timing, zone: str) -> Cells:
    if timing.start_s % 60 or timing.end_s % 60:
        raise Unsaid("Time", "time-seconds", f"the timing {timing.tag} begins within a minute: a band begins with one")
    return {
        "band_days": " ".join(bands.DAYS[day] for day in sorted(timing.weekdays)) if timing.weekdays else "",
        "band_hours": f"{_clock(timing.start_s)}-{_clock(timing.end_s)}",
        "band_zone": zone,
        "band_years": " ".join(map(str, sorted(timing.years))),
        "band_months": " ".join(map(str, sorted(timing.months))),
        "band_month_days": " ".join(map(str, sorted(timing.month_days))),
    }


def _is_always(timing: plans.Timing) -> bool:
    dated = timing.years or timing.months or timing.month_days
    return not dated and len(timing.weekdays) in (0, 7) and (timing.start_s, timing.end_s) == (0, plans.DAY_S)


def _covered(timings: Sequence[plans.Timing]) -> bool:
    """Whether some timing runs at any time of any week; those of certain dates do not count."""
    weekly = [one for one in timings if not (one.years or one.months or one.month_days)]
    for day in range(7):
        reached = 0
        for one in sorted(weekly, key=lambda timing: timing.start_s):
            if (not one.weekdays or day in one.weekdays) and one.start_s <= reached:
                reached = max(reached, one.end_s)
        if reached < plans.DAY_S:
            return False
    return True


def _whole(value: Fraction, column: str) -> str:
    if value.denominator != 1:
        raise Unsaid(column, "part-of-a-second", f"{column} is a part of a second: a deck counts whole ones")
    return str(value.numerator)


def _price(slot: plans.Slot) -> Fraction:
    return slot.rate / slot.unit_s


def _name(destination: str, digits: str) -> str:
    return f"Any {digits}" if destination == plans.ANY else destination[:80]


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"


def _instant(at: datetime, none: datetime) -> str:
    return "" if at == none else at.isoformat().replace("+00:00", "Z")
