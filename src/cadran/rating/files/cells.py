"""Columns of call records to arrays: numbers to keys, instants to seconds since 1970, durations to whole seconds. Pure.

A key is the first 15 digits of a number, filled with zeros, times 16, plus the count of the digits: keys sort like prefixes, and
112 is not taken for 1120. Each function gives the values and, record by record, why one cannot be used (`reasons`, 0: it can).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cadran.rating import rules
from cadran.rating.files import reasons
from cadran.rating.files.columns import WrongColumns

Int64: TypeAlias = npt.NDArray[np.int64]
UInt64: TypeAlias = npt.NDArray[np.uint64]
UInt8: TypeAlias = npt.NDArray[np.uint8]
Bool: TypeAlias = npt.NDArray[np.bool_]

MAX_DIGITS = 15
LAST_S = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
A_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_TEN = np.array([10**power for power in range(MAX_DIGITS + 1)], dtype=np.uint64)
_MARKS = r"[ \t().\-/]|\x{00A0}|\x{202F}"
_ZONED = r"[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|z|[+-]\d\d(:?\d\d)?)$"
_PLAIN = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?$"
_WHOLE = r"^-?\d{1,18}$"
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)(?:\.\d{1,9})?")


def numbers(column: Any) -> tuple[UInt64, UInt8]:
    """Keys of called numbers: text with + or 00 or spaces, or whole numbers. Raises WrongColumns for a column of another type."""
    array = _flat(column)
    if pa.types.is_dictionary(array.type):
        return _by_dictionary(array, numbers, np.uint64, reasons.NUMBER_MISSING)
    if pa.types.is_integer(array.type) or (pa.types.is_decimal(array.type) and array.type.scale == 0):
        return _integer_numbers(array)
    text = as_text(array, "number")
    keys, fits = _digits(text)
    if not fits.any():  # every number with a plus is common
        bare = pc.utf8_ltrim(text, "+")
        once = pc.less_equal(pc.subtract(pc.binary_length(text), pc.binary_length(bare)), 1)
        keys, fits = _digits(pc.if_else(once, bare, text))
    if not fits.all():
        rest = np.flatnonzero(~fits)
        plain = pc.replace_substring_regex(text.take(pa.array(rest)), _MARKS, "")
        keys[rest], fits[rest] = _digits(pc.replace_substring_regex(plain, r"^(\+|00)", ""))
    return keys, _mark(fits, _missing(text), reasons.NUMBER_INVALID, reasons.NUMBER_MISSING)


def instants(column: Any, *, zone: str = "", unit: str = "s", ambiguous: str = "reject") -> tuple[Int64, UInt8]:
    """Seconds since 1970, rounded down. Instants without a zone are those of `zone`. Raises WrongColumns for a column whose
    timestamps state no zone where `zone` is empty, and for a column of another type."""
    array = _flat(column)
    kind = array.type
    if pa.types.is_dictionary(kind):
        one = lambda values: instants(values, zone=zone, unit=unit, ambiguous=ambiguous)  # noqa: E731
        return _by_dictionary(array, one, np.int64, reasons.INSTANT_MISSING)
    if pa.types.is_timestamp(kind):
        values, there = _integers(array.cast(pa.int64()))
        seconds = values // A_SECOND[kind.unit]
        found = _ranged(seconds) if kind.tz else _local(seconds, _stated(zone), ambiguous)
        return found[0], _absent(found[1], there, reasons.INSTANT_MISSING)
    if pa.types.is_integer(kind):
        values, there = _integers(_narrow(array))
        seconds, marks = _ranged(values // A_SECOND[unit])
        return seconds, _absent(marks, there, reasons.INSTANT_MISSING)
    return _text_instants(as_text(array, "instant"), zone, unit, ambiguous)


def durations(column: Any, *, unit: str = "s") -> tuple[Int64, UInt8]:
    """Whole seconds, rounded up. Raises WrongColumns for a column of another type than a number, a duration or text."""
    array = _flat(column)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _by_dictionary(array, lambda values: durations(values, unit=unit), np.int64, reasons.DURATION_MISSING)
    if pa.types.is_duration(kind):
        values, there = _integers(array.cast(pa.int64()))
        return _whole(values, A_SECOND[kind.unit], there)
    if pa.types.is_integer(kind):
        values, there = _integers(_narrow(array))
        return _whole(values, A_SECOND[unit], there)
    if pa.types.is_floating(kind):
        return _floating(array, A_SECOND[unit])
    if pa.types.is_decimal(kind):
        array = array.cast(pa.string())
    return _text_durations(as_text(array, "duration"), A_SECOND[unit])


def amounts(column: Any) -> tuple[Int64, UInt8]:
    """Nanos (1e-9 of the currency) of decimal amounts, exact: text, decimals or whole numbers. Raises WrongColumns for
    another type; binary floating point is taken by the shortest decimal that stands for it."""
    array = _flat(column)
    if pa.types.is_dictionary(array.type):
        return _by_dictionary(array, amounts, np.int64, reasons.AMOUNT_MISSING)
    if pa.types.is_decimal(array.type) or pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        texts: list[str | None] = [None if value is None else str(value) for value in array.to_pylist()]
    else:
        texts = as_text(array, "amount").to_pylist()
    found = np.zeros(len(texts), np.int64)
    marks = np.zeros(len(texts), np.uint8)
    for index, text in enumerate(texts):
        nanos = _nanos(text)
        if nanos is None:
            marks[index] = reasons.AMOUNT_INVALID if text and text.strip() else reasons.AMOUNT_MISSING
        else:
            found[index] = nanos
    return found, marks


def as_text(array: Any, what: str = "text") -> Any:
    """An array of `string` (32-bit or 64-bit offsets alike); what is not UTF-8 becomes a mark that no cell may hold."""
    kind = array.type
    if pa.types.is_string(kind):
        return array
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    if not (is_bytes or pa.types.is_large_string(kind) or pa.types.is_null(kind) or kind == pa.string_view()):
        raise WrongColumns(f"a column of {kind} holds no {what}: choose another column, or convert it")
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        texts = [None if value is None else value.decode("utf-8", "replace") for value in array.to_pylist()]
        return pa.array(texts, pa.string())


def key_of(digits: str) -> int:
    """The key of one number: `33142000001` -> 331420000010000 * 16 + 11."""
    return int(digits[:MAX_DIGITS].ljust(MAX_DIGITS, "0")) * 16 + min(len(digits), MAX_DIGITS)


def digits_of(key: int) -> str:
    """The reverse of `key_of`."""
    return str(key >> 4).rjust(MAX_DIGITS, "0")[: key & 15]


def _digits(text: Any) -> tuple[UInt64, Bool]:
    """Keys of texts that are digits alone, and which of them are."""
    lengths = pc.fill_null(pc.binary_length(text), 0).to_numpy(zero_copy_only=False)
    try:
        values = pc.fill_null(text.cast(pa.uint64()), 0).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        fits = pc.fill_null(pc.match_substring_regex(text, r"^[1-9][0-9]{0,14}$"), False).to_numpy(zero_copy_only=False)
        some = pc.if_else(pa.array(fits), text, pa.scalar("0"))
        values = pc.fill_null(some.cast(pa.uint64()), 0).to_numpy(zero_copy_only=False)
        lengths = np.where(fits, lengths, 0)
    short = np.clip(lengths, 1, MAX_DIGITS)
    # A leading zero, a sign or 0x makes a value smaller than its count of digits says.
    fits = (lengths == short) & (values >= _TEN[short - 1]) & (values < _TEN[-1])
    return _keys(values, short), fits


def _keys(values: UInt64, lengths: Any) -> UInt64:
    keys: UInt64 = values * _TEN[MAX_DIGITS - lengths] * np.uint64(16) + lengths.astype(np.uint64)
    return keys


def _integer_numbers(array: Any) -> tuple[UInt64, UInt8]:
    values, there = _integers(_narrow(array))
    fits = (values > 0) & (values < 10**MAX_DIGITS)
    plain = np.where(fits, values, 1).astype(np.uint64)
    keys = _keys(plain, np.searchsorted(_TEN, plain, side="right"))
    return keys, _mark(fits, ~there, reasons.NUMBER_INVALID, reasons.NUMBER_MISSING)


def _text_instants(text: Any, zone: str, unit: str, ambiguous: str) -> tuple[Int64, UInt8]:
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")) if zone else (pa.timestamp("us", "UTC"),):
        try:
            values, there = _integers(text.cast(kind).cast(pa.int64()))
        except pa.ArrowInvalid:
            continue
        seconds = values // A_SECOND["us"]
        seconds, marks = _ranged(seconds) if kind.tz else _local(seconds, zone, ambiguous)
        return seconds, _absent(marks, there, reasons.INSTANT_MISSING)
    return _mixed_instants(text, zone, unit, ambiguous)


def _mixed_instants(text: Any, zone: str, unit: str, ambiguous: str) -> tuple[Int64, UInt8]:
    """With a zone, without, or whole numbers, each record on its own."""
    text = pc.utf8_trim_whitespace(text)
    seconds = np.zeros(len(text), np.int64)
    marks = np.full(len(text), reasons.INSTANT_INVALID, np.uint8)
    for form in (_ZONED, _PLAIN, _WHOLE):
        where = np.flatnonzero(pc.fill_null(pc.match_substring_regex(text, form), False).to_numpy(zero_copy_only=False))
        if where.size == 0:
            continue
        some = text.take(pa.array(where))
        if form is _PLAIN:
            seconds[where], marks[where] = _local(_civil(some, zoned=False), _stated(zone), ambiguous)
        elif form is _ZONED:
            seconds[where], marks[where] = _ranged(_civil(some, zoned=True))
        else:
            whole = some.cast(pa.int64()).to_numpy(zero_copy_only=False)
            seconds[where], marks[where] = _ranged(whole // A_SECOND[unit])
    marks[_missing(text)] = reasons.INSTANT_MISSING
    return seconds, marks


_NO_INSTANT = np.iinfo(np.int64).min


def _civil(text: Any, *, zoned: bool) -> Int64:
    """Seconds of ISO 8601 texts of one form; without a zone, as if they were UTC."""
    try:
        cast = text.cast(pa.timestamp("us", "UTC") if zoned else pa.timestamp("us"))
        found: Int64 = cast.cast(pa.int64()).to_numpy(zero_copy_only=False) // A_SECOND["us"]
        return found
    except pa.ArrowInvalid:
        return np.array([_one_instant(one) for one in text.to_pylist()], np.int64)


def _one_instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text.upper().replace(",", "."))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return int((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1))
    except (ValueError, OverflowError):
        return _NO_INSTANT


def _ranged(seconds: Int64) -> tuple[Int64, UInt8]:
    fits = (seconds >= 0) & (seconds < LAST_S)
    marks = np.where(fits, reasons.RATED, reasons.INSTANT_RANGE).astype(np.uint8)
    marks[seconds == _NO_INSTANT] = reasons.INSTANT_INVALID
    return np.where(fits, seconds, 0), marks


def _local(civil: Int64, zone: str, ambiguous: str) -> tuple[Int64, UInt8]:
    """Wall-clock seconds of a zone to instants."""
    known, marks = _ranged(civil)
    first_at, last_at, offsets, twice = _changes(zone)
    first, last = np.searchsorted(first_at, known, side="right"), np.searchsorted(last_at, known, side="right")
    seconds, between = _ranged(known - offsets[last if ambiguous == "latest" else first])
    marks = np.where(marks == reasons.RATED, between, marks).astype(np.uint8)
    doubtful = np.flatnonzero((first != last) & (marks == reasons.RATED))
    if doubtful.size:
        comes_twice = twice[np.minimum(first, last)[doubtful]]
        if ambiguous == "reject":
            marks[doubtful[comes_twice]] = reasons.INSTANT_TWICE
        marks[doubtful[~comes_twice]] = reasons.INSTANT_NEVER
    return seconds, marks


@lru_cache(maxsize=16)
def _changes(zone: str) -> tuple[Int64, Int64, Int64, Bool]:
    """The changes of a zone's wall clock until 2200: at which time of the clock each is over and at which it has begun, the
    offsets between them, and whether the clock goes back at each (a time comes twice)."""
    found = ZoneInfo(zone)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)

    def offset(second: int) -> int:
        return _offset_s((epoch + timedelta(seconds=second)).astimezone(found))

    offsets, at = [offset(0)], []
    for day in range(0, LAST_S, 86_400):
        low, high = day, day + 86_400
        if offset(high) == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        at.append(high)
        offsets.append(offset(high))
    known, steps = np.array(offsets, np.int64), np.array(at, np.int64)
    before, after = steps + known[:-1], steps + known[1:]
    return np.maximum(before, after), np.minimum(before, after), known, after < before


def _offset_s(at: datetime) -> int:
    offset = at.utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _stated(zone: str) -> str:
    if not zone:
        raise WrongColumns("instants of the file state no zone: write --zone Europe/Paris, or --zone UTC")
    return zone


def _text_durations(text: Any, a_second: int) -> tuple[Int64, UInt8]:
    try:
        values, there = _integers(text.cast(pa.int64()))
        if not pc.any(pc.match_substring(text, "x")).as_py():  # 0x10 is read as 16
            return _whole(values, a_second, there)
    except pa.ArrowInvalid:
        pass
    seconds = np.zeros(len(text), np.int64)
    marks = np.zeros(len(text), np.uint8)
    for index, one in enumerate(text.to_pylist()):
        seconds[index], marks[index] = _one_duration((one or "").strip(), a_second)
    return seconds, marks


@lru_cache(maxsize=100_000)
def _one_duration(text: str, a_second: int) -> tuple[int, int]:
    if not text:
        return 0, reasons.DURATION_MISSING
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds = (int(group) for group in clock.groups())
        exact = Decimal(hours * 3600 + minutes * 60 + seconds) + (
            1 if "." in text and text.split(".")[1].strip("0") else 0
        )
    else:
        try:
            exact = (
                Decimal(text) / a_second
                if len(text) <= 30 and re.fullmatch(r"[+-]?\d+(\.\d*)?", text)
                else Decimal("NaN")
            )
        except InvalidOperation:
            exact = Decimal("NaN")
    if exact.is_nan():
        return 0, reasons.DURATION_INVALID
    if exact < 0:
        return 0, reasons.DURATION_NEGATIVE
    if exact > rules.MAX_DURATION_S:
        return 0, reasons.DURATION_RANGE
    return int(exact.to_integral_value(rounding="ROUND_CEILING")), reasons.RATED


def _floating(array: Any, a_second: int) -> tuple[Int64, UInt8]:
    values = pc.fill_null(array.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    kept = np.where(finite, np.clip(values, -1e15, 1e15), 0.0)
    seconds, marks = _whole(np.ceil(kept).astype(np.int64), a_second, np.ones(len(kept), np.bool_))
    marks[(kept < 0) & (marks == reasons.RATED)] = reasons.DURATION_NEGATIVE
    marks[~finite] = reasons.DURATION_INVALID
    marks[array.is_null().to_numpy(zero_copy_only=False)] = reasons.DURATION_MISSING
    return seconds, marks


def _whole(values: Int64, a_second: int, there: Bool) -> tuple[Int64, UInt8]:
    seconds = -(-values // a_second) if a_second > 1 else values
    marks = np.zeros(len(values), np.uint8)
    marks[seconds > rules.MAX_DURATION_S] = reasons.DURATION_RANGE
    marks[values < 0] = reasons.DURATION_NEGATIVE
    return np.where(marks == reasons.RATED, seconds, 0), _absent(marks, there, reasons.DURATION_MISSING)


def _nanos(text: str | None) -> int | None:
    if not text or len(text) > 40:
        return None
    try:
        exact = Decimal(text.strip()).scaleb(9)
    except InvalidOperation:
        return None
    if not exact.is_finite() or exact != exact.to_integral_value() or abs(exact) >= 2**62:
        return None
    return int(exact)


def _flat(column: Any) -> Any:
    """One array of a column that may come in pieces."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    return column


def _narrow(array: Any) -> Any:
    """As int64; what does not fit becomes the largest, which every range refuses."""
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        largest = 2**63 - 1
        return pa.array(
            [None if one is None else max(-largest, min(int(one), largest)) for one in array.to_pylist()], pa.int64()
        )


def _integers(array: Any) -> tuple[Int64, Bool]:
    """The values, 0 where there is none, and where there is one."""
    if array.null_count == 0:
        return array.to_numpy(zero_copy_only=False), np.ones(len(array), np.bool_)
    return pc.fill_null(array, 0).to_numpy(zero_copy_only=False), array.is_valid().to_numpy(zero_copy_only=False)


def _missing(text: Any) -> Bool:
    found: Bool = pc.fill_null(pc.equal(pc.binary_length(pc.utf8_trim_whitespace(text)), 0), True).to_numpy(
        zero_copy_only=False
    )
    return found


def _mark(fits: Bool, missing: Bool, wrong: int, absent: int) -> UInt8:
    marks: UInt8 = np.where(fits, reasons.RATED, np.where(missing, absent, wrong)).astype(np.uint8)
    return marks


def _absent(marks: UInt8, there: Bool, reason: int) -> UInt8:
    if not there.all():
        marks[~there] = reason
    return marks


def _by_dictionary(
    array: Any, read: Callable[[Any], tuple[Any, UInt8]], kind: type[np.generic], missing: int
) -> tuple[Any, UInt8]:
    """Each value of a dictionary column is read once."""
    values, marks = read(array.dictionary)
    where = pc.fill_null(array.indices.cast(pa.int64()), len(values)).to_numpy(zero_copy_only=False)
    values = np.append(values, np.zeros(1, kind)).astype(kind)
    return values[where], np.append(marks, np.uint8(missing))[where]
