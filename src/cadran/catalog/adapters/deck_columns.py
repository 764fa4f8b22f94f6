"""A plain deck file by columns: a million lines in the time in which deck_csv reads thirty thousand.

It knows files whose lines are all base lines, each prefix once, written without quotation marks. What a cell means is asked of
deck_lines, once for each different combination of cells. Anything that it does not know, or that is wrong, it leaves to deck_csv,
which tells it by line.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cadran.catalog import bands, rules
from cadran.catalog.adapters import deck_csv, deck_lines
from cadran.catalog.adapters.deck_cells import BadCell
from cadran.catalog.adapters.deck_lines import Blanks
from cadran.catalog.columns import Columns, in_order

WORTH = 1 << 20  # bytes of a file below which lines are fast enough
FEW = 1 << 24  # numbers that are found by a table of them rather than by sorting
NAMES = ("destination", "destination_en")
PRICES = ("price", "per")
REST = ("first_s", "next_s", "connection_fee", "minimum", "effective_from", "effective_to")
KNOWN = {"prefix", *NAMES, *PRICES, *REST}
_POWERS = 10 ** np.arange(rules.MAX_PREFIX + 1, dtype=np.int64)
_FILLED = dict.fromkeys(deck_csv.COLUMNS, "") | {"destination": "x", "price": "0", "first_s": "1", "next_s": "1"}
Ints = npt.NDArray[np.int64]


def read(data: bytes, blanks: Blanks, delimiter: str) -> Columns | None:
    """The deck, or None where deck_csv must read it. The collector of cycles is held off: nothing made here has any."""
    watching = gc.isenabled()
    gc.disable()
    try:
        return _read(data, blanks, delimiter)
    finally:
        if watching:
            gc.enable()


def _read(data: bytes, blanks: Blanks, delimiter: str) -> Columns | None:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if len(data) < WORTH or b'"' in data or b"\n\n" in data or not _clean(data):
        return None
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    if len(ends) > deck_csv.MAX_LINES or np.diff(ends, prepend=0).max(initial=0) >= deck_csv.MAX_LINE:
        return None
    reading = deck_csv.Reading()
    columns = deck_csv.header(data[: ends[0]].decode() if len(ends) else "", delimiter, reading)
    if not columns or not set(columns) <= KNOWN:
        return None
    table = _table(data, columns, delimiter)
    if table is None or not len(table):
        return None
    keys = _keys(table["prefix"].combine_chunks())
    if keys is None:
        return None
    try:
        (names, name_of), (prices, price_of), (rest, rest_of) = (
            _group(table, columns, wanted, blanks) for wanted in (NAMES, PRICES, REST)
        )
    except (BadCell, rules.InvalidRate):
        return None
    found = in_order(
        keys,
        np.arange(2, len(keys) + 2),
        ([(one.destination, one.english) for one in names], name_of),
        ([(one.price_nanos, bands.tariff_to_text(one.tariff)) for one in prices], price_of),
        (
            [
                (one.first_s, one.next_s, one.connection_micros, one.minimum_micros, one.valid_from, one.valid_to)
                for one in rest
            ],
            rest_of,
        ),
    )
    return found if (np.diff(found.keys) != 0).all() else None


def _clean(data: bytes) -> bool:
    """Whether the text is UTF-8 without invisible characters, and its lines end as those of Unix."""
    if data.isascii():
        controls = np.count_nonzero(np.frombuffer(data, np.uint8) < 32)
        return b"\x7f" not in data and bool(controls == data.count(b"\n") + data.count(b"\t"))
    try:
        return b"\r" not in data and deck_csv.INVISIBLE.search(data.decode()) is None
    except UnicodeDecodeError:
        return False


def _table(data: bytes, columns: dict[str, int], delimiter: str) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    try:
        return csv.read_csv(
            pa.py_buffer(data),
            read_options=csv.ReadOptions(column_names=sorted(columns, key=lambda name: columns[name]), skip_rows=1),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types={
                    name: pa.string() if name == "prefix" else pa.dictionary(pa.int32(), pa.string())
                    for name in columns
                },
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None


def _keys(column: Any) -> Ints | None:
    """The prefixes as integers that sort as they do; None where one of them is no prefix."""
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(column.buffers()[2], np.uint8)
    length = np.diff(offsets).astype(np.int64)
    if length.min() < 1 or length.max() > rules.MAX_PREFIX:
        return None
    digit = text[offsets[0] : offsets[-1]] - np.uint8(48)
    if digit.max() > 9 or not digit[offsets[:-1] - offsets[0]].all():
        return None
    value = np.asarray(column.cast("int64"))
    return value * _POWERS[rules.MAX_PREFIX - length] * 16 + length


def _group(
    table: Any, columns: dict[str, int], wanted: Sequence[str], blanks: Blanks
) -> tuple[list[deck_lines.Meaning], Ints]:
    """What the wanted columns mean together: the different meanings, and which one each line has. Raises BadCell, InvalidRate."""
    present = [name for name in wanted if name in columns]
    code = np.zeros(len(table), np.int64)
    cells: list[dict[str, str]] = [{}]
    for name in present:
        column = table[name].unify_dictionaries().combine_chunks()
        values = column.dictionary.to_pylist()
        own = column.indices.to_numpy().astype(np.int64)
        kept, code = _distinct(code * len(values) + own, len(cells) * len(values))
        cells = [{**cells[one // len(values)], name: values[one % len(values)].strip(" ")} for one in kept.tolist()]
    filled = {name: text for name, text in _FILLED.items() if name not in wanted}
    empty = dict.fromkeys(wanted, "")
    return [deck_lines.meaning({**filled, **empty, **one}, blanks) for one in cells], code


def _distinct(numbers: Ints, below: int) -> tuple[Ints, Ints]:
    """The different numbers, ascending, and the place of each among them."""
    if below > FEW:
        kept, place = np.unique(numbers, return_inverse=True)
        return kept, place.ravel()
    present = np.zeros(below, np.bool_)
    present[numbers] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[numbers]
