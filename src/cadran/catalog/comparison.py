"""What a version of a deck changes: how many prefixes become dearer, cheaper, come or go, and where most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from cadran.catalog import bands, columns, queries
from cadran.catalog.queries import DeckVersion
from cadran.catalog.rules import Rate

MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """One prefix whose price a minute changes, in billionths of the currency."""

    prefix: str
    destination: str
    destination_en: str
    before_nanos: int
    after_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Prefixes by what becomes of their price a minute; one whose increments or fees alone change is among `other`."""

    dearer: int
    cheaper: int
    same: int
    other: int
    new: int
    gone: int
    rises: tuple[PriceChange, ...]
    falls: tuple[PriceChange, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """The prices of a version as arrays: prefix as an integer, from when (an ordinal of `dates`), price, and an ordinal of all else
    that a call costs. shown: prefix and names of one place."""

    keys: npt.NDArray[np.int64]
    since: npt.NDArray[np.int64]
    nanos: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]
    shown: Callable[[int], tuple[str, str, str]]


def replaced(found: DeckVersion, at: datetime) -> DeckVersion | None:
    """The version in force when that one takes effect, which it replaces; for a draft, the one in force at `at`."""
    moment = found.effective_from or at
    earlier = [
        one
        for one in queries.activated(found.brand, found.name)
        if one.id != found.id
        and one.effective_from is not None
        and one.effective_from <= moment
        and (found.activation is None or (one.activation or 0) < found.activation)
    ]
    return earlier[-1] if earlier else None


def compare(before: DeckVersion | None, after: DeckVersion) -> Comparison:
    """What `after` changes of `before`; against nothing, everything is new."""
    dates: dict[datetime, int] = {}
    others: dict[tuple[object, ...], int] = {}
    here = _side(after, dates, others)
    there = _side(before, dates, others)
    _, place = np.unique(np.concatenate((there.keys, here.keys)), return_inverse=True)
    one = place.ravel() * max(len(dates), 1) + np.concatenate((there.since, here.since))
    _, old, new = np.intersect1d(one[: len(there.keys)], one[len(there.keys) :], return_indices=True)
    change = here.nanos[new] - there.nanos[old]
    alike = (change == 0) & (here.other[new] == there.other[old])
    dearer, cheaper, same = (int(np.count_nonzero(found)) for found in (change > 0, change < 0, alike))

    def most(found: npt.NDArray[np.bool_], sign: int) -> tuple[PriceChange, ...]:
        at = np.flatnonzero(found)
        keys = here.keys[new[at]]
        first = at[np.lexsort((keys, keys & 15, sign * change[at]))[:MOST]]
        return tuple(
            PriceChange(
                **dict(zip(("prefix", "destination", "destination_en"), here.shown(int(new[index])), strict=True)),
                before_nanos=int(there.nanos[old[index]]),
                after_nanos=int(here.nanos[new[index]]),
            )
            for index in first
        )

    return Comparison(
        dearer=dearer,
        cheaper=cheaper,
        same=same,
        other=len(new) - dearer - cheaper - same,
        new=len(here.keys) - len(new),
        gone=len(there.keys) - len(old),
        rises=most(change > 0, -1),
        falls=most(change < 0, 1),
    )


def _side(version: DeckVersion | None, dates: dict[datetime, int], others: dict[tuple[object, ...], int]) -> _Side:
    if version is not None and (kept := queries.plain(version)) is not None:
        return _of_columns(kept, dates, others)
    table = [queries.rate(version, row) for part in queries.rows(version) for row in part] if version else []
    found = np.array(
        [
            (
                columns.key(rate.prefix),
                dates.setdefault(rate.valid_from, len(dates)),
                rate.price_nanos,
                others.setdefault(_all_else(rate), len(others)),
            )
            for rate in table
        ],
        np.int64,
    ).reshape(-1, 4)
    return _Side(
        found[:, 0],
        found[:, 1],
        found[:, 2],
        found[:, 3],
        lambda place: (table[place].prefix, table[place].destination, table[place].destination_en),
    )


def _of_columns(kept: columns.Columns, dates: dict[datetime, int], others: dict[tuple[object, ...], int]) -> _Side:
    tariffs: dict[str, int] = {}
    tariff = np.array([tariffs.setdefault(text, len(tariffs)) for _, text in kept.prices], np.int64)
    names = list(tariffs)
    pairs = kept.rest_of.astype(np.int64) * max(len(names), 1) + tariff[kept.price_of]
    different, place = np.unique(pairs, return_inverse=True)
    other = np.array(
        [
            others.setdefault((*kept.rest[pair // len(names)][:4], "", names[pair % len(names)]), len(others))
            for pair in different.tolist()
        ],
        np.int64,
    )
    since = np.array([dates.setdefault(one[4], len(dates)) for one in kept.rest], np.int64)
    nanos = np.array([one[0] for one in kept.prices], np.int64)

    def shown(at: int) -> tuple[str, str, str]:
        row = kept.row(at)
        return row[0], row[1], row[8]

    return _Side(kept.keys, since[kept.rest_of], nanos[kept.price_of], other[place.ravel()], shown)


def _all_else(rate: Rate) -> tuple[object, ...]:
    """What a call costs beside the price, as columns say it."""
    stated = (rate.first_s, rate.next_s, rate.connection_micros, rate.minimum_micros)
    return *stated, bands.to_text(rate.bands), bands.tariff_to_text(rate.tariff)
