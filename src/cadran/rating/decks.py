"""Decks in memory: a number and an instant to a rate, in a few microseconds, while new versions come and go."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cadran.catalog import columns, queries, rules
from cadran.rating.rules import MAX_DURATION_S
from cadran.units import period

generation = queries.generation
BEGINNING = 3
MOST_MADE = 200_000  # rates of a version in columns that are kept as values


@dataclass(frozen=True, slots=True)
class DatedRates:
    """The rates of one activated version, by prefix; each prefix has its rates in the order of their dates."""

    id: int
    effective_from: datetime
    by_prefix: Mapping[str, tuple[rules.Rate, ...]]
    longest: int

    def matching(self, digits: str) -> Iterator[tuple[rules.Rate, ...]]:
        """The rates of the prefixes that a number begins with, the longest first."""
        if isinstance(self.by_prefix, _Columns):
            yield from self.by_prefix.matching(digits)
            return
        get = self.by_prefix.get
        for length in range(min(len(digits), self.longest), 0, -1):
            found = get(digits[:length])
            if found is not None:
                yield found


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
        for found in version.matching(digits):
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
            for found in version.matching(digits):
                for rate in found:
                    yield rate.valid_from
                    yield rate.valid_to


def load(brand: str, name: str = rules.STANDARD_DECK, previous: Deck | None = None) -> Deck:
    """The brand's deck as activated now. Versions that `previous` holds already are taken from it: they never change.

    A brand without an activated deck gives one that finds nothing.
    """
    number = generation(brand)
    known = {version.id: version for version in previous.versions} if previous else {}
    versions = tuple(known.get(found.id) or _read(found) for found in queries.activated(brand, name))
    return Deck(brand=brand, generation=number, versions=versions)


class _Rows(Mapping[str, tuple[rules.Rate, ...]]):
    """The rates of a version by prefix, kept as rows until a call wants them: most of a large deck is never called."""

    def __init__(self, version: queries.DeckVersion) -> None:
        self._version = version
        self._made: dict[str, tuple[rules.Rate, ...]] = {}
        self._rows: dict[str, dict[str, queries.Row]] = {}  # by beginning: a small dict that grows stops no call
        self._more: dict[str, list[queries.Row]] = {}  # of prefixes with several dates

    def add(self, part: Iterable[queries.Row]) -> None:
        rows, more = self._rows, self._more
        for row in part:
            prefix = row[0]
            here = rows.get(prefix[:BEGINNING])
            if here is None:
                here = rows[prefix[:BEGINNING]] = {}
            first = here.setdefault(prefix, row)
            if first is not row:
                more.setdefault(prefix, [first]).append(row)

    def get(self, prefix: str, default: Any = None) -> Any:
        made = self._made.get(prefix)
        if made is None:
            here = self._rows.get(prefix[:BEGINNING])
            row = here.get(prefix) if here else None
            if row is None:
                return default
            made = self._made[prefix] = self._make(prefix, row)
        return made

    def __getitem__(self, prefix: str) -> tuple[rules.Rate, ...]:
        return self._made.get(prefix) or self._make(prefix, self._rows[prefix[:BEGINNING]][prefix])

    def __iter__(self) -> Iterator[str]:
        return itertools.chain.from_iterable(self._rows.values())

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def _make(self, prefix: str, row: queries.Row) -> tuple[rules.Rate, ...]:
        rates = [queries.rate(self._version, one) for one in self._more.get(prefix) or (row,)]
        return tuple(sorted(rates, key=lambda rate: rate.valid_from))


class _Columns(Mapping[str, tuple[rules.Rate, ...]]):
    """The rates of a large plain version, made when a call wants them."""

    def __init__(self, version: queries.DeckVersion, kept: columns.Columns) -> None:
        self._version, self._columns = version, kept
        self._made: dict[int, tuple[rules.Rate, ...]] = {}

    def matching(self, digits: str) -> Iterator[tuple[rules.Rate, ...]]:
        for place in self._columns.matching(digits):
            yield self._at(place)

    def __getitem__(self, prefix: str) -> tuple[rules.Rate, ...]:
        place = self._columns.place(prefix)
        if place < 0:
            raise KeyError(prefix)
        return self._at(place)

    def __iter__(self) -> Iterator[str]:
        return (columns.prefix(one) for one in self._columns.keys.tolist())

    def __len__(self) -> int:
        return len(self._columns)

    def _at(self, place: int) -> tuple[rules.Rate, ...]:
        made = self._made.get(place)
        if made is None:
            if len(self._made) >= MOST_MADE:
                self._made.clear()
            made = self._made[place] = (queries.rate(self._version, self._columns.row(place)),)
        return made


def _read(found: queries.DeckVersion) -> DatedRates:
    """A version from its table. The collector of cycles is held off meanwhile: it would stop all threads to walk through a million
    rows, which hold none."""
    assert found.effective_from is not None
    if (kept := queries.plain(found)) is not None:
        return DatedRates(found.id, period.utc(found.effective_from), _Columns(found, kept), kept.longest)
    rates, longest, watching = _Rows(found), 0, gc.isenabled()
    gc.disable()
    try:
        for part in queries.rows(found):
            rates.add(part)
            longest = max(longest, max((len(row[0]) for row in part), default=0))
            time.sleep(0)  # calls go on
    finally:
        gc.freeze()  # else the next collection walks through all of it after all
        if watching:
            gc.enable()
    return DatedRates(found.id, period.utc(found.effective_from), rates, longest)


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
