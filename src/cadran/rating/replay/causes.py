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
FEWER = 2
LEAST_DECIMALS = 2


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


@dataclass(frozen=True, slots=True)
class Changed:
    """A charge with one thing changed: of a rate for so many seconds at an instant; or a sum (micro-units) where it is stated."""

    rate: Rate
    seconds: int
    at: datetime
    stated: int | None = None

    @property
    def exact(self) -> Fraction:
        return Fraction(self.stated) if self.stated is not None else _exact(self.rate, self.seconds, self.at)

    def near(self, nanos: int, factor: Fraction, decimals: int) -> bool:
        """Whether its rounded charge is close enough for the exact one to be looked at: a quick question in integers."""
        micros = self.stated if self.stated is not None else rules.cost_micros(self.rate, self.seconds, self.at)
        places = min((self.rate.tariff or PLAIN).decimals, rules.MICRO_DECIMALS)
        slack = 2 * 10 ** (MOST_DECIMALS - decimals) + 4 * 10 ** (MOST_DECIMALS - places)
        away = abs(micros * 1000 * factor.numerator - nanos * factor.denominator)
        return bool(away <= slack * factor.denominator)


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

    def fitting(self, exact: Fraction, nanos: int, fewer: int = 0) -> tuple[Rounding, int] | None:
        """With which rounding it is, where it is; fewer: all roundings are tried, and so many decimals less than
        the system writes."""
        least = max(self._theirs.decimals - fewer, min(self._theirs.decimals, LEAST_DECIMALS))
        away = abs(exact.numerator * 1000 - nanos * exact.denominator)
        if away >= exact.denominator * 10 ** (MOST_DECIMALS - least) or nanos < 0:
            return None  # no rounding moves an amount that far
        for decimals in (
            *range(self._theirs.decimals, MOST_DECIMALS + 1),
            *range(self._theirs.decimals - 1, least - 1, -1),
        ):
            for mode in MODES if fewer else self._theirs.modes:
                if rules.rounded(exact / 1_000_000, mode, decimals) * NANOS == nanos:
                    return mode, decimals
        return None

    def _find(
        self, call: Call, _at: datetime | None, others: tuple[tuple[str, Rate, str], ...], instant: Instant
    ) -> Finding:
        at = instant.at
        exact = _exact(call.rate, call.seconds, at)
        rounding = self.fitting(exact, call.nanos, FEWER)
        held: dict[str, list[str]] = {}
        if rounding is not None:
            told = f"{rounding[0]} at {rounding[1]} decimals"
            if rounding[1] >= self._theirs.decimals:
                return Finding(ROUNDING, told)
            if call.nanos:
                held[ROUNDING] = [told]
        single = list(self._single(call, at, others))
        for cause, detail, changed in single:
            if self._holds(changed, call.nanos):
                held.setdefault(cause, []).append(detail)
        for cause, detail, found in self._multiples(call, exact):
            if self.fits(found, call.nanos):
                held.setdefault(cause, []).append(detail)
        if HOUR in held:
            held.pop(BAND, None)  # the same band, and why it held
        if not held and call.nanos == 0:
            return Finding(FREE)
        if not held:
            held = self._taxed(call, single)
        if not held:
            return Finding(UNEXPLAINED)
        all_told = {cause: " or ".join(dict.fromkeys(details[:3])) for cause, details in held.items()}
        if len(all_told) == 1:
            return Finding(*next(iter(all_told.items())))
        return Finding(AMBIGUOUS, "; or ".join(f"{cause} ({detail})" for cause, detail in all_told.items()))

    def _holds(self, changed: Changed, nanos: int, factor: Fraction = Fraction(1)) -> bool:
        if not changed.near(nanos, factor, self._theirs.decimals):
            return False
        return self.fits(changed.exact * factor, nanos)

    def _multiples(self, call: Call, exact: Fraction) -> Iterator[tuple[str, str, Fraction]]:
        """Of the exact charge, and of the rounded one."""
        own = Fraction(rules.rounded_micros(call.rate, exact))
        for tax in self._taxes:
            percent = f"{float(tax * 100):g} %"
            for of in dict.fromkeys((exact, own)):
                yield TAX, f"{percent} added", of * (1 + tax)
                yield TAX, f"{percent} taken out", of / (1 + tax)
        if exact:
            yield TWICE, "", exact * 2

    def _single(
        self, call: Call, at: datetime, others: Sequence[tuple[str, Rate, str]]
    ) -> Iterator[tuple[str, str, Changed]]:
        """One thing changed of the rate, the instant or the duration."""
        rate, seconds = call.rate, call.seconds
        for first_s, next_s in STEPS:
            if (first_s, next_s) != (rate.first_s, rate.next_s):
                varied = replace(rate, first_s=first_s, next_s=next_s)
                yield INCREMENT, f"{first_s}/{next_s}", Changed(varied, seconds, at)
        if rate.connection_micros:
            fee = rules.exact_text(Fraction(rate.connection_micros, 1_000_000))
            yield CONNECTION, f"without {fee}", Changed(replace(rate, connection_micros=0), seconds, at)
            if seconds == 0:
                yield CONNECTION, f"{fee} of an unanswered call", Changed(rate, 0, at, rate.connection_micros)
        if rate.minimum_micros:
            least = rules.exact_text(Fraction(rate.minimum_micros, 1_000_000))
            yield MINIMUM, f"without {least}", Changed(replace(rate, minimum_micros=0), seconds, at)
            if seconds == 0:
                yield MINIMUM, f"{least} of an unanswered call", Changed(rate, 0, at, rate.minimum_micros)
        if rate.bands:
            yield from _bands(rate, seconds, at)
        for cause, other, detail in others:
            yield cause, detail, Changed(other, seconds, at)
        for more in (1, -1):
            if 0 <= seconds + more <= rules.MAX_DURATION_S:
                yield DURATION, f"{more:+d} s", Changed(rate, seconds + more, at)

    def _taxed(self, call: Call, single: Sequence[tuple[str, str, Changed]]) -> dict[str, list[str]]:
        """Tax together with one more thing."""
        held: dict[str, list[str]] = {}
        for tax in self._taxes:
            for factor, word in ((1 + tax, "added"), (1 / (1 + tax), "taken out")):
                for cause, detail, changed in single:
                    if call.nanos and self._holds(changed, call.nanos, factor):
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


def _bands(rate: Rate, seconds: int, at: datetime) -> Iterator[tuple[str, str, Changed]]:
    now = increments.band_at(rate, at)
    for band in (None, *rate.bands):
        if band is not now:
            name = f"{band.name if band else 'no band'} instead of {now.name if now else 'no band'}"
            yield BAND, name, Changed(_always(rate, band), seconds, at)
    for hours in SHIFTS_H:
        shifted = at + timedelta(hours=hours)
        if increments.band_at(rate, shifted) is not now or _splits(rate):
            yield HOUR, f"{hours:+d} h", Changed(rate, seconds, shifted)


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
