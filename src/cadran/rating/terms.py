"""The terms of rates as rows of integers, and the step functions of dates overlaid down the nesting of prefixes.

A row is eight integers of 64 bits, one line of the cache:

| Column | Bits |
|---|---|
| 0 | second until which it holds << 28, number of the rate |
| 1 | lane (2), schedule (14) << 2, first_s (17) << 16, next_s (17) << 33 |
| 2 | multiplier that divides by next_s (see MAGIC_SHIFT); in the lane WALK the number of the walk |
| 3 | connection fee << 32, minimum, in micro-units |
| 4-7 | prices in nanos a minute: outside the bands, then of the first three bands |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from cadran.catalog import rules
from cadran.rating import calendars
from cadran.rating.calendars import Schedule
from cadran.rating.prefixes import Nested

Ints = npt.NDArray[np.int64]

NO_PRICE, PLAIN, WALK, SCALAR = range(4)
WIDTH = 8
RATE_BITS = 28
FOREVER_S = (1 << 35) - 1
LANE_MASK = 3
SCHEDULE_SHIFT, SCHEDULE_MASK = 2, (1 << 14) - 1
FIRST_SHIFT, NEXT_SHIFT, INCREMENT_MASK = 16, 33, (1 << 17) - 1
FEE_SHIFT, FEE_MASK = 32, (1 << 32) - 1
# (n * (2**40 // x + 1)) >> 40 == n // x for n < 2**23.06 and 1 < x <= 86400: error (x * n / 2**40) stays below one.
MAGIC_SHIFT = 40
PLAIN_BANDS = 3
MAX_SECONDS = 100 * 86_400
MICRO_DENOMINATOR = 60_000  # nanos a minute times seconds, to micro-units
_LIMIT = 1 << 62
_LONGEST = MAX_SECONDS + 2 * rules.MAX_INCREMENT_S
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_COLUMNS = attrgetter("first_s", "next_s", "connection_micros", "minimum_micros", "price_nanos")
HALF_UP, UP, DOWN = range(3)
_MODES = {rules.Rounding.HALF_UP: HALF_UP, rules.Rounding.UP: UP, rules.Rounding.DOWN: DOWN}


@dataclass(frozen=True, slots=True)
class Walks:
    """Rates that are walked through, and their pricings. Of each walk: pricing (its first, that outside the bands), free_s,
    maximum (-1: none), mode of rounding, step (micro-units that a charge is a multiple of), denominator (of prices times seconds, to
    micro-units), split (0 or 1). Of each pricing: price (over the walk's denominator), first_s, next_s, connection,
    minimum, group (its first) and groups (how many). Of each group: group_from_s, group_price, group_next_s."""

    pricing: Ints
    free_s: Ints
    maximum: Ints
    mode: Ints
    step: Ints
    denominator: Ints
    split: Ints
    price: Ints
    first_s: Ints
    next_s: Ints
    connection: Ints
    minimum: Ints
    group: Ints
    groups: Ints
    group_from_s: Ints
    group_price: Ints
    group_next_s: Ints

    @classmethod
    def empty(cls) -> Walks:
        return cls(*(np.zeros(0, np.int64) for _ in fields(cls)))

    @property
    def nbytes(self) -> int:
        return sum(getattr(self, one.name).nbytes for one in fields(self))

    def arrays(self) -> tuple[Ints, ...]:
        """All columns, in their order."""
        return tuple(getattr(self, one.name) for one in fields(self))

    def joined(self, other: Walks) -> Walks:
        """Both, with the numbers of `other` counted on from these."""
        shift = {"pricing": len(self.price), "group": len(self.group_price)}
        return Walks(
            *(
                np.concatenate((getattr(self, one.name), getattr(other, one.name) + shift.get(one.name, 0)))
                for one in fields(self)
            )
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """keys: of the rates' prefixes. rate_rows: one row for each rate, without its end, and a last one for no price. from_s, to_s: when
    it is valid. walks, schedules: what the rows refer to."""

    keys: Ints
    rate_rows: Ints
    from_s: Ints
    to_s: Ints
    walks: Walks
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """The rows of all nodes: rate (-1: no price) and the second until which it holds; first_row: of each node."""

    rate: Ints
    until_s: Ints
    first_row: Ints


def second(instant: datetime) -> int:
    """The first whole second since 1970 at or after an instant."""
    return -((_EPOCH - instant) // _SECOND)


def compile_terms(rates: Sequence[rules.Rate]) -> Terms:
    """The rows of rates, in their order."""
    count = len(rates)
    prefixes = np.array([rate.prefix for rate in rates], "S15")
    length = np.char.str_len(prefixes).astype(np.int64)
    padded = np.zeros(count, np.int64)
    marks = prefixes.view(np.uint8).reshape(count, 15) if count else np.zeros((0, 15), np.uint8)
    for place in range(15):
        padded = padded * 10 + np.where(place < length, marks[:, place].astype(np.int64) - 48, 0)
    rows = np.zeros((count + 1, WIDTH), np.int64)
    rows[:count, 0] = np.arange(count)
    rows[count, 0] = 0
    complex_rates = [
        number for number, rate in enumerate(rates) if rate.bands or rate.tariff is not None or not _small(rate)
    ]
    plain = np.array([_COLUMNS(rate) if _small(rate) else (1, 1, 0, 0, 0) for rate in rates], np.int64).reshape(-1, 5)
    _fill(rows[:count], plain)
    builder = _Builder()
    for number in complex_rates:
        rows[number] = builder.row(rates[number], rows[number])
    from_s = np.zeros(count, np.int64)
    to_s = np.full(count, FOREVER_S, np.int64)
    for number, rate in enumerate(rates):
        if rate.valid_from is not rules.ALWAYS_FROM:
            from_s[number] = max(min(second(rate.valid_from), FOREVER_S), 0)
        if rate.valid_to is not rules.FOR_EVER:
            to_s[number] = max(min(second(rate.valid_to), FOREVER_S), 0)
    return Terms(padded * 16 + length, rows, from_s, to_s, builder.walks(), tuple(builder.schedules))


def shifted(rows: Ints, *, rate: int, walk: int, schedule: Ints) -> Ints:
    """The rows of a layer in the numbers of the tables that it becomes part of."""
    found = rows.copy()
    lane = found[:, 1] & LANE_MASK
    found[lane != NO_PRICE, 0] += rate
    found[lane == WALK, 2] += walk
    old = (found[:, 1] >> SCHEDULE_SHIFT) & SCHEDULE_MASK
    found[:, 1] += (schedule[old] - old) << SCHEDULE_SHIFT
    return found


def _small(rate: rules.Rate) -> bool:
    """Whether the numbers of a rate fit into a row; those of a checked rate that is priced a minute always do."""
    return (
        0 <= rate.price_nanos <= rules.MAX_PRICE_NANOS
        and 1 <= rate.first_s <= rules.MAX_INCREMENT_S
        and 1 <= rate.next_s <= rules.MAX_INCREMENT_S
        and 0 <= rate.connection_micros <= rules.MAX_FEE_MICROS
        and 0 <= rate.minimum_micros <= rules.MAX_FEE_MICROS
    )


def _fill(rows: Ints, columns: Ints) -> None:
    first_s, next_s, connection, minimum, price = columns.T
    rows[:, 1] = PLAIN | first_s << FIRST_SHIFT | next_s << NEXT_SHIFT
    rows[:, 2] = (1 << MAGIC_SHIFT) // next_s + (next_s > 1)
    rows[:, 3] = connection << FEE_SHIFT | minimum
    rows[:, 4] = price


class _Builder:
    """Rows of the rates that say more than a price, increments and fees."""

    def __init__(self) -> None:
        self.schedules: list[Schedule] = []
        self._numbers: dict[calendars.Times, int] = {}
        self._walks: list[tuple[int, ...]] = []
        self._pricings: list[tuple[int, ...]] = []
        self._groups: list[tuple[int, ...]] = []

    def row(self, rate: rules.Rate, row: Ints) -> Ints:
        scalar = row.copy()
        scalar[1:] = 0
        scalar[1] = SCALAR
        if not _small(rate) and rate.tariff is None:
            return scalar
        number = 0
        if rate.bands:
            if len(rate.bands) > 250 or len(self.schedules) >= calendars.MAX_SCHEDULES:
                return scalar
            times = calendars.times(rate.bands)
            number = self._numbers.setdefault(times, len(self._numbers) + 1)
            if number > len(self.schedules):
                self.schedules.append(rate.bands)
        scheduled = number << SCHEDULE_SHIFT
        factor = _minute_factor(rate)
        if factor and len(rate.bands) <= PLAIN_BANDS:
            found = row.copy()
            found[1] |= scheduled
            prices = [rate.price_nanos * factor, *(band.price_nanos * factor for band in rate.bands)]
            if all(0 <= price <= rules.MAX_PRICE_NANOS for price in prices) and _small(rate):
                found[4 : 4 + len(prices)] = prices
                return found
        walk = self._walk(rate)
        if walk is None:
            return scalar
        scalar[1] = WALK | scheduled
        scalar[2] = walk
        return scalar

    def walks(self) -> Walks:
        columns = [np.array(part, np.int64).reshape(-1, width).T for part, width in self._parts()]
        return Walks(*(np.ascontiguousarray(column) for part in columns for column in part))

    def _parts(self) -> tuple[tuple[list[tuple[int, ...]], int], ...]:
        return (self._walks, 7), (self._pricings, 7), (self._groups, 3)

    def _walk(self, rate: rules.Rate) -> int | None:
        """The number of its walk, or None where 64 bits are too few."""
        tariff = rate.tariff or rules.PLAIN
        pricings = _pricings(rate, tariff)
        units = {one.unit_s for one in pricings} | {group.unit_s for one in pricings for group in one.groups}
        common = math.lcm(*units)
        step = 10 ** (6 - min(tariff.decimals, 6))
        denominator = 1000 * common
        most = max(
            [one.price_nanos * (common // one.unit_s) for one in pricings]
            + [group.price_nanos * (common // group.unit_s) for one in pricings for group in one.groups]
        )
        fee = max(one.connection_micros for one in pricings)
        lengths = [size for one in pricings for size in (one.first_s, one.next_s)]
        lengths += [group.increment_s for one in pricings for group in one.groups]
        if not all(1 <= size <= rules.MAX_INCREMENT_S for size in lengths) or tariff.free_s > rules.MAX_INCREMENT_S:
            return None
        if most * _LONGEST + (fee + 2 * step) * denominator >= _LIMIT or most >= _LIMIT:
            return None
        first = len(self._pricings)
        for one in pricings:
            scaled = common // one.unit_s
            self._pricings.append(
                (
                    one.price_nanos * scaled,
                    one.first_s,
                    one.next_s,
                    one.connection_micros,
                    one.minimum_micros,
                    len(self._groups),
                    len(one.groups),
                )
            )
            self._groups += [
                (group.from_s, group.price_nanos * (common // group.unit_s), group.increment_s) for group in one.groups
            ]
        maximum = -1 if tariff.maximum_micros is None else tariff.maximum_micros
        self._walks.append(
            (
                first,
                tariff.free_s,
                maximum,
                _MODES[tariff.rounding],
                step,
                denominator,
                int(tariff.split),
            )
        )
        return len(self._walks) - 1


def _minute_factor(rate: rules.Rate) -> int:
    """What makes its prices those of a minute, where the plain formula is all that it needs; else 0."""
    tariff = rate.tariff or rules.PLAIN
    if any(band.pricing is not None for band in rate.bands) or 60 % tariff.unit_s:
        return 0
    usual = (tariff.free_s, tariff.groups, tariff.maximum_micros, tariff.split) == (0, (), None, False)
    rounding = tariff.rounding is rules.Rounding.HALF_UP and tariff.decimals >= 6
    return 60 // tariff.unit_s if usual and rounding else 0


def _pricings(rate: rules.Rate, tariff: rules.Tariff) -> list[rules.Pricing]:
    """That outside the bands, then each band's."""
    own = rules.Pricing(
        price_nanos=rate.price_nanos,
        unit_s=tariff.unit_s,
        first_s=rate.first_s,
        next_s=rate.next_s,
        connection_micros=rate.connection_micros,
        minimum_micros=rate.minimum_micros,
        groups=tariff.groups,
    )
    found = [own]
    for band in rate.bands:
        if band.pricing is not None:
            found.append(band.pricing)
        else:
            found.append(
                rules.Pricing(
                    price_nanos=band.price_nanos,
                    unit_s=tariff.unit_s,
                    first_s=rate.first_s,
                    next_s=rate.next_s,
                    connection_micros=rate.connection_micros,
                    minimum_micros=rate.minimum_micros,
                )
            )
    return found


def steps(terms: Terms, nested: Nested) -> Steps:
    """Overlay the dates: where a longer prefix has no rate at an instant, that of the shorter one holds."""
    nodes = len(nested.nodes)
    order = np.lexsort((terms.from_s, nested.node))
    count = np.bincount(nested.node, minlength=nodes)
    begin = np.cumsum(count) - count
    opaque = (terms.from_s[order] <= 0) & (terms.to_s[order] >= FOREVER_S)
    simple = opaque[begin] if nodes else np.zeros(0, np.bool_)
    own = order[begin] if nodes else np.zeros(0, np.int64)
    if simple.all():
        return Steps(own, np.full(nodes, FOREVER_S, np.int64), np.arange(nodes))
    functions = _functions(terms, nested, order, begin, count, simple, own)
    sizes = np.ones(nodes, np.int64)
    dated = np.flatnonzero(~simple)
    sizes[dated] = [len(functions[node]) for node in dated.tolist()]
    first_row = np.cumsum(sizes) - sizes
    rate = np.empty(int(sizes.sum()), np.int64)
    until = np.full(len(rate), FOREVER_S, np.int64)
    rate[first_row[simple]] = own[simple]
    for node in dated.tolist():
        at = int(first_row[node])
        for offset, (end, one) in enumerate(functions[node]):
            rate[at + offset], until[at + offset] = one, end
    return Steps(rate, until, first_row)


Function = list[tuple[int, int]]  # (until second, rate or -1), ascending, the last one for ever


def _functions(
    terms: Terms, nested: Nested, order: Ints, begin: Ints, count: Ints, simple: npt.NDArray[np.bool_], own: Ints
) -> dict[int, Function]:
    """The step functions of the nodes that have dates; enclosing prefixes come first, so theirs are there."""
    found: dict[int, Function] = {}
    parents, starts, ends = nested.parent.tolist(), terms.from_s.tolist(), terms.to_s.tolist()
    begins, counts, ordered, owns = begin.tolist(), count.tolist(), order.tolist(), own.tolist()
    for node in np.flatnonzero(~simple).tolist():
        parent = parents[node]
        if parent < 0:
            below: Function = [(FOREVER_S, -1)]
        else:
            below = found.get(parent) or [(FOREVER_S, owns[parent])]
        mine = ordered[begins[node] : begins[node] + counts[node]]
        found[node] = _overlaid(below, [(starts[one], ends[one], one) for one in mine])
    return found


def _overlaid(below: Function, own: list[tuple[int, int, int]]) -> Function:
    """own: (from, to, rate); of those valid at once the first counts."""
    cuts = sorted({end for end, _ in below} | {edge for start, end, _ in own for edge in (start, end) if edge > 0})
    found: Function = []
    last, place = 0, 0
    for cut in cuts:
        while below[place][0] <= last:
            place += 1
        rate = next((one for start, end, one in own if start <= last < end), below[place][1])
        if found and found[-1][1] == rate:
            found[-1] = (cut, rate)
        else:
            found.append((cut, rate))
        last = cut
    return found
