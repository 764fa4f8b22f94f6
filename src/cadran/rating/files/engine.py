"""What rates a chunk of records: numbers as keys, instants and durations in seconds to charges, as arrays.

Every engine gives the same charges: Batch rates by the compiled tables, Scalar by `rating.rules.charge` itself, call by call, for
checking the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cadran.catalog.rules import Rate
from cadran.rating import batch, decks, rules, tables
from cadran.rating.files import cells, reasons

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORTH_COMPILING = 32 << 20


@dataclass(frozen=True, slots=True)
class Charges:
    """Of each record: micros, billed seconds, which of the engine's `rates` (-1: none), which of its `bands` (0: none), and
    why it has no charge (`reasons`, 0: it has one)."""

    micros: cells.Int64
    billed_s: cells.Int64
    rate: npt.NDArray[np.int32]
    band: npt.NDArray[np.int32]
    reason: cells.UInt8


class Engine(Protocol):
    """Rates chunks. `rates` and `bands` (names; the first is empty) are what the indices of Charges point to; both only grow."""

    @property
    def rates(self) -> Sequence[Rate]: ...

    @property
    def bands(self) -> Sequence[str]: ...

    def rate(self, keys: cells.UInt64, at_s: cells.Int64, seconds: cells.Int64) -> Charges: ...


class Batch:
    """By tables, in NumPy or compiled: see rating.batch. Any number of threads may use one."""

    def __init__(self, compiled: tables.Tables, engine: str = "auto") -> None:
        self._tables, self._engine = compiled, engine
        self.rates = compiled.rates
        names = {"": 0}
        codes, first = [0], np.zeros(len(compiled.rates), np.int32)
        for index, rate in enumerate(compiled.rates):
            if rate.bands:
                first[index] = len(codes) - 1
                codes += [names.setdefault(band.name, len(names)) for band in rate.bands]
        self.bands = list(names)
        self._codes, self._first = np.array(codes, np.int32), first

    def rate(self, keys: cells.UInt64, at_s: cells.Int64, seconds: cells.Int64) -> Charges:
        found = batch.rate_batch(self._tables, keys, at_s, seconds, engine=self._engine)
        band = np.zeros(len(found.band), np.int32)
        some = np.flatnonzero(found.band)
        if some.size:
            band[some] = self._codes[self._first[found.rate[some]] + found.band[some]]
        return Charges(found.micros, found.billed_s.astype(np.int64), found.rate, band, _REASONS[found.status])


def kind(input_bytes: int) -> str:
    """The engine of rating.batch for inputs of that size: for small ones the time to load or make machine code is not worth it."""
    return "auto" if input_bytes >= WORTH_COMPILING else "numpy"


_REASONS = np.array(
    [reasons.RATED, reasons.NO_PRICE, reasons.DURATION_RANGE, reasons.NUMBER_INVALID, reasons.INSTANT_RANGE], np.uint8
)


class Scalar:
    """One call after the other, by the rules that charge live calls."""

    def __init__(self, deck: decks.Deck) -> None:
        self._deck = deck
        self.rates: list[Rate] = []
        self.bands: list[str] = [""]
        self._known: dict[tuple[object, ...], int] = {}
        self._names = {"": 0}

    def rate(self, keys: cells.UInt64, at_s: cells.Int64, seconds: cells.Int64) -> Charges:
        count = len(keys)
        charges = Charges(
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
            np.full(count, -1, np.int32),
            np.zeros(count, np.int32),
            np.zeros(count, np.uint8),
        )
        for index, (key, at, lasted) in enumerate(zip(keys.tolist(), at_s.tolist(), seconds.tolist(), strict=True)):
            since = EPOCH + timedelta(seconds=at)
            found = self._deck.find(cells.digits_of(key), since)
            if found is None:
                charges.reason[index] = reasons.NO_PRICE
                continue
            charge = rules.charge(found, lasted, since)
            charges.micros[index] = charge.micros
            charges.billed_s[index] = charge.billed_s
            charges.rate[index] = self._index(found)
            charges.band[index] = self._names.setdefault(charge.band, len(self._names))
            if len(self._names) > len(self.bands):
                self.bands.append(charge.band)
        return charges

    def _index(self, rate: Rate) -> int:
        key = (rate.deck, rate.version, rate.line, rate.prefix, rate.valid_from, rate.currency, rate.destination)
        index = self._known.setdefault(key, len(self.rates))
        if index == len(self.rates):
            self.rates.append(rate)
        return index
