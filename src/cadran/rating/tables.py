"""Decks as arrays, for rating millions of calls: a number, an instant and a deck lead to one row of integers.

A version of a deck is compiled once (`of_version`) into a layer: a root table over the first six digits, lines of intervals for what
is longer, and rows, each with the terms of one rate and the second until which it holds. `assemble` joins layers into one immutable
Tables; a thread that rates keeps those that it has. What integers of 64 bits cannot hold exactly is left to rating.rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cadran.catalog import rules
from cadran.rating import calendars, decks, prefixes, terms
from cadran.rating.calendars import Calendars
from cadran.rating.prefixes import ROOT_SIZE, Lines
from cadran.rating.terms import FOREVER_S, Walks

Ints = npt.NDArray[np.int64]

CACHE_LINE = 64  # bytes: a row, or the eight entries of a line


@dataclass(frozen=True, slots=True)
class Layer:
    """One version of a deck. rates: what a row's rate number counts in. lines: from numbers to rows. rows: see
    terms. schedules: what the rows' schedule numbers, from 1, stand for."""

    rates: tuple[rules.Rate, ...]
    lines: Lines
    rows: Ints
    walks: Walks
    schedules: tuple[calendars.Schedule, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """Several decks, ready for rate_batch. decks: those that they were made of, in the order of their numbers.

    rates: all rates, in the order of the rate numbers that rate_batch gives. first_layer[deck]: the first of its layers;
    until_s[layer]: the second at which the next one begins; root_at[layer]: where its root begins in `root`.
    """

    decks: tuple[decks.Deck, ...]
    rates: tuple[rules.Rate, ...]
    first_layer: Ints
    until_s: Ints
    root_at: Ints
    root: npt.NDArray[np.uint32]
    entries: npt.NDArray[np.uint64]
    rows: Ints
    walks: Walks
    calendars: Calendars

    @property
    def nbytes(self) -> int:
        """Bytes of the tables, without the rates as values."""
        return sum(part.nbytes for part in (self.root, self.entries, self.rows, self.calendars, self.walks))


def compile_deck(deck: decks.Deck) -> Tables:
    """The tables of one deck."""
    return compile_decks((deck,))


def compile_decks(all_decks: Sequence[decks.Deck], known: dict[int, Layer] | None = None) -> Tables:
    """The tables of several decks; rate_batch is told by number which one each call is priced by. known: layers by the id of their
    version, which never changes: used where it has one, and added to."""
    known = {} if known is None else known
    layers: list[list[tuple[int, Layer]]] = []
    for deck in all_decks:
        found = []
        for version in deck.versions:
            layer = known.get(version.id) if version.id else None
            if layer is None:
                layer = of_version(version)
                if version.id:
                    known[version.id] = layer
            found.append((terms.second(version.effective_from), layer))
        layers.append(found)
    return assemble(tuple(all_decks), layers)


def of_version(version: decks.DatedRates) -> Layer:
    """Compile one activated version of a deck."""
    return of_rates([rate for found in version.by_prefix.values() for rate in found])


def of_rates(rates: Sequence[rules.Rate]) -> Layer:
    """Compile the rates of one version. Of two rates of one prefix that are valid at once the one that begins first counts."""
    compiled = terms.compile_terms(rates)
    nested = prefixes.nest(compiled.keys)
    steps = terms.steps(compiled, nested)
    rows = np.vstack((np.zeros((1, terms.WIDTH), np.int64), compiled.rate_rows[steps.rate]))
    rows[0, 0] = FOREVER_S << terms.RATE_BITS
    rows[1:, 0] |= steps.until_s << terms.RATE_BITS
    lines = prefixes.compile_root(nested, steps.first_row + 1)
    return Layer(tuple(rates), lines, rows, compiled.walks, compiled.schedules)


def assemble(all_decks: tuple[decks.Deck, ...], layers: Sequence[Sequence[tuple[int, Layer]]]) -> Tables:
    """Join layers: for each deck (effective second, layer) in the order in which they take effect."""
    distinct: dict[int, Layer] = {id(layer): layer for found in layers for _, layer in found}
    order = {key: number for number, key in enumerate(distinct)}
    schedules: dict[calendars.Times, calendars.Schedule] = {}
    numbers: dict[calendars.Times, int] = {}
    root = np.zeros((len(distinct) + 1) * ROOT_SIZE, np.uint32)
    entries: list[npt.NDArray[np.uint64]] = []
    rows = [np.zeros((1, terms.WIDTH), np.int64)]
    rows[0][0, 0] = FOREVER_S << terms.RATE_BITS
    rates: list[rules.Rate] = []
    walks = Walks.empty()
    row_count, line_count = 1, 0
    for number, layer in enumerate(distinct.values()):
        place = slice((number + 1) * ROOT_SIZE, (number + 2) * ROOT_SIZE)
        lines = layer.lines
        root[place] = lines.root + np.where(lines.root > prefixes.INDEX_MASK, line_count, row_count).astype(np.uint32)
        leaf = np.arange(len(lines.entries)) < lines.leaves * prefixes.LINE
        shift = np.where(leaf, row_count, line_count).astype(np.uint64)
        entries.append(lines.entries + shift * (lines.entries != np.uint64(prefixes.SENTINEL)))
        times = [calendars.times(one) for one in layer.schedules]
        schedules.update(zip(times, layer.schedules, strict=True))
        renamed = np.array([0, *(numbers.setdefault(one, len(numbers) + 1) for one in times)], np.int64)
        rows.append(terms.shifted(layer.rows, rate=len(rates), walk=len(walks.free_s), schedule=renamed))
        walks = walks.joined(layer.walks)
        rates += layer.rates
        row_count += len(layer.rows)
        line_count += len(lines.entries) // prefixes.LINE
    assert max(row_count, line_count) <= prefixes.INDEX_MASK
    first, until, at = _chains(layers, order)
    return Tables(
        decks=all_decks,
        rates=tuple(rates),
        first_layer=first,
        until_s=until,
        root_at=at,
        root=root,
        entries=_aligned(entries, np.uint64),
        rows=_aligned(rows, np.int64),
        walks=walks,
        calendars=calendars.compile_schedules([schedules[one] for one in numbers]),
    )


def _chains(layers: Sequence[Sequence[tuple[int, Layer]]], order: dict[int, int]) -> tuple[Ints, Ints, Ints]:
    """The layers of each deck in time: none before the first, then each until the next begins."""
    first: list[int] = []
    until: list[int] = []
    at: list[int] = []
    for found in layers:
        first.append(len(until))
        root_at = 0
        for since, layer in found:
            if since > 0:
                until.append(since)
                at.append(root_at)
            root_at = (order[id(layer)] + 1) * ROOT_SIZE
        until.append(FOREVER_S)
        at.append(root_at)
    return np.array(first, np.int64), np.array(until, np.int64), np.array(at, np.int64)


def _aligned(parts: Sequence[npt.NDArray[Any]], kind: type[np.int64] | type[np.uint64]) -> npt.NDArray[Any]:
    """The parts one after the other, from the beginning of a cache line on."""
    shape = (sum(len(part) for part in parts), *(parts[0].shape[1:] if parts else ()))
    size = int(np.prod(shape)) * 8
    space = np.empty(size + CACHE_LINE, np.uint8)
    skip = -space.ctypes.data % CACHE_LINE
    found = space[skip : skip + size].view(kind).reshape(shape)
    if parts:
        np.concatenate(parts, out=found)
    return found
