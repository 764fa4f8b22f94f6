"""A large plain deck as columns: its prefixes as sorted integers, and for each the numbers of its names, prices and increments.

A million rates take 24 MB and no row of a table: what most of them say is said by few combinations. They are kept whole, as one Arrow
stream for each version, and searched where they lie.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cadran.catalog import rules
from cadran.units.errors import CadranError

FORM = b"cadran-deck-1"
DIGITS = rules.MAX_PREFIX
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
_POWERS = 10 ** np.arange(DIGITS + 1, dtype=np.int64)

Names = tuple[str, str]
"""French and English name of a destination."""
Price = tuple[int, str]
"""Billionths of the currency for the tariff's unit, and the tariff as text (bands.tariff_to_text), empty for the plain one."""
Rest = tuple[int, int, int, int, datetime, datetime]
"""first_s, next_s, connection fee and minimum in micro-units, from when and until when it is valid."""


class DamagedColumns(CadranError):
    """What is kept of a deck is not what was written: restore the database, or import the file as a new version."""

    error_id = "catalog-columns-damaged"


@dataclass(frozen=True)
class Columns:
    """Each prefix once. keys: ascending (see `key`); line: of the file; names, prices, rest: which of the meanings each has."""

    keys: Ints
    line: Codes
    names: Sequence[Names]
    prices: Sequence[Price]
    rest: Sequence[Rest]
    name_of: Codes
    price_of: Codes
    rest_of: Codes
    parent: Codes = field(default_factory=lambda: np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def longest(self) -> int:
        """Digits of the longest prefix."""
        return int((self.keys & 15).max(initial=0))

    def matching(self, digits: str) -> Iterator[int]:
        """The places of the prefixes that a number begins with, the longest first."""
        keys, parent = self._views
        place = bisect_right(keys, key(_leading(digits)) | 15) - 1
        while place >= 0:
            if digits.startswith(prefix(keys[place])):
                yield place
            place = parent[place]

    def place(self, digits: str) -> int:
        """Where a prefix stands, or -1."""
        keys, _ = self._views
        wanted = key(_leading(digits))
        place = bisect_right(keys, wanted) - 1
        return place if place >= 0 and keys[place] == wanted else -1

    def row(self, place: int) -> tuple[Any, ...]:
        """One rate as `catalog.queries.Row`: in the order of its fields, with its dates."""
        destination, english = self.names[self.name_of[place]]
        price, tariff = self.prices[self.price_of[place]]
        first_s, next_s, connection, minimum, valid_from, valid_to = self.rest[self.rest_of[place]]
        start = (prefix(int(self.keys[place])), destination, price, first_s, next_s, connection, minimum, "", english)
        return *start, int(self.line[place]), tariff, valid_from, valid_to

    def rows(self, step: int) -> Iterator[list[tuple[Any, ...]]]:
        """All of them, in parts."""
        for start in range(0, len(self), step):
            yield [self.row(place) for place in range(start, min(start + step, len(self)))]

    def coarser(self, first_s: int, next_s: int) -> tuple[int, ...]:
        """The lines whose increments are longer, in their order."""
        large = np.array([one[0] > first_s or one[1] > next_s for one in self.rest], np.bool_)
        return tuple(np.sort(self.line[large[self.rest_of]]).tolist()) if large.any() else ()

    def valid(self, at: datetime) -> npt.NDArray[np.bool_]:
        """Which of them hold at an instant (aware)."""
        return np.array([one[4] <= at < one[5] for one in self.rest], np.bool_)[self.rest_of]

    def beginning(self, digits: str) -> npt.NDArray[np.bool_]:
        """Which prefixes begin with those digits, or are what they begin with."""
        digits = digits[:DIGITS]
        own = self.keys >> 4
        length = self.keys & 15
        power = _POWERS[DIGITS - len(digits)]
        longer = (length >= len(digits)) & (own // power == int(digits))
        shorter = (length < len(digits)) & (
            own // _POWERS[DIGITS - length] == int(digits) // _POWERS[len(digits) - length]
        )
        return np.asarray(longer | shorter)

    def first_of_each(self, chosen: npt.NDArray[np.bool_], limit: int) -> list[int]:
        """Of the chosen ones that differ in nothing but prefix, line and dates the first, by length of prefix, name and prefix."""
        places = np.flatnonzero(chosen)
        rank = np.empty(len(self.names), np.int64)
        rank[sorted(range(len(self.names)), key=lambda one: self.names[one][0])] = np.arange(len(self.names))
        undated: dict[tuple[int, ...], int] = {}
        alike = np.array([undated.setdefault(one[:4], len(undated)) for one in self.rest], np.int64)
        named: dict[str, int] = {}
        destination = np.array([named.setdefault(one[0], len(named)) for one in self.names], np.int64)
        keys, name = self.keys[places], self.name_of[places]
        order = np.lexsort((keys >> 4, rank[name], keys & 15))
        place = places[order]
        kind = (destination[self.name_of[place]] * len(self.prices) + self.price_of[place]) * len(undated)
        _, first = np.unique(kind + alike[self.rest_of[place]], return_index=True)
        return [int(one) for one in place[np.sort(first)[:limit]]]

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview]:
        return np.ascontiguousarray(self.keys).data, np.ascontiguousarray(self.parent).data

    def body(self) -> bytes:
        """Everything, to be kept."""
        import pyarrow as pa

        rest = [(*one[:4], one[4].isoformat(), one[5].isoformat()) for one in self.rest]
        meanings = json.dumps({"names": self.names, "prices": self.prices, "rest": rest}, ensure_ascii=False)
        parts = [self.keys, self.line, self.name_of, self.price_of, self.rest_of, self.parent]
        schema = pa.schema(
            [pa.field(name, pa.int64() if name == "keys" else pa.int32()) for name in _PARTS],
            metadata={b"form": FORM, b"meanings": meanings.encode()},
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.record_batch([pa.array(part) for part in parts], schema=schema))
        return bytes(sink.getvalue())


_PARTS = ("keys", "line", "names", "prices", "rest", "parent")


def of_body(body: bytes) -> Columns:
    """What `Columns.body` wrote, searched where it lies. Raises DamagedColumns."""
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            metadata, batch = reader.schema.metadata, reader.read_next_batch()
        if metadata[b"form"] != FORM:
            raise DamagedColumns("this deck was written by a newer Cadran: upgrade this one")
        meanings = json.loads(metadata[b"meanings"])
        keys, line, names, prices, rest, parent = (column.to_numpy() for column in batch.columns)
    except (pa.ArrowInvalid, StopIteration, KeyError, ValueError, TypeError) as error:
        raise DamagedColumns("the columns of a deck cannot be read: import its file again as a new version") from error
    return Columns(
        keys=keys,
        line=line,
        names=[(one[0], one[1]) for one in meanings["names"]],
        prices=[(one[0], one[1]) for one in meanings["prices"]],
        rest=[(*one[:4], datetime.fromisoformat(one[4]), datetime.fromisoformat(one[5])) for one in meanings["rest"]],
        name_of=names,
        price_of=prices,
        rest_of=rest,
        parent=parent,
    )


def key(digits: str) -> int:
    """A prefix of at most 15 digits as an integer: padded with zeros, then its length; they sort as prefixes do, each before what it
    encloses."""
    return int(digits.ljust(DIGITS, "0")) << 4 | len(digits)


def _leading(text: str) -> str:
    """The digits with which a text begins, as far as a prefix can be long."""
    text = text[:DIGITS]
    if text.isascii() and (text.isdigit() or not text):
        return text
    return next((text[:at] for at, mark in enumerate(text) if mark not in "0123456789"), text)


def prefix(of_key: int) -> str:
    """The prefix of a key."""
    return str(of_key >> 4)[: of_key & 15]


def parents(keys: Ints) -> Codes:
    """For each of the ascending keys the place of the longest shorter prefix that encloses it, -1 for none."""
    found = np.full(len(keys), -1, np.int32)
    length = (keys & 15).astype(np.int8)
    end = keys + (_POWERS[DIGITS - length] << 4)
    places = np.arange(len(keys), dtype=np.int32)
    for digits in range(1, DIGITS):
        here = length == digits
        if not here.any():
            continue
        last = np.maximum.accumulate(np.where(here, places, -1))
        within = (length > digits) & (last >= 0)
        within &= keys < end[last]
        np.copyto(found, last, where=within)
    return found


def in_order(
    keys: Ints,
    line: Ints,
    names: tuple[Iterable[Names], Ints],
    prices: tuple[Iterable[Price], Ints],
    rest: tuple[Iterable[Rest], Ints],
) -> Columns:
    """Columns of lines in any order; each of the last three: the meanings, and which one each line has."""
    order = np.argsort(keys)
    ascending = keys[order]
    return Columns(
        keys=ascending,
        line=line[order].astype(np.int32),
        names=list(names[0]),
        prices=list(prices[0]),
        rest=list(rest[0]),
        name_of=names[1][order].astype(np.int32),
        price_of=prices[1][order].astype(np.int32),
        rest_of=rest[1][order].astype(np.int32),
        parent=parents(ascending),
    )
