"""A sheet of an XLSX workbook as rows of text. The file may be hostile: it is looked at before anything of it is opened.

A workbook is a zip of XML. Sizes and ratios are bounded, document types (entities) are refused, nothing is calculated: a cell with a
formula is told, and its last value is not trusted.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO
from typing import Any

from cadran.catalog.adapters.deck_cells import shown
from cadran.catalog.adapters.deck_file import UnreadableDeckFile

MAX_PARTS = 2_000
MAX_WHOLE = 400 * 1024 * 1024
MAX_STRINGS = 64 * 1024 * 1024
MAX_RATIO = 200
RATIO_FROM = 1024 * 1024
MAX_ROWS = 1_048_576
MAX_COLUMNS = 100
_CHUNK = 1024 * 1024
_MARK = b"<!DOCTYPE"

Cells = tuple[int, tuple[str, ...], tuple[tuple[int, str, str], ...]]


def rows(data: bytes, sheet: str = "") -> tuple[str, int, Iterator[Cells]]:
    """The name of the sheet (the first where none is named), how many rows it says it has, and its rows: line, cells, and what is
    wrong by place (code, message). Raises UnreadableDeckFile."""
    _inspect(data)
    from openpyxl import load_workbook

    try:
        book = load_workbook(BytesIO(data), read_only=True, keep_links=False, rich_text=False)
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever a broken part makes it raise
        raise UnreadableDeckFile(f"the workbook cannot be read ({type(error).__name__}): save it again") from None
    names = [found.title for found in book.worksheets]
    if not names or (sheet and sheet not in names):
        raise UnreadableDeckFile(f"the workbook has no sheet {shown(sheet)}: it has {', '.join(map(shown, names))}")
    name = sheet or names[0]
    return name, min(book[name].max_row or 0, MAX_ROWS), _rows(book[name])


def _inspect(data: bytes) -> None:
    """Refuses what would not end well before it is read."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_WHOLE:
                raise UnreadableDeckFile(
                    f"the workbook has {len(parts)} parts of {sum(part.file_size for part in parts) >> 20} MB in all: at most "
                    f"{MAX_PARTS} parts and {MAX_WHOLE >> 20} MB are read"
                )
            for part in parts:
                _inspect_part(archive, part)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, UnreadableDeckFile):
            raise
        raise UnreadableDeckFile("the workbook is no whole XLSX file: save it again, without a password") from None


def _inspect_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    if part.file_size > RATIO_FROM and part.file_size > MAX_RATIO * max(part.compress_size, 1):
        raise UnreadableDeckFile(
            f"{shown(part.filename)} unpacks to {part.file_size // max(part.compress_size, 1)} times its size: no price list does"
        )
    if part.filename.endswith("sharedStrings.xml") and part.file_size > MAX_STRINGS:
        raise UnreadableDeckFile(f"the workbook holds more than {MAX_STRINGS >> 20} MB of text: split the deck")
    if part.flag_bits & 1:
        raise UnreadableDeckFile("the workbook is locked with a password: save it without")
    if not part.filename.endswith((".xml", ".rels")):
        return
    tail = b""
    with archive.open(part) as opened:
        while chunk := opened.read(_CHUNK):
            if not tail and chunk.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")):
                raise UnreadableDeckFile(f"{shown(part.filename)} is not UTF-8: save the workbook again")
            if _MARK in tail + chunk:
                raise UnreadableDeckFile(f"{shown(part.filename)} declares a document type, which no workbook does")
            tail = chunk[-len(_MARK) :]


def _rows(sheet: Any) -> Iterator[Cells]:
    blank: object = (
        None  # openpyxl has one tuple for all rows that are not there, of which hostile files have a million
    )
    try:
        found = sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS)
        for number, cells in enumerate(found, 1):
            if cells is blank:
                continue
            texts, wrong = [], []
            for place, cell in enumerate(cells):
                text, problem = _cell(cell)
                texts.append(text)
                if problem:
                    wrong.append((place, *problem))
            while texts and not texts[-1]:
                texts.pop()
            if texts or wrong:
                yield number, tuple(texts), tuple(wrong)
            else:
                blank = cells
    except UnreadableDeckFile:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever a broken sheet makes it raise
        raise UnreadableDeckFile(
            f"the sheet cannot be read ({type(error).__name__}): save the workbook again"
        ) from None


def _cell(cell: Any) -> tuple[str, tuple[str, str] | None]:
    """Text of a cell: numbers as decimals without exponent, days as 2026-01-31. A formula or an error is told."""
    value, kind = cell.value, cell.data_type
    if value is None:
        return "", None
    if kind == "f":
        return "", ("formula", "the cell holds a formula: copy the sheet and paste its values")
    if kind == "e":
        return "", ("cell-error", f"the cell holds the error {shown(str(value))}: put its value")
    if isinstance(value, bool):
        return "yes" if value else "no", None
    if isinstance(value, int):
        return str(value), None
    if isinstance(value, float):
        return _decimal(value), None
    if isinstance(value, datetime):
        return (value.date().isoformat() if value.time() == time() else value.isoformat(timespec="seconds")), None
    if isinstance(value, date | time):
        return value.isoformat(), None
    return str(value).strip(), None


def _decimal(value: float) -> str:
    """The shortest decimal that is this number, which is what was typed: 0.09, not 0.0899999999."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
