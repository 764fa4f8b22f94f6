"""A plain deck file by columns: a million lines in the time in which deck_csv reads thirty thousand.

It knows files whose lines are all base lines, each prefix once, written without quotation marks. What a cell means is asked of
deck_lines, once for each different combination of cells. Anything that it does not know, or that is wrong, it leaves to deck_csv,
which tells it by line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from cadran.catalog import bands, rules
from cadran.catalog.adapters import deck_csv, deck_lines
from cadran.catalog.adapters.deck_cells import BadCell
from cadran.catalog.adapters.deck_lines import Blanks

WORTH = 1 << 20  # bytes of a file below which lines are fast enough
NAMES = ("destination", "destination_en")
PRICES = ("price", "per")
REST = ("first_s", "next_s", "connection_fee", "minimum", "effective_from", "effective_to")
KNOWN = {"prefix", *NAMES, *PRICES, *REST}
_PRINTABLE = bytes(range(32, 127)) + b"\n\t"
_FILLED = dict.fromkeys(deck_csv.COLUMNS, "") | {"destination": "x", "price": "0", "first_s": "1", "next_s": "1"}
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Some columns together: what the different combinations mean, and which one each line has."""

    meanings: tuple[deck_lines.Meaning, ...]
    code: Ints

    def column(self, name: str, write: Callable[[Any], Any]) -> tuple[npt.NDArray[Any], Ints]:
        """One field of the different meanings as the table keeps it, and which one each line has."""
        values = np.empty(len(self.meanings), object)
        values[:] = [write(getattr(meaning, name)) for meaning in self.meanings]
        return values, self.code


@dataclass(frozen=True, slots=True)
class PlainDeck:
    """All rates of a plain file. order: the lines by prefix, in which they are written fastest."""

    prefixes: npt.NDArray[Any]
    order: Ints
    names: Group
    prices: Group
    rest: Group

    def __len__(self) -> int:
        return len(self.order)

    def coarser(self, first_s: int, next_s: int) -> tuple[int, ...]:
        """The lines whose increments are longer."""
        large = np.array([one.first_s > first_s or one.next_s > next_s for one in self.rest.meanings])
        return tuple((np.flatnonzero(large[self.rest.code]) + 2).tolist()) if large.any() else ()

    def rows(self, step: int, instant: Callable[[datetime], Any]) -> Iterator[list[tuple[Any, ...]]]:
        """In parts of `step`, as the table keeps them: line, prefix, names, price, increments, fees, dates, tariff. instant: how it
        keeps an instant."""
        columns = [
            self.names.column("destination", str),
            self.names.column("english", str),
            self.prices.column("price_nanos", int),
            *(self.rest.column(name, int) for name in ("first_s", "next_s", "connection_micros", "minimum_micros")),
            *(self.rest.column(name, instant) for name in ("valid_from", "valid_to")),
            self.prices.column("tariff", bands.tariff_to_text),
        ]
        for start in range(0, len(self.order), step):
            part = self.order[start : start + step]
            cells = [values[code[part]].tolist() for values, code in columns]
            yield list(zip((part + 2).tolist(), self.prefixes[part].tolist(), *cells, strict=True))


def read(data: bytes, blanks: Blanks, delimiter: str) -> PlainDeck | None:
    """The deck, or None where deck_csv must read it."""
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
    order = np.argsort(keys, kind="stable")
    if (np.diff(keys[order]) == 0).any():
        return None
    try:
        names, prices, rest = (_group(table, columns, wanted, blanks) for wanted in (NAMES, PRICES, REST))
    except (BadCell, rules.InvalidRate):
        return None
    prefixes = np.array(table["prefix"].to_pylist(), object)
    return PlainDeck(prefixes, order, names, prices, rest)


def _clean(data: bytes) -> bool:
    """Whether the text is UTF-8 without invisible characters, and its lines end as those of Unix."""
    if not data.translate(None, _PRINTABLE):
        return True
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
    digit = text - np.uint8(48)
    if digit[offsets[0] : offsets[-1]].max() > 9 or not digit[offsets[:-1]].all():
        return None
    padded = np.concatenate((digit, np.zeros(rules.MAX_PREFIX, np.uint8)))
    key = np.zeros(len(length), np.int64)
    for place in range(rules.MAX_PREFIX):
        key = key * 10 + np.where(place < length, padded[offsets[:-1] + place], 0)
    return key * 16 + length


def _group(table: Any, columns: dict[str, int], wanted: Sequence[str], blanks: Blanks) -> Group:
    """What the wanted columns mean together. Raises BadCell, InvalidRate."""
    present = [name for name in wanted if name in columns]
    code = np.zeros(len(table), np.int64)
    cells: list[dict[str, str]] = [{}]
    for name in present:
        column = table[name].unify_dictionaries().combine_chunks()
        values = column.dictionary.to_pylist()
        own = column.indices.to_numpy().astype(np.int64)
        kept, code = np.unique(code * len(values) + own, return_inverse=True)
        cells = [{**cells[one // len(values)], name: values[one % len(values)].strip(" ")} for one in kept.tolist()]
        code = code.ravel()
    filled = {name: text for name, text in _FILLED.items() if name not in wanted}
    empty = dict.fromkeys(wanted, "")
    return Group(tuple(deck_lines.meaning({**filled, **empty, **one}, blanks) for one in cells), code)
