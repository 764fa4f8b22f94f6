"""The chunk of calls of rating.arrays in machine code: the same tables, the same answers. Needs numba, the extra `fast`.

Random numbers make nearly every look-up a miss of the processor's cache, which is what a call costs. So a large chunk is first dealt
into piles by where its numbers lie in the tables, each of which then stays in the cache, and is put back into its order at the end. A
block of calls goes through each stage together, and each stage asks ahead for the lines that the next one reads. Divisions are
multiplications. There are no threads of numba's own: threads take chunks. The machine code is kept in the state folder.

A call in work is three words: the rest of its key, its instant, its slot of the root << 32 | its seconds. They become its micro-units,
the number of its rate << 32 | billed seconds, and what is left to the scalar path << 16 | band << 8 | status.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,assignment,misc"

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from django.conf import settings
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from cadran.rating import calendars, prefixes, terms
from cadran.rating.arrays import BAD_DURATION, BAD_INSTANT, BAD_NUMBER, NO_PRICE, Columns
from cadran.rating.tables import Tables

if not numba.config.CACHE_DIR:
    numba.config.CACHE_DIR = str(settings.VAR / "cache" / "numba")

BLOCK = 256
CHUNK = 1 << 20  # calls that are dealt together
WORTH_DEALING = 1 << 16  # calls below which, or bytes of tables below which, dealing costs more than it saves
PILES = 2048
AHEAD = 24  # calls between asking for one's words and reading them
WORDS = 3
NO_NUMBER = -(1 << 31)  # in place of the seconds of a call without a number
U = np.uint64
LOW = (1 << 32) - 1
Room = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]
_rooms: list[Room] = []
MAX_ROOMS = 16
REST, FULL_AT, ROOT_DIGITS = prefixes.REST, prefixes.FULL_AT, prefixes.ROOT_DIGITS
ROW_BITS, ROW_MASK, LINE = prefixes.ROW_BITS, prefixes.ROW_MASK, prefixes.LINE
HEIGHT_SHIFT, INDEX_MASK = prefixes.HEIGHT_SHIFT, prefixes.INDEX_MASK
DAY_S, FIRST_DAY, DAYS = calendars.DAY_S, calendars.FIRST_DAY, calendars.DAYS
END_S = calendars.LAST_DAY * calendars.DAY_S
RATE_BITS, RATE_MASK = terms.RATE_BITS, (1 << terms.RATE_BITS) - 1
FOREVER_S, MAX_SECONDS = terms.FOREVER_S, terms.MAX_SECONDS
NO_LANE, PLAIN, WALK = terms.NO_PRICE, terms.PLAIN, terms.WALK
LANE_MASK, SCHEDULE_SHIFT, SCHEDULE_MASK = terms.LANE_MASK, terms.SCHEDULE_SHIFT, terms.SCHEDULE_MASK
FIRST_SHIFT, NEXT_SHIFT, INCREMENT_MASK = terms.FIRST_SHIFT, terms.NEXT_SHIFT, terms.INCREMENT_MASK
FEE_SHIFT, FEE_MASK = terms.FEE_SHIFT, terms.FEE_MASK
MAGIC_SHIFT, MICRO_DENOMINATOR = terms.MAGIC_SHIFT, terms.MICRO_DENOMINATOR
HALF_UP, UP = terms.HALF_UP, terms.UP
SLOT_SHIFT = (
    32  # (second of the day * (2**32 // slot_s + 1)) >> 32 is its slot: the error stays below one up to 2**17 seconds
)
_POWERS = 10 ** np.arange(ROOT_DIGITS + 1, dtype=np.int64)
_SLOTS = (_POWERS - 1) // 9
_jit = numba.njit(nogil=True, error_model="numpy", cache=True)


def rate(
    tables: Tables,
    numbers: npt.NDArray[np.uint64],
    at_s: npt.NDArray[np.int64],
    seconds: npt.NDArray[np.int32],
    deck: npt.NDArray[np.uint8],
    out: Columns,
) -> None:
    """As rating.arrays.rate. At most CHUNK calls."""
    known = tables.calendars
    calendar = (known.days.reshape(-1), known.bands, known.until, known.slot_s, (1 << SLOT_SHIFT) // known.slot_s + 1)
    calls = (numbers.view(np.int64), at_s, seconds, deck)
    layers = (tables.first_layer, tables.until_s, tables.root_at)
    table = (tables.root, tables.entries, tables.rows.reshape(-1))
    dealing = len(numbers) >= WORTH_DEALING and tables.nbytes >= WORTH_DEALING * terms.WIDTH * 8
    shift = max(int(len(tables.root) // PILES).bit_length(), 1) if dealing else 0
    room = _room(len(numbers) if dealing else BLOCK)
    _rate(calls, layers, table, calendar, tables.walks.arrays(), shift, *room, out)
    if len(_rooms) < MAX_ROOMS:
        _rooms.append(room)


def _room(count: int) -> Room:
    """Memory to work in, which the next chunk takes up again: new memory costs more than the work in it."""
    try:
        found = _rooms.pop()
    except IndexError:
        found = np.empty(0, np.int64), np.empty(0, np.uint32)
    if len(found[1]) < count:
        found = np.empty(count * WORDS, np.int64), np.empty(count, np.uint32)
    return found


@intrinsic
def _ask(_context: Any, array: Any, index: Any) -> Any:
    """Ask for the line of array[index], which need not exist, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        data = context.make_array(kind)(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), cgutils.voidptr_t)
        word = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
        builder.call(function, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


@_jit
def _rate(calls, layers, table, calendar, walks, shift, words, place, out):
    root, entries, rows = table
    count = len(calls[0])
    value = np.empty(BLOCK, np.uint32)
    row = np.empty(BLOCK, np.int64)
    if shift:
        _deal(calls, layers, len(root), shift, words, place)
        for start in range(0, count, BLOCK):
            part = words[start * WORDS : min(start + BLOCK, count) * WORDS]
            _blocks(part, root, entries, value)
            _search(part, entries, rows, value, row)
            _price(part, row, rows, calendar, walks, layers[1])
        _put_back(words, place, out)
        return
    numbers, at_s, seconds, deck = calls
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        part = words[: (stop - start) * WORDS]
        _take(numbers[start:stop], at_s[start:stop], seconds[start:stop], deck[start:stop], layers, root, part)
        _blocks(part, root, entries, value)
        _search(part, entries, rows, value, row)
        _price(part, row, rows, calendar, walks, layers[1])
        _put(part, start, out)


@_jit
def _deal(calls, layers, slots, shift, words, place):
    """The calls in the order of their piles; place: where each of them lies."""
    numbers, at_s, seconds, deck = calls
    first_layer, until_s, root_at = layers
    piles = np.zeros((slots >> shift) + 2, np.int64)
    for i in range(len(numbers)):
        layer = first_layer[U(deck[i])]
        while until_s[U(layer)] <= at_s[i] < FOREVER_S:
            layer += 1
        slot = _slot(numbers[i]) + root_at[U(layer)]
        place[i] = slot
        piles[U((slot >> shift) + 1)] += 1
    for pile in range(1, len(piles)):
        piles[pile] += piles[pile - 1]
    for i in range(len(numbers)):
        key, slot = numbers[i], np.int64(place[i])
        at = piles[U(slot >> shift)]
        piles[U(slot >> shift)] = at + 1
        place[i] = at
        words[U(at * WORDS)] = key - np.int64(U(key) // U(REST)) * REST
        words[U(at * WORDS + 1)] = at_s[i]
        words[U(at * WORDS + 2)] = (slot << 32) | _lasting(key, seconds[i])


@_jit
def _take(numbers, at_s, seconds, deck, layers, root, words):
    """A block of calls as they come."""
    first_layer, until_s, root_at = layers
    for i in range(len(numbers)):
        key = numbers[i]
        layer = first_layer[U(deck[i])]
        while until_s[U(layer)] <= at_s[i] < FOREVER_S:
            layer += 1
        slot = _slot(key) + root_at[U(layer)]
        words[U(i * WORDS)] = key - np.int64(U(key) // U(REST)) * REST
        words[U(i * WORDS + 1)] = at_s[i]
        words[U(i * WORDS + 2)] = (slot << 32) | _lasting(key, seconds[i])
        _ask(root, slot)


@_jit
def _slot(key):
    """Where in a root a number belongs."""
    head = np.int64(U(key) // U(REST))
    length = key & 15
    if length < ROOT_DIGITS:
        return _SLOTS[U(length)] + head // _POWERS[U(ROOT_DIGITS - length)]
    return head + FULL_AT


@_jit
def _lasting(key, seconds):
    return np.int64(seconds) & LOW if key else np.int64(NO_NUMBER) & LOW


@_jit
def _blocks(words, root, entries, value):
    """Read the root; ask for the lines where searches begin."""
    for i in range(len(words) // WORDS):
        found = root[U(words[U(i * WORDS + 2)] >> 32)]
        value[i] = found
        _ask(entries, np.int64(found & INDEX_MASK) * LINE)


@_jit
def _search(words, entries, rows, value, row):
    """The row of each call's longest prefix."""
    for i in range(len(words) // WORDS):
        at = np.int64(value[i] & INDEX_MASK)
        wanted = (U(words[U(i * WORDS)]) << U(ROW_BITS)) | U(ROW_MASK)
        for _ in range(value[i] >> HEIGHT_SHIFT):
            last = np.int64(-1)
            for entry in range(LINE):
                last += np.int64(entries[U(at * LINE + entry)] <= wanted)
            at = np.int64(entries[U(at * LINE + last)] & U(ROW_MASK))
        row[i] = at << 3
        _ask(rows, at << 3)


@_jit
def _price(words, row_of, rows, calendar, walks, changes):
    """From the rows to money, in place."""
    days, bands, _, _, slot_step = calendar
    for i in range(len(words) // WORDS):
        row, place = row_of[i], i * WORDS
        at = words[U(place + 1)]
        lasting = np.int64(np.int32(words[U(place + 2)] & LOW))
        while (rows[U(row)] >> RATE_BITS) <= at < FOREVER_S:
            row += 8
        meta = rows[U(row + 1)]
        lane = meta & LANE_MASK
        said = _refusal(lane, at, lasting)
        if said:
            words[U(place)], words[U(place + 1)], words[U(place + 2)] = 0, np.int64(-1) << 32, said
            continue
        schedule = (meta >> SCHEDULE_SHIFT) & SCHEDULE_MASK
        day = np.int64(U(at) // U(DAY_S))
        index = day - FIRST_DAY
        outside = index < 0 or index >= DAYS
        if outside:
            index = 0
        slot = np.int64((U(at - day * DAY_S) * U(slot_step)) >> U(SLOT_SHIFT))
        band = np.int64(bands[U(days[U(schedule * DAYS + index)] + slot)])
        beyond = outside and schedule > 0
        total, billed = np.int64(0), np.int64(0)
        if lane == PLAIN:
            first, after = (meta >> FIRST_SHIFT) & INCREMENT_MASK, meta >> NEXT_SHIFT
            over = max(lasting - first, 0)
            units = np.int64((U(over + after - 1) * U(rows[U(row + 2)])) >> U(MAGIC_SHIFT))
            billed = first + units * after
            fees = rows[U(row + 3)]
            usage = np.int64(U(rows[U(row + 4 + band)] * billed + MICRO_DENOMINATOR // 2) // U(MICRO_DENOMINATOR))
            some = np.int64(lasting > 0)
            total = max(usage + (fees >> FEE_SHIFT), fees & FEE_MASK) * some
            billed *= some
        elif lane == WALK and not beyond:
            total, billed, beyond = _walk(
                rows[U(row + 2)], at, lasting, band, schedule, calendar, walks, rows[U(row)] >> RATE_BITS, changes
            )
        else:
            beyond = True
        words[U(place)] = total
        words[U(place + 1)] = ((rows[U(row)] & RATE_MASK) << 32) | billed
        words[U(place + 2)] = (np.int64(beyond) << 16) | (band << 8)


@_jit
def _put_back(words, place, out):
    """What was dealt, in its own order."""
    micros, status, billed_s, rate, band, scalar = out
    count = len(micros)
    for i in range(count):
        _ask(words, np.int64(place[U(min(i + AHEAD, count - 1))]) * WORDS)
        at = np.int64(place[i]) * WORDS
        micros[i] = words[U(at)]
        billed_s[i] = words[U(at + 1)] & LOW
        rate[i] = words[U(at + 1)] >> 32
        last = words[U(at + 2)]
        status[i] = last & 255
        band[i] = (last >> 8) & 255
        scalar[i] = (last >> 16) != 0


@_jit
def _put(words, start, out):
    """A block of calls as they came."""
    micros, status, billed_s, rate, band, scalar = out
    for i in range(len(words) // WORDS):
        at = i * WORDS
        micros[start + i] = words[U(at)]
        billed_s[start + i] = words[U(at + 1)] & LOW
        rate[start + i] = words[U(at + 1)] >> 32
        last = words[U(at + 2)]
        status[start + i] = last & 255
        band[start + i] = (last >> 8) & 255
        scalar[start + i] = (last >> 16) != 0


@_jit
def _refusal(lane, at, lasting):
    """The status of a call that is not rated, 0 for one that is."""
    if lasting == NO_NUMBER:
        return np.int64(BAD_NUMBER)
    if at < 0 or at >= FOREVER_S:
        return np.int64(BAD_INSTANT)
    if lasting < 0 or lasting > MAX_SECONDS:
        return np.int64(BAD_DURATION)
    if lane == NO_LANE:
        return np.int64(NO_PRICE)
    return np.int64(0)


@_jit
def _walk(walk, at, seconds, band, schedule, calendar, walks, row_until, changes):
    """micros, billed_s, and whether the call goes on where the tables end."""
    pricings, free_of, maximum_of, mode_of, step_of, denominator_of, split_of = walks[:7]
    price_of, first_of, next_of, connection_of, minimum_of, group_of, groups_of = walks[7:14]
    group_from, group_price, group_next = walks[14:]
    if seconds == 0:
        return np.int64(0), np.int64(0), False
    days, bands, until, slot_s, _ = calendar
    start = pricings[walk] + band
    free, split = free_of[walk], split_of[walk]
    elapsed, total, first = free, np.int64(0), True
    while elapsed < seconds:
        pricing, bound = start, seconds
        if split and schedule > 0:
            now = at + elapsed
            day = now // DAY_S
            place = days[schedule * DAYS + min(day - FIRST_DAY, DAYS - 1)] + (now - day * DAY_S) // slot_s
            pricing = pricings[walk] + bands[place]
            bound = min(bound, day * DAY_S + np.int64(until[place]) * slot_s - at)
        price = price_of[pricing]
        size = first_of[pricing] if first else next_of[pricing]
        for group in range(group_of[pricing], group_of[pricing] + groups_of[pricing]):
            if group_from[group] <= elapsed:
                price, size = group_price[group], group_next[group]
            else:
                bound = min(bound, group_from[group])
                break
        units = np.int64(1) if first else (bound - elapsed + size - 1) // size
        total += price * (units * size)
        elapsed += units * size
        first = False
    end = at + elapsed
    beyond = end >= row_until or (end >= END_S and schedule > 0)
    for change in changes:
        beyond |= at < change <= end
    beyond &= split != 0
    step, denominator = step_of[walk], denominator_of[walk]
    unit = denominator * step
    raw = total + connection_of[start] * denominator
    if mode_of[walk] == HALF_UP:
        raw += unit // 2
    elif mode_of[walk] == UP:
        raw += unit - 1
    micros = max(raw // unit * step, minimum_of[start])
    if maximum_of[walk] >= 0:
        micros = min(micros, maximum_of[walk])
    return micros, elapsed - free, beyond
