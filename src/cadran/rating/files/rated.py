"""A chunk of records and its charges: the columns that are added, the records that are rejected, the sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cadran.catalog.rules import Rate
from cadran.rating.files import cells, reading, reasons
from cadran.rating.files.columns import Columns, Reading
from cadran.rating.files.engine import Charges, Engine

_TEXT = pa.dictionary(pa.int32(), pa.string())
AMOUNT = pa.decimal128(18, 6)
# What is added to the columns of a file.
ADDED = pa.schema(
    [
        ("charge_micros", pa.int64()),
        ("amount", AMOUNT),
        ("currency", _TEXT),
        ("rate_prefix", _TEXT),
        ("destination", _TEXT),
        ("billed_s", pa.int64()),
        ("band", _TEXT),
        ("deck_version", _TEXT),
        ("status", _TEXT),
    ]
)
_TEXTS: dict[str, Callable[[Rate], str]] = {
    "rate_prefix": attrgetter("prefix"),
    "destination": attrgetter("destination"),
    "currency": attrgetter("currency"),
    "deck_version": attrgetter("version"),
}
STATUS = ("rated", "no-usage")
REJECTED = ("line", "reason", "message", "text")
_SAFE = 2**62


@dataclass(frozen=True, slots=True)
class Usage:
    """The three columns of a chunk as arrays, and which records can be rated at all."""

    keys: cells.UInt64
    at_s: cells.Int64
    seconds: cells.Int64
    reason: cells.UInt8


@dataclass(slots=True)
class Sums:
    """What has been rated so far. Money by destination and currency, as Python integers: no sum is too large."""

    records: int = 0
    rated: int = 0
    seconds: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    billed_s: Counter[tuple[str, str]] = field(default_factory=Counter)
    micros: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: Sums) -> None:
        self.records += other.records
        self.rated += other.rated
        self.seconds += other.seconds
        for name in ("rejects", "calls", "billed_s", "micros"):
            getattr(self, name).update(getattr(other, name))

    @property
    def rejected(self) -> int:
        return sum(self.rejects.values())


class Labels:
    """The texts of an engine's rates, as numbers that stand for them. Made once for a run; `take_up` where the engine found more."""

    def __init__(self) -> None:
        self._count = 0
        self._texts: dict[str, Any] = {}
        self._codes: dict[str, npt.NDArray[np.int32]] = {}
        self._groups: list[tuple[str, str]] = []
        self._group_of: npt.NDArray[np.int32] = np.zeros(0, np.int32)

    def take_up(self, rates: Sequence[Rate]) -> None:
        if len(rates) == self._count:
            return
        for name, text in _TEXTS.items():
            found = pa.array([text(rate) for rate in rates], pa.string()).dictionary_encode()
            self._codes[name], self._texts[name] = found.indices.to_numpy(), found.dictionary
        currencies, destinations = self._texts["currency"].to_pylist(), self._texts["destination"].to_pylist()
        pairs = self._codes["destination"].astype(np.int64) * len(currencies) + self._codes["currency"]
        different, group_of = np.unique(pairs, return_inverse=True)
        self._groups = [
            (destinations[pair // len(currencies)], currencies[pair % len(currencies)]) for pair in different.tolist()
        ]
        self._group_of = group_of.astype(np.int32)
        self._count = len(rates)

    def column(self, name: str, rate: npt.NDArray[np.int32]) -> Any:
        if not len(rate):
            return pa.array([], _TEXT)
        return _compact(self._codes[name][rate], self._texts[name])

    def groups(self, rate: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], list[tuple[str, str]]]:
        return self._group_of[rate], self._groups


def usage(table: Any, columns: Columns, how: Reading) -> Usage:
    """Raises WrongColumns for columns of a type that holds no such thing."""
    keys, wrong_number = cells.numbers(table[columns.number])
    at_s, wrong_at = cells.instants(table[columns.at], zone=how.zone, unit=how.instant_unit, ambiguous=how.ambiguous)
    seconds, wrong_seconds = cells.durations(table[columns.seconds], unit=columns.duration_unit)
    reason = np.where(wrong_number, wrong_number, np.where(wrong_at, wrong_at, wrong_seconds)).astype(np.uint8)
    return Usage(keys, at_s, seconds, reason)


def rate(
    chunk: reading.Chunk, columns: Columns, how: Reading, engine: Engine, labels: Labels, names: Sequence[str]
) -> tuple[Any, Any, Sums]:
    """The rated records with the columns `names` added in the order of ADDED, the rejected ones (None: none), and the sums of both."""
    reading.checked_cells(chunk.table)
    used = usage(chunk.table, columns, how)
    fit = np.flatnonzero(used.reason == reasons.RATED)
    every = fit.size == len(used.reason)
    found = engine.rate(
        *((used.keys, used.at_s, used.seconds) if every else (used.keys[fit], used.at_s[fit], used.seconds[fit]))
    )
    reason = used.reason.copy()
    reason[fit] = found.reason
    kept = np.flatnonzero(found.reason == reasons.RATED)
    whole = kept.size == len(reason)
    table = chunk.table if whole else chunk.table.take(pa.array(fit[kept]))
    charges = found if whole else _some(found, kept)
    seconds = used.seconds if whole else used.seconds[fit[kept]]
    labels.take_up(engine.rates)
    for name, column in zip(names, added(charges, seconds, engine, labels), strict=True):
        table = table.append_column(name, column)
    sums = _sums(charges, seconds, labels)
    sums.records = len(reason) + len(chunk.broken)
    rejects = _rejects(chunk, reason)
    if rejects is not None:
        for found_reason in rejects["reason"].value_counts().to_pylist():
            sums.rejects[found_reason["values"]] += found_reason["counts"]
    assert sums.records == sums.rated + sums.rejected
    return table, rejects, sums


def added(charges: Charges, seconds: cells.Int64, engine: Engine, labels: Labels) -> list[Any]:
    """The columns of ADDED."""
    rates = charges.rate
    return [
        pa.array(charges.micros),
        amounts(charges.micros),
        labels.column("currency", rates),
        labels.column("rate_prefix", rates),
        labels.column("destination", rates),
        pa.array(charges.billed_s),
        _compact(charges.band, pa.array(list(engine.bands), pa.string())),
        labels.column("deck_version", rates),
        _compact((seconds == 0).astype(np.int32), pa.array(STATUS, pa.string())),
    ]


def amounts(micros: cells.Int64) -> Any:
    """Micros as exact decimals of the currency's unit, without going through text or floating point."""
    pairs = np.empty((len(micros), 2), np.int64)
    pairs[:, 0] = micros
    pairs[:, 1] = micros >> 63
    return pa.Array.from_buffers(AMOUNT, len(micros), [None, pa.py_buffer(pairs)])


def rejected_schema(schema: Any) -> Any:
    """Of the file of rejects: what is wrong, then the columns of the record as text."""
    return pa.schema(
        [("line", pa.int64()), *((name, pa.string()) for name in REJECTED[1:])]
        + [pa.field(name, pa.string()) for name in schema.names]
    )


def _some(found: Charges, kept: npt.NDArray[np.intp]) -> Charges:
    return Charges(found.micros[kept], found.billed_s[kept], found.rate[kept], found.band[kept], found.reason[kept])


def _compact(codes: npt.NDArray[np.int32], texts: Any) -> Any:
    """A dictionary column that carries the texts alone that it uses."""
    if len(codes) and (codes == codes[0]).all():
        one = np.zeros(len(codes), np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(one), texts.slice(int(codes[0]), 1))
    used = np.zeros(len(texts), np.bool_)
    used[codes] = True
    where = np.flatnonzero(used)
    renumbered = np.zeros(len(texts), np.int32)
    renumbered[where] = np.arange(len(where), dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(renumbered[codes]), texts.take(pa.array(where)))


def _sums(charges: Charges, seconds: cells.Int64, labels: Labels) -> Sums:
    sums = Sums(rated=len(charges.micros), seconds=int(seconds.sum()))
    if not sums.rated:
        return sums
    groups, names = labels.groups(charges.rate)
    calls = np.bincount(groups, minlength=len(names))
    billed = np.zeros(len(names), np.int64)
    np.add.at(billed, groups, charges.billed_s)
    micros: Any = np.zeros(len(names), np.int64)
    if int(charges.micros.max()) * sums.rated >= _SAFE:
        micros = micros.astype(object)
    np.add.at(micros, groups, charges.micros.astype(micros.dtype))
    for index in np.flatnonzero(calls):
        name = names[index]
        sums.calls[name] = int(calls[index])
        sums.billed_s[name] = int(billed[index])
        sums.micros[name] = int(micros[index])
    return sums


def _rejects(chunk: reading.Chunk, reason: cells.UInt8) -> Any:
    """line, reason, message, beginning of the line where it is no record, and its columns; None for no rejects."""
    where = np.flatnonzero(reason)
    if not where.size and not chunk.broken:
        return None
    schema = rejected_schema(chunk.table.schema)
    codes = pa.array(reason[where], pa.int64())
    records = chunk.table.take(pa.array(where))
    columns = [
        pa.array(chunk.lines[where]),
        *(pa.array([words[part] for words in reasons.REASONS], pa.string()).take(codes) for part in (0, 1)),
        pa.nulls(len(codes), pa.string()),
        *(_plain(column) for column in records.columns),
    ]
    table = pa.table(columns, schema=schema)
    if chunk.broken:
        told = [
            [one.line for one in chunk.broken],
            *([reasons.REASONS[one.reason][part] for one in chunk.broken] for part in (0, 1)),
        ]
        told.append([one.text for one in chunk.broken])
        nothing = [[None] * len(chunk.broken)] * (len(schema) - len(told))
        lines = pa.table(
            [pa.array(column, one.type) for column, one in zip(told + nothing, schema, strict=True)], schema=schema
        )
        table = pa.concat_tables([table, lines]).sort_by("line")
    return table


def _plain(column: Any) -> Any:
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        return pa.array([None if one is None else str(one) for one in column.to_pylist()], pa.string())
