"""What differences have in common that no single one can prove: a price, a fee or a minimum that the other system used throughout."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from cadran.catalog.rules import MAX_PRICE_NANOS, Rate
from cadran.rating import rules
from cadran.rating.replay import causes
from cadran.rating.replay.causes import Call, Causes, Finding

ENOUGH = 3
MOST_VARIANTS = 5
MOST_COMMON = 4
SHARED = 20


class Patterns:
    """Learns from unexplained differences, chunk by chunk. A pattern needs ENOUGH calls of different billed lengths by one rate."""

    def __init__(self, finder: Causes) -> None:
        self._finder = finder
        self._known: dict[tuple[object, ...], list[tuple[str, str, Rate]]] = defaultdict(list)
        self._common: list[tuple[str, str, Fraction, Fraction]] = []

    def explain(self, calls: Sequence[Call]) -> list[Finding]:
        """A finding for each of the calls, which no hypothesis on a single one has explained."""
        groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for index, call in enumerate(calls):
            groups[_key(call.rate)].append(index)
        found = [Finding(causes.UNEXPLAINED)] * len(calls)
        for key, where in groups.items():
            left = self._apply(key, calls, where, found)
            for variant in self._learn([calls[index] for index in left]):
                if len(self._known[key]) < MOST_VARIANTS:
                    self._known[key].append(variant)
            self._apply(key, calls, left, found)
        self._in_common(calls, found)
        return found

    def _in_common(self, calls: Sequence[Call], found: list[Finding]) -> None:
        """A fee or a factor upon all rates: learned from what no rate by itself explains."""
        left = [index for index, finding in enumerate(found) if finding.cause == causes.UNEXPLAINED]
        exact = {index: rules.charge(calls[index].rate, calls[index].seconds, calls[index].at).exact for index in left}
        if len(self._common) < MOST_COMMON:
            self._common += self._shared([(calls[index], exact[index]) for index in left])
        for index in left:
            for cause, detail, factor, fee in self._common:
                if self._finder.fits(exact[index] * factor + fee, calls[index].nanos):
                    found[index] = Finding(cause, detail)
                    break

    def _shared(self, left: Sequence[tuple[Call, Fraction]]) -> list[tuple[str, str, Fraction, Fraction]]:
        """Fees (the same difference) and factors (the same ratio, to 4 digits) that at least SHARED calls of several rates have."""
        fees: Counter[int] = Counter()
        factors: Counter[Fraction] = Counter()
        unit = Fraction(1000, 10**self._finder.decimals) * 1000  # the last decimal that they write, in micros
        for call, exact in left:
            fees[round((Fraction(call.nanos, 1000) - exact) / unit)] += 1
            if exact >= 10_000 * unit and call.nanos > 0:
                factors[Fraction(round(Fraction(call.nanos, 1000) / exact * 10_000), 10_000)] += 1
        found = []
        for steps, count in fees.most_common(2):
            fee = steps * unit
            if count >= SHARED and fee > unit:
                found.append(
                    (causes.CONNECTION, f"{rules.exact_text(fee / 10**6)} more for every call", Fraction(1), fee)
                )
        for factor, count in factors.most_common(2):
            if count >= SHARED and factor != 1:
                found.append(
                    (causes.PRICE, f"{rules.exact_text(factor)} times ours, whatever the prefix", factor, Fraction(0))
                )
        return [one for one in found if self._holds(one, left)]

    def _holds(self, common: tuple[str, str, Fraction, Fraction], left: Sequence[tuple[Call, Fraction]]) -> bool:
        _, _, factor, fee = common
        fitting = [call for call, exact in left if self._finder.fits(exact * factor + fee, call.nanos)]
        return len(fitting) >= SHARED and len({call.rate.prefix for call in fitting}) >= ENOUGH

    def _apply(
        self, key: tuple[object, ...], calls: Sequence[Call], where: list[int], found: list[Finding]
    ) -> list[int]:
        left = []
        for index in where:
            call = calls[index]
            for cause, detail, rate in self._known[key]:
                if self._finder.fits(rules.charge(rate, call.seconds, call.at).exact, call.nanos):
                    found[index] = Finding(cause, detail)
                    break
            else:
                left.append(index)
        return left

    def _learn(self, calls: Sequence[Call]) -> list[tuple[str, str, Rate]]:
        calls = [call for call in calls if call.seconds > 0 and call.nanos > 0]
        found = []
        for variant in (*self._prices(calls), *self._fees(calls), *self._minima(calls)):
            cause, _, rate = variant
            fitting = [
                call for call in calls if self._finder.fits(rules.charge(rate, call.seconds, call.at).exact, call.nanos)
            ]
            billed = {rules.billed_s(call.rate, call.seconds, call.at) for call in fitting}
            if len(fitting) >= ENOUGH and (len(billed) >= ENOUGH or cause == causes.MINIMUM):
                found.append(variant)
        return found

    def _prices(self, calls: Sequence[Call]) -> list[tuple[str, str, Rate]]:
        """The price with the fewest decimals that the longest calls allow."""
        found = []
        for call in sorted(calls, key=lambda one: -one.seconds)[:MOST_VARIANTS]:
            charge = rules.charge(call.rate, call.seconds, call.at)
            if call.rate.tariff is not None or call.rate.bands or not charge.billed_s:
                continue
            usage = Fraction(call.nanos) - call.rate.connection_micros * 1000
            around = Fraction(10**9, 10**self._finder.decimals)
            low, high = ((usage + sign * around) * 60 / charge.billed_s for sign in (-1, 1))
            price = _simplest(low, high)
            if 0 <= price <= MAX_PRICE_NANOS:
                told = f"{_unit(price)} a minute instead of {_unit(call.rate.price_nanos)}"
                found.append((causes.PRICE, told, replace(call.rate, price_nanos=price)))
        return _distinct(found)

    def _fees(self, calls: Sequence[Call]) -> list[tuple[str, str, Rate]]:
        found = []
        for call in calls[:MOST_VARIANTS]:
            rate = replace(call.rate, connection_micros=0)
            exact = rules.charge(rate, call.seconds, call.at).exact
            around = Fraction(10**6, 10**self._finder.decimals)
            fee = _simplest(Fraction(call.nanos, 1000) - exact - around, Fraction(call.nanos, 1000) - exact + around)
            if fee > 0:
                told = f"{_micros(fee)} instead of {_micros(call.rate.connection_micros)}"
                found.append((causes.CONNECTION, told, replace(call.rate, connection_micros=fee)))
        return _distinct(found)

    def _minima(self, calls: Sequence[Call]) -> list[tuple[str, str, Rate]]:
        """One amount for calls of different lengths."""
        lengths: dict[int, set[int]] = defaultdict(set)
        for call in calls:
            lengths[call.nanos].add(call.seconds)
        found = []
        for nanos, seconds in lengths.items():
            if len(seconds) >= ENOUGH and nanos % 1000 == 0:
                rate = replace(calls[0].rate, minimum_micros=nanos // 1000)
                told = f"{_micros(nanos // 1000)} instead of {_micros(calls[0].rate.minimum_micros)}"
                found.append((causes.MINIMUM, told, rate))
        return found[:MOST_VARIANTS]


def _simplest(low: Fraction, high: Fraction) -> int:
    """The integer between two with the most zeros at its end."""
    for power in range(18, -1, -1):
        step = 10**power
        found = -(-low.numerator // (low.denominator * step)) * step
        if found <= high and (found or low <= 0 <= high):
            return int(found)
    return round(low)


def _distinct(found: list[tuple[str, str, Rate]]) -> list[tuple[str, str, Rate]]:
    return list({told: (cause, told, rate) for cause, told, rate in found}.values())


def _key(rate: Rate) -> tuple[object, ...]:
    return (rate.deck, rate.version, rate.line, rate.prefix, rate.valid_from, rate.currency)


def _unit(nanos: int) -> str:
    return rules.exact_text(Fraction(nanos, 10**9))


def _micros(micros: int) -> str:
    return rules.exact_text(Fraction(micros, 10**6))
