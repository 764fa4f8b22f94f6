"""Nested prefixes as a table: from the key of a number to the row of its longest prefix, in a few look-ups.

Pure NumPy on 1,000,000 prefixes at once. A node is one distinct prefix. The root has a slot for each beginning of six digits and for
each shorter number; a slot without longer prefixes names its row, one with them a tree of lines. A line is eight entries, one line of
the processor's cache; an entry is (rest of the key) << 30 | row, or line further down: the last one that does not lie above what is
wanted leads on, so that a search compares eight plain integers at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

ROOT_DIGITS = 6
DIGITS = 15
REST = 10 ** (DIGITS - ROOT_DIGITS) * 16  # keys of one root slot
ROOT_SIZE = (10 ** (ROOT_DIGITS + 1) - 1) // 9
FULL_AT = (10**ROOT_DIGITS - 1) // 9  # where the slots of six digits begin
ROW_BITS = 30
ROW_MASK = (1 << ROW_BITS) - 1
LINE = 8
HEIGHT_SHIFT = 27  # a root value is (levels of lines) << 27 | top line; without lines it is a row
INDEX_MASK = (1 << HEIGHT_SHIFT) - 1
SENTINEL = 2**64 - 1
_POWERS = 10 ** np.arange(DIGITS + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Nested:
    """nodes: the distinct keys, ascending; an enclosing prefix comes before those within. node: that of each given key. parent: the
    node of the next shorter prefix, -1 for none. edges: where intervals begin. owner: the node that holds from there, -1 for none."""

    nodes: Ints
    node: Ints
    parent: Ints
    edges: Ints
    owner: Ints


@dataclass(frozen=True, slots=True)
class Lines:
    """root: a value for each slot. entries: of all lines, `leaves` lines that lead to rows first."""

    root: npt.NDArray[np.uint32]
    entries: npt.NDArray[np.uint64]
    leaves: int


def nest(keys: Ints) -> Nested:
    """Order prefixes, given as keys, by what encloses what."""
    nodes, node = np.unique(keys, return_inverse=True)
    parent = _parents(nodes)
    start, length = nodes >> 4, nodes & 15
    end = start + _POWERS[DIGITS - length]
    after = parent.copy()
    while True:
        same = np.flatnonzero((after >= 0) & (end[after] == end))
        if not same.size:
            break
        after[same] = parent[after[same]]
    ends, first = np.unique(end * 16, return_index=True)
    edges = np.concatenate((nodes, ends))
    owner = np.concatenate((np.arange(len(nodes)), after[first]))
    order = np.argsort(edges, kind="stable")
    return Nested(nodes, node.ravel(), parent, edges[order], owner[order])


def _parents(nodes: Ints) -> Ints:
    """The longest shorter prefix of each, by looking for it among those of every length."""
    parent = np.full(len(nodes), -1, np.int64)
    start, length = nodes >> 4, nodes & 15
    by_length = [np.flatnonzero(length == digits) for digits in range(DIGITS + 1)]
    heads = [start[found] // _POWERS[DIGITS - digits] for digits, found in enumerate(by_length)]
    for digits in range(2, DIGITS + 1):
        seeking, value = by_length[digits], heads[digits]
        for shorter in range(digits - 1, 0, -1):
            if not seeking.size:
                break
            if not heads[shorter].size:
                continue
            wanted = value // _POWERS[digits - shorter]
            place = np.minimum(np.searchsorted(heads[shorter], wanted), len(heads[shorter]) - 1)
            hit = heads[shorter][place] == wanted
            parent[seeking[hit]] = by_length[shorter][place[hit]]
            seeking, value = seeking[~hit], value[~hit]
    return parent


def compile_root(nested: Nested, first_row: Ints) -> Lines:
    """Root and lines. first_row: the row of each node; row 0 stands for no price."""
    row = np.append(first_row, 0)  # owner -1 finds the last
    edges, rows = nested.edges, row[nested.owner]
    root = np.zeros(ROOT_SIZE, np.uint32)
    for digits in range(1, ROOT_DIGITS):
        short = slice(_slot(digits), _slot(digits + 1))
        root[short] = _at(edges, rows, digits, 10 ** (DIGITS - digits) * 16, 10**digits)
    root[FULL_AT:] = _at(edges, rows, ROOT_DIGITS, REST, 10**ROOT_DIGITS)
    inner = np.flatnonzero(edges % REST > ROOT_DIGITS)
    slot, begin, count = np.unique(edges[inner] // REST, return_index=True, return_counts=True)
    at = np.cumsum(count + 1) - (count + 1)
    entries = np.empty(len(inner) + len(slot), np.uint64)
    entries[at] = root[FULL_AT + slot]
    rest = (edges[inner] % REST).astype(np.uint64) << np.uint64(ROW_BITS)
    entries[np.repeat(at + 1 - begin, count) + np.arange(len(inner))] = rest | rows[inner].astype(np.uint64)
    return _lines(root, FULL_AT + slot, entries, count + 1)


def _lines(root: npt.NDArray[np.uint32], slot: Ints, entries: npt.NDArray[np.uint64], count: Ints) -> Lines:
    """The entries of each slot in lines of eight, under as many levels of lines as it takes to have one on top."""
    levels, leaves, first, height = [], 0, 0, 0
    while slot.size:
        height += 1
        lines = -(-count // LINE)
        at = np.cumsum(lines) - lines
        level = np.full(int(lines.sum()) * LINE, SENTINEL, np.uint64)
        level[np.repeat(at * LINE - (np.cumsum(count) - count), count) + np.arange(len(entries))] = entries
        levels.append(level)
        done = lines == 1
        root[slot[done]] = (height << HEIGHT_SHIFT) + first + at[done]
        heads = (level[::LINE] & ~np.uint64(ROW_MASK)) | np.arange(first, first + len(level) // LINE, dtype=np.uint64)
        first += len(level) // LINE
        leaves = leaves or first
        entries, slot, count = heads[np.repeat(~done, lines)], slot[~done], lines[~done]
    return Lines(root, np.concatenate(levels) if levels else np.zeros(0, np.uint64), leaves)


def _slot(digits: int) -> int:
    """Where the root's slots for numbers of so many digits begin."""
    return int((10**digits - 1) // 9)


def _at(edges: Ints, rows: Ints, first: int, step: int, count: int) -> npt.NDArray[np.uint32]:
    """The row that holds at each of the keys first, first + step and so on."""
    begins = np.clip(-((first - edges) // step), 0, count)  # the first key at or after each edge
    bounds = np.append(begins, count)
    return np.repeat(np.append(0, rows), np.diff(np.append(0, bounds))).astype(np.uint32)
