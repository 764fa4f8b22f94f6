"""CSV and XLSX with columns of any name, by a mapping: which column is which of ours, what is the same in all lines, and the units."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from cadran.catalog.adapters import tables
from cadran.catalog.adapters.deck_cells import BadCell, shown
from cadran.catalog.adapters.deck_csv import COLUMNS, REQUIRED, STEP, Progress
from cadran.catalog.adapters.tables import Row, Table
from cadran.catalog.adapters.translation import Origin, Translation
from cadran.units.errors import InvalidInput

AMOUNTS = ("price", "connection_fee", "minimum", "maximum")
SECONDS = ("first_s", "next_s", "free_s", "from_s")
MAX_COLUMNS = 100
_EXPONENT = re.compile(r"\d+([.,]\d+)?[eE][+-]?\d+")
_DECIMAL = re.compile(r"\d{1,12}([.,]\d{1,12})?")
_WHOLE = re.compile(r"(\d{1,6})([.,]0+)?")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")


class BadMapping(InvalidInput):
    """A mapping that names what is not there, or names it twice."""

    error_id = "catalog-mapping-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """How to read a price list. columns: our column by the source's name of it, or by its number from 1. fixed: our columns that
    are the same in all lines. per: the unit of time of prices. cents: amounts are in hundredths. decimal_comma: 0,09 is 0.09.
    day_first: 31/12/2026 is a day. header: whether the first row names the columns; skip: rows before it."""

    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    per: str = ""
    cents: bool = False
    decimal_comma: bool = False
    day_first: bool = False
    header: bool = True
    skip: int = 0
    delimiter: str = ""
    encoding: str = ""
    sheet: str = ""

    def check(self) -> None:
        """Raises BadMapping."""
        for target in (*self.columns.values(), *self.fixed):
            if target not in COLUMNS:
                raise BadMapping(f"{shown(target)} is no column of ours: {', '.join(COLUMNS)}")
        for target in self.columns.values():
            if list(self.columns.values()).count(target) > 1 or target in self.fixed:
                raise BadMapping(f"two columns are mapped to {target}, or it is fixed as well: choose one")
        if not self.header and not all(name.isascii() and name.isdigit() for name in self.columns):
            raise BadMapping("without a header columns are named by number: --map 1=prefix")

    def to_text(self) -> str:
        """JSON of a saved profile."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    def over(self, given: ColumnMap) -> ColumnMap:
        """This one, with what `given` states instead or besides."""
        blank = asdict(ColumnMap())
        stated = {name: value for name, value in asdict(given).items() if value != blank[name]}
        merged = {**self.columns, **given.columns}
        kept = {name: target for name, target in merged.items() if target not in given.fixed}
        stated |= {"columns": kept, "fixed": {**self.fixed, **given.fixed}}
        return replace(self, **stated)


def from_text(text: str) -> ColumnMap:
    """The reverse of `to_text`. Raises BadMapping."""
    try:
        found = ColumnMap(**json.loads(text))
        found.check()
    except (TypeError, ValueError, AttributeError):
        raise BadMapping("the saved profile cannot be read: save it again") from None
    return found


def translate(table: Table, mapping: ColumnMap, progress: Progress | None = None) -> Translation:
    """The rows of a table as a deck file; progress(line, total) is called now and then. Raises BadMapping."""
    mapping.check()
    rows = table.rows
    for _ in range(mapping.skip):
        next(rows, None)
    first = next(rows, None)
    if first is None:
        raise BadMapping("the file has no rows")
    places, names = _places(first if mapping.header else None, mapping, len(first.cells))
    missing = [name for name in REQUIRED if name not in places and name not in mapping.fixed]
    if missing:
        told = ", ".join(shown(cell) for cell in first.cells[:20])
        raise BadMapping(
            f"no column is {', '.join(missing)}: map one with --map COLUMN={missing[0]} or use --fixed; the first row is {told}"
        )
    columns = [name for name in COLUMNS if name in places or name in mapping.fixed or (name == "per" and mapping.per)]
    translation = Translation(columns=columns, names=names, aligned=mapping.header)
    reader = _Reader(table, translation, mapping, places)
    if not mapping.header:
        reader.take(first)
    for row in rows:
        reader.take(row)
        if progress and row.line % STEP == 0:
            progress(min(row.line, table.total), table.total)
    translation.notes += [*table.notes, *_ignored(first, mapping, places)]
    translation.problems += table.problems
    translation.problem_count += table.problem_count
    return translation


def read(source: bytes | Path, mapping: ColumnMap, form: str = "", progress: Progress | None = None) -> Translation:
    """A CSV or XLSX file as a deck file. Raises UnreadableDeckFile, BadMapping."""
    table = tables.read(source, delimiter=mapping.delimiter, encoding=mapping.encoding, sheet=mapping.sheet, form=form)
    return translate(table, mapping, progress)


def _places(header: Row | None, mapping: ColumnMap, width: int) -> tuple[dict[str, int], dict[str, str]]:
    """Our columns' places in a row, and the names that the source gives them."""
    if header is None:
        found = {target: int(name) - 1 for name, target in mapping.columns.items()}
        if any(not 0 <= place < MAX_COLUMNS for place in found.values()):
            raise BadMapping(f"columns are numbered from 1 to {MAX_COLUMNS}; the first row has {width}")
        return found, {target: f"column {place + 1}" for target, place in found.items()}
    titles = [title.casefold() for title in header.cells]
    places: dict[str, int] = {}
    for name, target in mapping.columns.items():
        if titles.count(name.strip().casefold()) > 1:
            raise BadMapping(f"two columns are named {shown(name)}: map by number instead, as 2={target}")
        if name.strip().casefold() in titles:
            places[target] = titles.index(name.strip().casefold())
        elif name.isascii() and name.isdigit() and 1 <= int(name) <= len(titles):
            places[target] = int(name) - 1
        else:
            raise BadMapping(
                f"no column is named {shown(name)}: the first row is {', '.join(map(shown, header.cells[:20]))}"
            )
    for place, title in enumerate(titles):
        if title in COLUMNS and title not in places and title not in mapping.fixed and place not in places.values():
            places[title] = place
    return places, {target: header.cells[place] for target, place in places.items()}


def _ignored(first: Row, mapping: ColumnMap, places: dict[str, int]) -> list[str]:
    if not mapping.header:
        return []
    others = [cell for place, cell in enumerate(first.cells) if cell and place not in places.values()]
    return [f"columns that are not read: {', '.join(map(shown, others[:20]))}"] if others else []


class _Reader:
    def __init__(self, table: Table, translation: Translation, mapping: ColumnMap, places: dict[str, int]) -> None:
        self.table, self.translation, self.mapping, self.places = table, translation, mapping, places

    def take(self, row: Row) -> None:
        origin = Origin(row.line, self.table.sheet)
        translation = self.translation
        translation.lines += 1
        wrong = {place: (code, message) for place, code, message in row.wrong}
        cells = dict(self.mapping.fixed)
        if self.mapping.per:
            cells["per"] = self.mapping.per
        good = True
        for target, place in self.places.items():
            name = translation.names.get(target, target)
            if place in wrong:
                translation.wrong(origin, name, *wrong[place])
                good = False
                continue
            try:
                cells[target] = self._cell(target, row.cells[place] if place < len(row.cells) else "")
            except BadCell as bad:
                translation.wrong(origin, name, bad.code, str(bad))
                good = False
        if good:
            translation.add(origin, cells)

    def _cell(self, target: str, text: str) -> str:
        if target == "prefix":
            return prefix(text)
        if target in AMOUNTS:
            return self._amount(target, text)
        if target in SECONDS:
            return _seconds(text)
        if target in ("effective_from", "effective_to"):
            return self._day(target, text)
        return text

    def _amount(self, target: str, text: str) -> str:
        text = text.strip("\u00a0 ")
        if self.mapping.decimal_comma and "." not in text:
            text = text.replace(",", ".", 1)
        if not self.mapping.cents or not text:
            return text
        if not (text.isascii() and _DECIMAL.fullmatch(text)) or "," in text:
            raise BadCell(target, f"{target} is an amount in hundredths such as 9.5, not {shown(text)}")
        return format(Decimal(text).scaleb(-2), "f")

    def _day(self, target: str, text: str) -> str:
        """A day as other programs write it; ours is read as it is."""
        text = text.removesuffix(" 00:00:00").removesuffix("T00:00:00")
        match = _SLASHED.fullmatch(text)
        if not match:
            return text
        if not self.mapping.day_first:
            raise BadCell(target, f"{shown(text)} may be two days: write 2026-01-31, or say --day-first for 31/01/2026")
        return f"{match[3]}-{int(match[2]):02d}-{int(match[1]):02d}"


def prefix(text: str) -> str:
    """Digits, without what stands before and between them: `+33 6`, `0033`. A number that a spreadsheet shortened is told."""
    if _EXPONENT.fullmatch(text):
        raise BadCell(
            "exponent",
            f"a spreadsheet shortened this prefix to {shown(text)}: format the column as text, export again",
        )
    bare = re.sub(r"[ \u00a0().]", "", text.removeprefix("'"))
    return bare.removeprefix("+").removeprefix("00")


def _seconds(text: str) -> str:
    match = _WHOLE.fullmatch(text.removesuffix("s").strip()) if text.isascii() else None
    return match[1] if match else text
