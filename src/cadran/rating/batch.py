"""Millions of calls to money, by arrays: what rating.rules says of each of them, and nothing else.

`rate_batch` finds the rate of each call and charges it, either in NumPy or in code that numba compiles, over the same tables. The few
calls that integers of 64 bits or the tables' calendar cannot hold are rated one by one by rating.rules.
"""

from __future__ import annotations

import importlib
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from cadran.rating import arrays, keys, rules
from cadran.rating.tables import Tables
from cadran.units.errors import InvalidInput

CHUNK = 16_384
COMPILED_CHUNK = 1 << 20
COMPILED = "cadran.rating.compiled"


class Engine(StrEnum):
    """NUMPY needs nothing else; NUMBA needs the extra `fast`; AUTO takes it where it is installed and the batch is worth it."""

    AUTO = "auto"
    NUMPY = "numpy"
    NUMBA = "numba"


class Status(IntEnum):
    """What became of a call. Only a RATED one has micros, billed_s, rate and band."""

    RATED = 0
    NO_PRICE = 1  # no prefix of the number has a rate at that instant
    BAD_DURATION = 2  # below 0, or above 100 days
    BAD_NUMBER = 3  # blank, or with a mark that is no digit
    BAD_INSTANT = 4  # before 1970, or after the year 3058


class BadBatch(InvalidInput):
    """Columns of different lengths, a deck that the tables do not have, or an engine that is not installed."""

    error_id = "rating-batch-invalid"


@dataclass(frozen=True, slots=True)
class Rated:
    """One element for each call, in the order given. micros: int64, 0 where not rated. status: uint8, a Status. billed_s: int32.
    rate: int32, the place in Tables.rates, or -1. band: uint8, the place from 1 of the band of the call's start among the rate's; 0
    is none."""

    micros: npt.NDArray[np.int64]
    status: npt.NDArray[np.uint8]
    billed_s: npt.NDArray[np.int32]
    rate: npt.NDArray[np.int32]
    band: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls, count: int) -> Rated:
        """Room for so many calls, with nothing in it."""
        return cls(
            np.empty(count, np.int64),
            np.empty(count, np.uint8),
            np.empty(count, np.int32),
            np.empty(count, np.int32),
            np.empty(count, np.uint8),
        )

    def part(self, place: slice) -> Rated:
        """A view of some of the calls."""
        return Rated(self.micros[place], self.status[place], self.billed_s[place], self.rate[place], self.band[place])


def compiled_available() -> bool:
    """Whether the extra `fast` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("numba", COMPILED))


def rate_batch(
    tables: Tables,
    numbers: npt.NDArray[np.uint64],
    at_s: npt.NDArray[np.int64],
    seconds: npt.NDArray[Any],
    *,
    deck: npt.NDArray[Any] | int = 0,
    engine: str = Engine.AUTO,
    threads: int = 1,
    into: Rated | None = None,
) -> Rated:
    """Rate calls: to the number with the key `numbers` (see rating.keys), answered `at_s` seconds after 1970, UTC, lasting whole
    `seconds`, priced by the tables' deck number `deck`. threads: how many work at once; the result is the same. into: where to put
    it, in memory of an earlier batch of the same length. Raises BadBatch."""
    numbers = np.ascontiguousarray(numbers, np.uint64)
    at_s = np.ascontiguousarray(at_s, np.int64)
    lasting = _lasting(seconds)
    count = len(numbers)
    of_deck = _deck_numbers(tables, deck, count)
    if not len(at_s) == len(lasting) == len(of_deck) == count:
        raise BadBatch(
            f"{count} numbers, {len(at_s)} instants, {len(lasting)} durations: give one of each for each call"
        )
    found = into or Rated.empty(count)
    if len(found.micros) != count:
        raise BadBatch(f"{count} calls do not fit into room for {len(found.micros)}")
    scalar = np.empty(count, np.bool_)
    compiled = _engine(engine) is Engine.NUMBA
    if compiled:
        run, size = importlib.import_module(COMPILED).rate, COMPILED_CHUNK
    else:
        run, size = arrays.rate, CHUNK

    def work(start: int) -> None:
        place = slice(start, start + size)
        part = found.part(place)
        run(
            tables,
            numbers[place],
            at_s[place],
            lasting[place],
            of_deck[place],
            (part.micros, part.status, part.billed_s, part.rate, part.band, scalar[place]),
        )

    size = max(min(size, -(-count // threads)), 1)
    starts = range(0, count, size)
    if threads > 1 and count > size:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, starts))
    else:
        for start in starts:
            work(start)
    for index in np.flatnonzero(scalar).tolist():
        _one(tables, found, index, numbers, at_s, lasting, of_deck)
    return found


def _engine(name: str) -> Engine:
    try:
        engine = Engine(name)
    except ValueError:
        raise BadBatch(f"an engine is {', '.join(Engine)}, not {name!r}") from None
    if engine is Engine.AUTO:
        return Engine.NUMBA if compiled_available() else Engine.NUMPY
    if engine is Engine.NUMBA and not compiled_available():
        raise BadBatch("numba is not installed: install cadran[fast], or choose the engine numpy")
    return engine


def _lasting(seconds: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Durations in 32 bits; what does not fit is -1, which is refused."""
    given = np.asarray(seconds)
    if given.dtype == np.int32:
        return np.ascontiguousarray(given)
    if given.dtype.kind not in "iu":
        raise BadBatch(f"durations are whole seconds, not {given.dtype}")
    fits = (given >= 0) & (given <= rules.MAX_DURATION_S)
    return np.where(fits, given, -1).astype(np.int32)


def _deck_numbers(tables: Tables, deck: npt.NDArray[Any] | int, count: int) -> npt.NDArray[np.uint8]:
    if isinstance(deck, int):
        wrong = not 0 <= deck < len(tables.decks)
        found = np.full(count, 0 if wrong else deck, np.uint8)
    else:
        wrong = bool(len(deck)) and not (deck.min() >= 0 and deck.max() < len(tables.decks))
        found = np.ascontiguousarray(deck, np.uint8)
    if wrong:
        raise BadBatch(f"the tables have the decks 0 to {len(tables.decks) - 1}")
    return found


def _one(
    tables: Tables,
    found: Rated,
    index: int,
    numbers: npt.NDArray[np.uint64],
    at_s: npt.NDArray[np.int64],
    seconds: npt.NDArray[np.int32],
    deck: npt.NDArray[np.uint8],
) -> None:
    """One call by rating.rules. Its rate and the instant are known to be good."""
    at = datetime.fromtimestamp(int(at_s[index]), UTC)
    rate = tables.decks[int(deck[index])].find(keys.digits(int(numbers[index])), at)
    assert rate is not None
    charge = rules.charge(rate, int(seconds[index]), at)
    found.micros[index] = charge.micros
    found.billed_s[index] = charge.billed_s
    names = [band.name for band in rate.bands]
    found.band[index] = names.index(charge.band) + 1 if charge.band else 0
