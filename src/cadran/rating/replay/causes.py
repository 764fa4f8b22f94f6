"""Why another system charged otherwise: each hypothesis changes one thing of our own charge and must give its amount exactly.

A hypothesis holds only if our arithmetic, so changed, comes to the other system's amount at the decimals that this system writes.
Where several hold, the difference is told as ambiguous, with all of them; where none does, as unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache

from cadran.catalog.rules import ALWAYS_FROM, FOR_EVER, PLAIN, Rate, Rounding, TimeBand
from cadran.rating import decks, increments, rules

SAME = "same"
ROUNDING = "rounding"
INCREMENT = "increment"
CONNECTION = "connection fee"
MINIMUM = "minimum"
BAND = "band"
HOUR = "clock shifted"
PREFIX = "other prefix"
DATE = "price of another date"
TAX = "tax"
DURATION = "duration"
PRICE = "price"
FREE = "not charged"
TWICE = "charged twice"
NO_AMOUNT = "no amount"
AMBIGUOUS = "ambiguous"
UNEXPLAINED = "unexplained"

STEPS = ((1, 1), (60, 60), (60, 1), (30, 6), (30, 1), (30, 30), (20, 10), (10, 10), (6, 6), (60, 30), (60, 6), (1, 60))
SHIFTS_H = (1, -1, 2, -2)
MODES = (Rounding.HALF_UP, Rounding.UP, Rounding.DOWN)
NANOS = 10**9
MOST_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Finding:
    """cause: one of the words above. detail: what exactly, such as the increments `60/60`; of an ambiguous one, all that hold."""

    cause: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Theirs:
    """How the other system writes amounts: its decimals, and the roundings that are possible."""

    decimals: int
    modes: tuple[Rounding, ...] = MODES


@dataclass(frozen=True, slots=True)
class Call:
    """One record of which the amounts differ. rate: that of our charge. nanos: the other system's amount, 1e-9 of the currency."""

    digits: str
    at: datetime
    seconds: int
    rate: Rate
    nanos: int


class Causes:
    """Finds causes. taxes: rates to try, 1/5 for 20 %."""

    def __init__(self, deck: decks.Deck, theirs: Theirs, taxes: Sequence[Fraction] = (Fraction(1, 5),)) -> None:
        self._deck, self._theirs, self._taxes = deck, theirs, tuple(taxes)
        self._explain = lru_cache(maxsize=200_000)(self._find)

    def explain(self, call: Call) -> Finding:
        """The cause of one difference."""
        others = tuple(self._others(call))
        banded = any(rate.bands or _splits(rate) for rate in (call.rate, *(one for _, one, _ in others)))
        key = replace(call, digits="", at=call.at if banded else ALWAYS_FROM)
        return self._explain(key, call.at if banded else None, others, Instant(call.at))

    @property
    def decimals(self) -> int:
        """Of the other system's amounts."""
        return self._theirs.decimals

    def fits(self, exact: Fraction, nanos: int) -> bool:
        """Whether an amount (micro-units, exact) is the other system's, at its decimals or at ours."""
        return self.fitting(exact, nanos) is not None

    def fitting(self, exact: Fraction, nanos: int) -> tuple[Rounding, int] | None:
        """With which rounding it is, where it is."""
        for decimals in range(self._theirs.decimals, MOST_DECIMALS + 1):
            for mode in self._theirs.modes:
                if rules.rounded(exact / 1_000_000, mode, decimals) * NANOS == nanos:
                    return mode, decimals
        return None

    def _find(
        self, call: Call, _at: datetime | None, others: tuple[tuple[str, Rate, str], ...], instant: Instant
    ) -> Finding:
        at = instant.at
        exact = _exact(call.rate, call.seconds, at)
        rounding = self.fitting(exact, call.nanos)
        if rounding is not None:
            return Finding(ROUNDING, f"{rounding[0]} at {rounding[1]} decimals")
        held: dict[str, list[str]] = {}
        for cause, detail, found in self._hypotheses(call, at, exact, others):
            if self.fits(found, call.nanos):
                held.setdefault(cause, []).append(detail)
        if HOUR in held:
            held.pop(BAND, None)  # the same band, and why it held
        if not held and call.nanos == 0:
            return Finding(FREE)
        if not held:
            held = self._taxed(call, at, others)
        if not held:
            return Finding(UNEXPLAINED)
        told = {cause: " or ".join(dict.fromkeys(details[:3])) for cause, details in held.items()}
        if len(told) == 1:
            return Finding(*next(iter(told.items())))
        return Finding(AMBIGUOUS, "; or ".join(f"{cause} ({detail})" for cause, detail in told.items()))

    def _hypotheses(
        self, call: Call, at: datetime, exact: Fraction, others: Sequence[tuple[str, Rate, str]]
    ) -> Iterator[tuple[str, str, Fraction]]:
        yield from self._single(call, at, others)
        for tax in self._taxes:
            percent = f"{float(tax * 100):g} %"
            yield TAX, f"{percent} added", exact * (1 + tax)
            yield TAX, f"{percent} taken out", exact / (1 + tax)
        if exact:
            yield TWICE, "", exact * 2

    def _single(
        self, call: Call, at: datetime, others: Sequence[tuple[str, Rate, str]]
    ) -> Iterator[tuple[str, str, Fraction]]:
        """One thing changed of the rate, the instant or the duration."""
        rate, seconds = call.rate, call.seconds
        for first_s, next_s in STEPS:
            if (first_s, next_s) != (rate.first_s, rate.next_s):
                varied = replace(rate, first_s=first_s, next_s=next_s)
                yield INCREMENT, f"{first_s}/{next_s}", _exact(varied, seconds, at)
        if rate.connection_micros:
            fee = rules.exact_text(Fraction(rate.connection_micros, 1_000_000))
            yield CONNECTION, f"without {fee}", _exact(replace(rate, connection_micros=0), seconds, at)
            if seconds == 0:
                yield CONNECTION, f"{fee} of an unanswered call", Fraction(rate.connection_micros)
        if rate.minimum_micros:
            least = rules.exact_text(Fraction(rate.minimum_micros, 1_000_000))
            yield MINIMUM, f"without {least}", _exact(replace(rate, minimum_micros=0), seconds, at)
            if seconds == 0:
                yield MINIMUM, f"{least} of an unanswered call", Fraction(rate.minimum_micros)
        if rate.bands:
            yield from _bands(rate, seconds, at)
        for cause, other, detail in others:
            yield cause, detail, _exact(other, seconds, at)
        for more in (1, -1):
            if seconds + more >= 0:
                yield DURATION, f"{more:+d} s", _exact(rate, seconds + more, at)

    def _taxed(self, call: Call, at: datetime, others: Sequence[tuple[str, Rate, str]]) -> dict[str, list[str]]:
        """Tax together with one more thing."""
        held: dict[str, list[str]] = {}
        for tax in self._taxes:
            for factor, word in ((1 + tax, "added"), (1 / (1 + tax), "taken out")):
                for cause, detail, found in self._single(call, at, others):
                    if found and self.fits(found * factor, call.nanos):
                        held.setdefault(f"{TAX} and {cause}", []).append(f"{float(tax * 100):g} % {word}, {detail}")
        return held

    def _others(self, call: Call) -> Iterator[tuple[str, Rate, str]]:
        """Rates that the other system may have taken: of shorter prefixes, and of the same number on other days."""
        found = [call.rate.prefix]
        for length in range(len(call.rate.prefix) - 1, 0, -1):
            rate = self._deck.find(call.digits[:length], call.at)
            if rate is not None and rate.prefix not in found:
                found.append(rate.prefix)
                yield PREFIX, rate, f"{rate.prefix} instead of {call.rate.prefix}"
        known = {_priced(call.rate)}
        for version in self._deck.versions:
            for length in range(1, min(len(call.digits), version.longest) + 1):
                for rate in version.by_prefix.get(call.digits[:length], ()):
                    other_day = max(rate.valid_from, version.effective_from) > call.at or rate.valid_to <= call.at
                    older = version is not self._deck.versions[-1] and rate.prefix == call.rate.prefix
                    if (other_day or older) and _priced(rate) not in known:
                        known.add(_priced(rate))
                        yield DATE, rate, _dated(rate, version)


class Instant:
    """An instant that does not count when findings are remembered: where it matters, it is given besides."""

    __slots__ = ("at",)

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instant)

    def __hash__(self) -> int:
        return 0


def _bands(rate: Rate, seconds: int, at: datetime) -> Iterator[tuple[str, str, Fraction]]:
    now = increments.band_at(rate, at)
    for band in (None, *rate.bands):
        if band is not now:
            name = f"{band.name if band else 'no band'} instead of {now.name if now else 'no band'}"
            yield BAND, name, _exact(_always(rate, band), seconds, at)
    for hours in SHIFTS_H:
        shifted = at + timedelta(hours=hours)
        if increments.band_at(rate, shifted) is not now or _splits(rate):
            yield HOUR, f"{hours:+d} h", _exact(rate, seconds, shifted)


def _always(rate: Rate, band: TimeBand | None) -> Rate:
    """The rate as if one of its bands, or none, ran all the time."""
    if band is None:
        return replace(rate, bands=())
    pricing = increments.pricing_of(rate, band)
    return replace(
        rate,
        bands=(),
        price_nanos=pricing.price_nanos,
        first_s=pricing.first_s,
        next_s=pricing.next_s,
        connection_micros=pricing.connection_micros,
        minimum_micros=pricing.minimum_micros,
        tariff=replace(rate.tariff or PLAIN, unit_s=pricing.unit_s, groups=pricing.groups),
    )


@lru_cache(maxsize=100_000)
def _exact(rate: Rate, seconds: int, at: datetime) -> Fraction:
    return rules.charge(rate, seconds, at).exact


def _splits(rate: Rate) -> bool:
    return rate.tariff is not None and rate.tariff.split


def _priced(rate: Rate) -> tuple[object, ...]:
    """All that a charge depends on."""
    return (
        rate.price_nanos,
        rate.first_s,
        rate.next_s,
        rate.connection_micros,
        rate.minimum_micros,
        rate.bands,
        rate.tariff,
        rate.currency,
    )


def _dated(rate: Rate, version: decks.DatedRates) -> str:
    since = max(rate.valid_from, version.effective_from)
    until = f" until {rate.valid_to:%Y-%m-%d}" if rate.valid_to < FOR_EVER else ""
    start = f" from {since:%Y-%m-%d}" if since.year > 1970 else ""
    return f"that of {rate.prefix}{start}{until}"
