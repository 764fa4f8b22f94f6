"""Price lists of others as rows of text: CSV in the encodings that spreadsheets write, of bounded size. Reads only."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cadran.catalog.adapters import deck_file, xlsx
from cadran.catalog.adapters.deck_cells import shown
from cadran.catalog.adapters.deck_csv import MAX_LINE, MAX_LINES, Problem
from cadran.catalog.adapters.deck_file import UnreadableDeckFile

MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", ",": ",", ";": ";", "|": "|"}
ENCODINGS = ("utf-8", "utf-16", "windows-1252", "latin-1", "iso-8859-15")
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-16": "utf-16-le",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso-8859-15",
}
_GUESSED = (",", ";", "\t", "|")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: its line from 1, its cells, and what is wrong in them by their place (code, message)."""

    line: int
    cells: tuple[str, ...]
    wrong: tuple[tuple[int, str, str], ...] = ()


@dataclass(slots=True)
class Table:
    """Rows, read as they are asked for. total: about how many lines. notes: what was decided without being told, for people.
    problems: of whole lines."""

    rows: Iterator[Row]
    sheet: str = ""
    total: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    def wrong(self, line: int, code: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < 1000:
            self.problems.append(Problem(line, "", code, message, self.sheet))


def read(source: Path | bytes, *, delimiter: str = "", encoding: str = "", sheet: str = "", form: str = "") -> Table:
    """The rows of a CSV file (or .csv.gz), or of a sheet of an XLSX workbook. form: csv or xlsx; told by the content where empty.

    delimiter, encoding: found out where empty, and noted where that is a guess. Raises UnreadableDeckFile.
    """
    data = source if isinstance(source, bytes) else deck_file.content(source)
    workbook = data.startswith(b"PK\x03\x04")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableDeckFile("the file is an old .xls workbook: save it as .xlsx or as CSV")
    if form == "xlsx" and not workbook:
        raise UnreadableDeckFile("the file is no XLSX workbook: give --format csv if it is text")
    if workbook:
        if form == "csv":
            raise UnreadableDeckFile("the file is a workbook, not CSV: give --format xlsx")
        name, total, cells = xlsx.rows(data, sheet)
        return Table(rows=(Row(*row) for row in cells), sheet=name, total=total)
    return _csv(data, delimiter, encoding)


def _csv(data: bytes, delimiter: str, encoding: str) -> Table:
    table = Table(rows=iter(()))
    if data.startswith(b"\x1f\x8b"):
        raise UnreadableDeckFile("the file is gzip: name it .csv.gz")
    if data.count(b"\n") > MAX_LINES:
        raise UnreadableDeckFile(f"the file has more than {MAX_LINES} lines: split the deck")
    text = _text(data, encoding, table)
    if "\n" not in text and "\r" in text:
        raise UnreadableDeckFile("lines end with CR alone: save the file with Unix or Windows line ends")
    mark = MARKS.get(delimiter, delimiter) if delimiter else _guessed(text)
    table.rows, table.total = _rows(text, mark, table), text.count("\n") + 1
    return table


def _text(data: bytes, encoding: str, table: Table) -> str:
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _decoded(data.removeprefix(bom), name)
    if encoding:
        if encoding.lower() not in _CODECS:
            raise UnreadableDeckFile(f"an encoding is one of {', '.join(ENCODINGS)}, not {shown(encoding)}")
        return _decoded(data, _CODECS[encoding.lower()])
    if data[:1000].count(0) > len(data[:1000]) // 3:
        return _decoded(data, "utf-16-le" if data[1:2] == b"\0" else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        text = _decoded(data, "cp1252")
        table.notes.append(
            f"line {line} holds the byte {data[bad.start]:#04x}, which is not UTF-8: the file was read as windows-1252; "
            "say --encoding if that is wrong"
        )
        return text


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        raise UnreadableDeckFile(
            f"line {line} holds the byte {data[bad.start]:#04x}, which is not {encoding}: save the file in UTF-8"
        ) from None


def _guessed(text: str) -> str:
    """The mark that stands most often in the first line that is not blank."""
    first = next((line for line in text[:100_000].split("\n") if line.strip()), "")
    return max(_GUESSED, key=first.count)


def _rows(text: str, mark: str, table: Table) -> Iterator[Row]:
    start, number = 0, 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line, start, number = text[start:end].removesuffix("\r"), end + 1, number + 1
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            table.wrong(number, "line-size", f"the line has {len(line)} characters: at most {MAX_LINE}")
            continue
        if '"' not in line:
            yield Row(number, tuple(cell.strip() for cell in line.split(mark)))
            continue
        try:
            yield Row(number, tuple(cell.strip() for cell in next(csv.reader([line], delimiter=mark, strict=True))))
        except csv.Error:
            table.wrong(number, "quotes", "the quotation marks of this line do not match: a rate stands on one line")
