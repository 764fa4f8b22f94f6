"""Decks in memory: a number and an instant to a rate, in a few microseconds, while new versions come and go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cadran.catalog import queries, rules
from cadran.rating.rules import MAX_DURATION_S
from cadran.units import period

generation = queries.generation


@dataclass(frozen=True, slots=True)
class DatedRates:
    """The rates of one activated version, by prefix; each prefix has its rates in the order of their dates."""

    id: int
    effective_from: datetime
    by_prefix: Mapping[str, tuple[rules.Rate, ...]]
    longest: int


@dataclass(frozen=True, slots=True)
class Deck:
    """All activated versions of a brand's deck. Immutable: a reload makes another one, and calls in progress keep theirs."""

    brand: str
    generation: int
    versions: tuple[DatedRates, ...]

    def find(self, digits: str, at: datetime) -> rules.Rate | None:
        """The rate of a call to `digits` (E.164 without plus) that starts at `at` (aware): of the version in force then, the
        longest prefix with a rate valid then; where that of a longer prefix has expired, the shorter one's. None: no price.

        A rate that splits calls comes with its successors, each valid from the instant at which it follows.
        """
        rate = self._find(digits, at)
        return self._followed(rate, digits, at) if rate and rate.tariff and rate.tariff.split else rate

    def _find(self, digits: str, at: datetime) -> rules.Rate | None:
        for version in reversed(self.versions):
            if version.effective_from <= at:
                break
        else:
            return None
        get = version.by_prefix.get
        for length in range(min(len(digits), version.longest), 0, -1):
            found = get(digits[:length])
            if found is not None:
                for rate in found:
                    if rate.valid_from <= at < rate.valid_to:
                        return rate
        return None

    def _followed(self, rate: rules.Rate, digits: str, at: datetime) -> rules.Rate:
        """The rate with what follows it during the longest call. Where the deck has no price for a while, the last one goes on."""
        end, current = at + timedelta(seconds=MAX_DURATION_S), rate
        successors: list[rules.Rate] = []
        for change in sorted({one for one in self._changes(digits) if at < one < end}):
            found = self._find(digits, change)
            if found is not None and found is not current and found.currency == rate.currency:
                successors.append(replace(found, valid_from=change))
                current = found
        if not successors:
            return rate
        return replace(rate, valid_to=successors[0].valid_from, successors=tuple(successors))

    def _changes(self, digits: str) -> Iterator[datetime]:
        """The instants at which another rate may hold for a number."""
        for version in self.versions:
            yield version.effective_from
            for length in range(1, min(len(digits), version.longest) + 1):
                for rate in version.by_prefix.get(digits[:length], ()):
                    yield rate.valid_from
                    yield rate.valid_to


def load(brand: str, name: str = rules.STANDARD_DECK, previous: Deck | None = None) -> Deck:
    """The brand's deck as activated now. Versions that `previous` holds already are taken from it: they never change.

    A brand without an activated deck gives one that finds nothing.
    """
    number = generation(brand)
    known = {version.id: version for version in previous.versions} if previous else {}
    versions = []
    for found in queries.activated(brand, name):
        assert found.effective_from is not None
        version = known.get(found.id) or dated(queries.rates(found), found.effective_from, found.id)
        versions.append(version)
    return Deck(brand=brand, generation=number, versions=tuple(versions))


def of_rates(rates: Iterable[rules.Rate], brand: str = "", effective_from: datetime = rules.ALWAYS_FROM) -> Deck:
    """A deck of one version, from rates at hand: for tests, dry runs and quotes."""
    return Deck(brand=brand, generation=0, versions=(dated(rates, effective_from),))


def dated(rates: Iterable[rules.Rate], effective_from: datetime, version_id: int = 0) -> DatedRates:
    """One version, ready to be searched."""
    by_prefix: dict[str, tuple[rules.Rate, ...]] = {}
    longest = 0
    for rate in rates:
        others = by_prefix.get(rate.prefix)
        by_prefix[rate.prefix] = (rate,) if others is None else (*others, rate)
        longest = max(longest, len(rate.prefix))
    for prefix, found in by_prefix.items():
        if len(found) > 1:
            by_prefix[prefix] = tuple(sorted(found, key=lambda rate: rate.valid_from))
    return DatedRates(version_id, period.utc(effective_from), by_prefix, longest)
