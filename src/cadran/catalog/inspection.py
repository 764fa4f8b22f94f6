"""What is suspicious in a deck: countries without a price, prices that end with nothing after, overlaps, prices that no call can
ever reach, and prices far from those of their neighbours. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from cadran.catalog.rules import FOR_EVER, Rate

MOST_LISTED = 500
MIN_NEIGHBOURS = 4
SIBLING_FACTOR, NAMESAKE_FACTOR = 10, 4
Progress = Callable[[int, int], None]


class Kind(StrEnum):
    """What was found; the first ones matter most."""

    NO_PRICE = "no-price"
    ENDED = "ended"
    ENDING = "ending"
    PAUSE = "pause"
    OVERLAP = "overlap"
    HIGH = "outlier-high"
    LOW = "outlier-low"
    SHADOWED = "shadowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One suspicious thing. instead: the shorter prefix whose price holds, empty where none does. price_nanos and usual_nanos: a
    minute's price, here and among the neighbours. at: when it ended, ends or begins again. country: of NO_PRICE, with its `what`
    (`fixed` or `mobile`) and a number of that kind as the prefix."""

    kind: Kind
    prefix: str
    destination: str = ""
    destination_en: str = ""
    line: int = 0
    instead: str = ""
    price_nanos: int = 0
    usual_nanos: int = 0
    at: datetime | None = None
    country: str = ""
    what: str = ""

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON; what is not stated is left out."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in found.items()
            if value not in ("", 0, None)
        }


@dataclass(slots=True)
class Inspection:
    """All that was found, counted by kind; at most MOST_LISTED of each kind are listed, the worst first."""

    rates: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Finding]:
        return [one for one in self.findings if one.kind is kind]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "rates": self.rates,
            "counts": {kind.value: self.counts[kind] for kind in Kind},
            "findings": [one.as_dict() for one in self.findings],
        }


@dataclass(frozen=True, slots=True)
class _Line:
    """What is looked at of a rate."""

    minute_nanos: int
    destination: str
    destination_en: str
    valid_from: datetime
    valid_to: datetime
    line: int


def inspect(
    rates: Iterable[Rate],
    samples: Sequence[tuple[str, str, str]],
    *,
    at: datetime,
    total: int = 0,
    progress: Progress = lambda done, total: None,
) -> Inspection:
    """What is suspicious in those rates for calls from `at` on. samples: (country, what, digits) that must have a price."""
    by_prefix: dict[str, list[_Line]] = {}
    seen = 0
    for rate in rates:
        unit_s = rate.tariff.unit_s if rate.tariff else 60
        by_prefix.setdefault(rate.prefix, []).append(
            _Line(
                rate.price_nanos * 60 // unit_s,
                rate.destination,
                rate.destination_en or rate.destination,
                rate.valid_from,
                rate.valid_to,
                rate.line,
            )
        )
        seen += 1
        if seen % 20_000 == 0:
            progress(seen, total)
    for lines in by_prefix.values():
        lines.sort(key=lambda one: one.valid_from)
    progress(seen, total)
    found = Inspection(rates=seen)
    now = {prefix: one for prefix, lines in by_prefix.items() if (one := _valid(lines, at)) is not None}
    for check in (
        _unpriced(now, samples),
        _dated(by_prefix, now, at),
        _siblings(now),
        _namesakes(now),
        _shadowed(by_prefix),
    ):
        _add(found, check)
    return found


def _add(found: Inspection, more: Iterable[Finding]) -> None:
    known = {(one.kind, one.prefix) for one in found.findings if one.kind in (Kind.HIGH, Kind.LOW)}
    for one in more:
        if (one.kind, one.prefix) in known:
            continue
        found.counts[one.kind] += 1
        if found.counts[one.kind] <= MOST_LISTED:
            found.findings.append(one)


def _unpriced(now: Mapping[str, _Line], samples: Sequence[tuple[str, str, str]]) -> Iterable[Finding]:
    for country, what, digits in samples:
        if not any(digits[:length] in now for length in range(1, len(digits) + 1)):
            yield Finding(kind=Kind.NO_PRICE, prefix=digits, country=country, what=what)


def _dated(by_prefix: Mapping[str, list[_Line]], now: Mapping[str, _Line], at: datetime) -> Iterable[Finding]:
    """Prices that ended or end with nothing of their own prefix after, pauses between two prices, and dates that overlap."""
    for prefix, lines in by_prefix.items():
        for before, after in pairwise(lines):
            if after.valid_from < before.valid_to:
                yield _of(Kind.OVERLAP, prefix, after, at=after.valid_from)
            elif after.valid_from > before.valid_to and after.valid_from > at:
                yield _of(Kind.PAUSE, prefix, before, at=before.valid_to, instead=_shorter(now, prefix))
        last = max(lines, key=lambda one: one.valid_to)
        if last.valid_to <= at:
            yield _of(Kind.ENDED, prefix, last, at=last.valid_to, instead=_shorter(now, prefix))
        elif last.valid_to < FOR_EVER:
            yield _of(Kind.ENDING, prefix, last, at=last.valid_to, instead=_shorter(now, prefix))


def _shadowed(by_prefix: Mapping[str, list[_Line]]) -> Iterable[Finding]:
    """Prices whose prefix is covered by longer ones for each next digit, at all times: no number ever gets to them."""
    always = {prefix for prefix, lines in by_prefix.items() if any(one.valid_to >= FOR_EVER for one in lines)}
    by_length: dict[int, set[str]] = defaultdict(set)
    for prefix in always:
        by_length[len(prefix)].add(prefix)
    covered: set[str] = set()
    for length in range(max(by_length, default=0), 1, -1):
        covered = covered | by_length[length]
        children = Counter(prefix[:-1] for prefix in covered)
        covered = {prefix for prefix, number in children.items() if number == 10}
        for prefix in sorted(covered & by_prefix.keys()):
            yield _of(Kind.SHADOWED, prefix, by_prefix[prefix][0])


def _siblings(now: Mapping[str, _Line]) -> Iterable[Finding]:
    """Prices ten times as high or low as the middle one of those that differ from them in the last digit alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for prefix in now:
        if len(prefix) > 1:
            groups[prefix[:-1]].append(prefix)
    return _outliers(now, groups.values(), SIBLING_FACTOR)


def _namesakes(now: Mapping[str, _Line]) -> Iterable[Finding]:
    """Prices four times as high or low as the middle one of those of the same destination."""
    groups: dict[str, list[str]] = defaultdict(list)
    for prefix, line in now.items():
        groups[line.destination].append(prefix)
    return _outliers(now, groups.values(), NAMESAKE_FACTOR)


def _outliers(now: Mapping[str, _Line], groups: Iterable[list[str]], factor: int) -> Iterable[Finding]:
    for group in groups:
        if len(group) < MIN_NEIGHBOURS:
            continue
        usual = sorted(now[prefix].minute_nanos for prefix in group)[len(group) // 2]
        for prefix in group:
            line = now[prefix]
            if line.minute_nanos > factor * usual and usual:
                yield _of(Kind.HIGH, prefix, line, price=line.minute_nanos, usual=usual)
            elif line.minute_nanos * factor < usual:
                yield _of(Kind.LOW, prefix, line, price=line.minute_nanos, usual=usual)


def _valid(lines: Sequence[_Line], at: datetime) -> _Line | None:
    return next((one for one in lines if one.valid_from <= at < one.valid_to), None)


def _shorter(now: Mapping[str, _Line], prefix: str) -> str:
    """The longest prefix, shorter than this one, that has a price."""
    return next((prefix[:length] for length in range(len(prefix) - 1, 0, -1) if prefix[:length] in now), "")


def _of(
    kind: Kind,
    prefix: str,
    line: _Line,
    *,
    at: datetime | None = None,
    instead: str = "",
    price: int = 0,
    usual: int = 0,
) -> Finding:
    return Finding(
        kind=kind,
        prefix=prefix,
        destination=line.destination,
        destination_en=line.destination_en,
        line=line.line,
        at=at,
        instead=instead,
        price_nanos=price,
        usual_nanos=usual,
    )
