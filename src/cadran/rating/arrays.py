"""A chunk of calls through the tables in NumPy: every step for all of them at once, small enough to stay in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cadran.rating import calendars, terms
from cadran.rating.prefixes import FULL_AT, HEIGHT_SHIFT, INDEX_MASK, LINE, REST, ROOT_DIGITS, ROW_BITS, ROW_MASK
from cadran.rating.tables import Tables

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Columns = tuple[npt.NDArray[Any], ...]

RATED, NO_PRICE, BAD_DURATION, BAD_NUMBER, BAD_INSTANT = range(5)
_POWERS = 10 ** np.arange(ROOT_DIGITS + 1, dtype=np.int64)
_SLOTS = (_POWERS - 1) // 9


def rate(
    tables: Tables,
    numbers: npt.NDArray[np.uint64],
    at_s: Ints,
    seconds: npt.NDArray[np.int32],
    deck: npt.NDArray[np.uint8],
    out: Columns,
) -> None:
    """Fill `out`: micros, status, billed_s, rate, band, and whether the scalar path must rate the call."""
    micros, status, billed_out, rate_out, band_out, scalar = out
    wrong_instant = (at_s < 0) | (at_s >= terms.FOREVER_S)
    at = np.where(wrong_instant, 0, at_s) if wrong_instant.any() else at_s
    rows = _rows(tables, numbers, at, deck)
    meta = rows[:, 1]
    lane = meta & terms.LANE_MASK
    schedule = (meta >> terms.SCHEDULE_SHIFT) & terms.SCHEDULE_MASK
    band, outside = _bands(tables, at, schedule)
    lasting = seconds.astype(np.int64)
    wrong = (lasting < 0) | (lasting > terms.MAX_SECONDS)
    bad_duration = wrong.any()
    if bad_duration:
        lasting[wrong] = 0
    billed, total = _plain(rows, meta, band, lasting)
    other = np.flatnonzero(lane > terms.PLAIN)
    beyond = outside
    if other.size:
        beyond = beyond | (lane == terms.SCALAR)
        walking = other[(lane[other] == terms.WALK) & ~outside[other]]
        total[other] = 0
        if walking.size:
            until = rows[walking, 0] >> terms.RATE_BITS
            walked = _walk(
                tables, rows[walking, 2], at[walking], lasting[walking], band[walking], schedule[walking], until
            )
            total[walking], billed[walking], crossing = walked
            beyond[walking[crossing]] = True
    status[:] = lane == terms.NO_PRICE
    if bad_duration:
        status[wrong] = BAD_DURATION
    if wrong_instant.any():
        status[wrong_instant] = BAD_INSTANT
    status[numbers == 0] = BAD_NUMBER
    rate_out[:] = rows[:, 0] & ((1 << terms.RATE_BITS) - 1)
    micros[:], billed_out[:], band_out[:] = total, billed, band
    scalar[:] = beyond
    refused = np.flatnonzero(status)
    if refused.size:
        micros[refused], billed_out[refused], rate_out[refused], band_out[refused] = 0, 0, -1, 0
        scalar[refused] = False


def _rows(tables: Tables, numbers: npt.NDArray[np.uint64], at: Ints, deck: npt.NDArray[np.uint8]) -> Ints:
    """The row of each call: longest prefix, and within it the date."""
    row = _first_rows(tables, numbers, at, deck)
    rows: Ints = tables.rows.take(row, axis=0)
    late = np.flatnonzero(rows[:, 0] >> terms.RATE_BITS <= at)
    while late.size:
        row[late] += 1
        rows[late] = tables.rows[row[late]]
        late = late[rows[late, 0] >> terms.RATE_BITS <= at[late]]
    return rows


def _first_rows(tables: Tables, numbers: npt.NDArray[np.uint64], at: Ints, deck: npt.NDArray[np.uint8]) -> Ints:
    key = numbers.view(np.int64)
    head = key // REST
    rest = key - head * REST
    slot = head + FULL_AT
    length = key & 15
    short = np.flatnonzero(length < ROOT_DIGITS)
    if short.size:
        few = length[short]
        slot[short] = _SLOTS[few] + head[short] // _POWERS[ROOT_DIGITS - few]
    layer = tables.first_layer[deck]
    late = np.flatnonzero(at >= tables.until_s[layer])
    while late.size:
        layer[late] += 1
        late = late[at[late] >= tables.until_s[layer[late]]]
    slot += tables.root_at[layer]
    found: Ints = tables.root.take(slot).astype(np.int64)
    active = np.flatnonzero(found > INDEX_MASK)
    if active.size:
        wanted = (rest[active].astype(np.uint64) << np.uint64(ROW_BITS)) | np.uint64(ROW_MASK)
        found[active] = _search(tables.entries.reshape(-1, LINE), found[active], wanted)
    return found


def _search(lines: npt.NDArray[np.uint64], value: Ints, wanted: npt.NDArray[np.uint64]) -> Ints:
    """Down the lines of each slot: the last entry that does not lie above what is wanted leads to the next line, or the row."""
    row = value & INDEX_MASK
    levels = value >> HEIGHT_SHIFT
    going = np.arange(len(value))
    at = row
    while going.size:
        line = lines.take(at, axis=0)
        last = (line <= wanted[:, None]).sum(axis=1) - 1
        at = (np.take_along_axis(line, last[:, None], 1)[:, 0] & np.uint64(ROW_MASK)).astype(np.int64)
        levels = levels - 1
        row[going] = at
        more = levels > 0
        if not more.all():
            going, at, levels, wanted = going[more], at[more], levels[more], wanted[more]
    return row


def _bands(tables: Tables, at: Ints, schedule: Ints) -> tuple[npt.NDArray[np.uint8], Mask]:
    """The band that runs at each instant, and where the calendar does not reach it."""
    day = at // calendars.DAY_S
    slot = (at - day * calendars.DAY_S) // tables.calendars.slot_s
    index = day - calendars.FIRST_DAY
    outside = (index < 0) | (index >= calendars.DAYS)
    if outside.any():
        index = np.where(outside, 0, index)
        outside &= schedule > 0
    return tables.calendars.bands.take(tables.calendars.days[schedule, index] + slot), outside


def _plain(rows: Ints, meta: Ints, band: npt.NDArray[np.uint8], seconds: Ints) -> tuple[Ints, Ints]:
    """billed_s and micros by the formula of rates that say no more than increments, fees and prices."""
    first = (meta >> terms.FIRST_SHIFT) & terms.INCREMENT_MASK
    after = meta >> terms.NEXT_SHIFT
    over = np.maximum(seconds - first, 0)
    product = (over + after - 1).view(np.uint64) * rows[:, 2].view(np.uint64)  # up to 2**63.1
    units = (product >> np.uint64(terms.MAGIC_SHIFT)).view(np.int64)
    billed = first + units * after
    price = np.take_along_axis(rows, 4 + np.minimum(band, terms.PLAIN_BANDS).astype(np.int64)[:, None], 1)[:, 0]
    usage = (price * billed + terms.MICRO_DENOMINATOR // 2) // terms.MICRO_DENOMINATOR
    fees = rows[:, 3]
    micros = np.maximum(usage + (fees >> terms.FEE_SHIFT), fees & terms.FEE_MASK)
    nothing = seconds == 0
    micros[nothing] = 0
    billed[nothing] = 0
    return billed, micros


def _walk(
    tables: Tables, walk: Ints, at: Ints, seconds: Ints, band: npt.NDArray[np.uint8], schedule: Ints, until: Ints
) -> tuple[Ints, Ints, Mask]:
    """micros, billed_s, and which calls go on where the tables end: at another rate's dates, another version, another century."""
    all_walks = tables.walks
    start = all_walks.pricing[walk] + band
    free, split = all_walks.free_s[walk], all_walks.split[walk] != 0
    elapsed, total = free.copy(), np.zeros(len(walk), np.int64)
    going, first = np.flatnonzero(elapsed < seconds), True
    while going.size:
        pricing, bound = start[going], seconds[going].copy()
        crossing = np.flatnonzero(split[going] & (schedule[going] > 0))
        if crossing.size:
            place = going[crossing]
            now, edge = _bands_until(tables, at[place] + elapsed[place], schedule[place])
            pricing[crossing] = all_walks.pricing[walk[place]] + now
            bound[crossing] = np.minimum(bound[crossing], edge - at[place])
        begun = elapsed[going]
        price, size, bound = _increment(tables, pricing, begun, bound, first)
        units = np.int64(1) if first else (bound - begun + size - 1) // size
        total[going] += price * (units * size)
        elapsed[going] += units * size
        going = going[elapsed[going] < seconds[going]]
        first = False
    end = at + elapsed
    beyond = (end >= until) | ((end >= calendars.LAST_DAY * calendars.DAY_S) & (schedule > 0))
    for change in tables.until_s.tolist():
        beyond |= (at < change) & (end >= change)
    beyond &= split
    micros = _rounded(tables, walk, start, total)
    nothing = seconds == 0
    micros[nothing] = 0
    return micros, np.where(nothing, 0, elapsed - free), beyond & ~nothing


def _bands_until(tables: Tables, at: Ints, schedule: Ints) -> tuple[Ints, Ints]:
    """The band that runs at each instant, and the second at which that may change."""
    known = tables.calendars
    day = at // calendars.DAY_S
    slot = (at - day * calendars.DAY_S) // known.slot_s
    place = known.days[schedule, np.minimum(day - calendars.FIRST_DAY, calendars.DAYS - 1)] + slot
    return known.bands[place].astype(np.int64), day * calendars.DAY_S + known.until[place].astype(
        np.int64
    ) * known.slot_s


def _increment(tables: Tables, pricing: Ints, begun: Ints, bound: Ints, first: bool) -> tuple[Ints, Ints, Ints]:
    """Price and length of the increment that begins now, and until when others like it may begin."""
    walks = tables.walks
    price = walks.price[pricing]
    size = (walks.first_s if first else walks.next_s)[pricing]
    groups = walks.groups[pricing]
    for number in range(int(groups.max())):
        here = np.flatnonzero(groups > number)
        group = walks.group[pricing[here]] + number
        since = walks.group_from_s[group]
        in_it = since <= begun[here]
        inside, later = here[in_it], here[~in_it]
        price[inside], size[inside] = walks.group_price[group[in_it]], walks.group_next_s[group[in_it]]
        bound[later] = np.minimum(bound[later], since[~in_it])
    return price, size, bound


def _rounded(tables: Tables, walk: Ints, start: Ints, total: Ints) -> Ints:
    """Usage and fee to micro-units, rounded once, between minimum and maximum."""
    walks = tables.walks
    step = walks.step[walk]
    unit = walks.denominator[walk] * step
    raw = total + walks.connection[start] * walks.denominator[walk]
    mode = walks.mode[walk]
    raw += np.where(mode == terms.HALF_UP, unit // 2, np.where(mode == terms.UP, unit - 1, 0))
    micros = np.maximum(raw // unit * step, walks.minimum[start])
    maximum = walks.maximum[walk]
    found: Ints = np.where(maximum >= 0, np.minimum(micros, maximum), micros)
    return found
