"""Workbooks are looked at before they are opened: bombs, entities and formulas are told, numbers and days come as they were typed."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.catalog.adapters import mapped, tables, xlsx
from cadran.catalog.adapters.deck_file import UnreadableDeckFile
from cadran.catalog.price_files import ColumnMap

COLUMNS = {"Code": "prefix", "Name": "destination", "Rate": "price"}


def workbook(*rows: list[object], title: str = "Rates") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def rewritten(data: bytes, name: str, change: bytes, *, old: bytes = b"") -> bytes:
    """The workbook with one part changed."""
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.infolist():
            content = before.read(part)
            if part.filename == name:
                content = content.replace(old, change, 1) if old else change
            after.writestr(part.filename, content)
    return kept.getvalue()


def cells(data: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in tables.read(data).rows]


def test_numbers_days_and_text_come_as_they_were_typed() -> None:
    rows = cells(
        workbook(
            ["Code", "Name", "Rate", "From"],
            [33612345678, "Réunion ", 0.09, date(2026, 12, 1)],
            ["0033", "x", 0.3, datetime(2026, 12, 1, 10, 30)],
            [None, None, None, None],
            [33.0, True, 1e-7, None],
        )
    )
    assert rows == [
        ("Code", "Name", "Rate", "From"),
        ("33612345678", "Réunion", "0.09", "2026-12-01"),
        ("0033", "x", "0.3", "2026-12-01T10:30:00"),
        ("33", "yes", "0.0000001"),
    ]


def test_a_formula_is_a_problem_of_its_cell_and_is_never_calculated() -> None:
    data = workbook(["Code", "Name", "Rate"], [33, "France", "=1/0"], [34, '=HYPERLINK("x")', 0.1], [35, "Z", 0.1])
    translation = mapped.read(data, ColumnMap(columns=COLUMNS))
    assert [(one.line, one.column, one.code, one.file) for one in translation.problems] == [
        (2, "Rate", "formula", "Rates"),
        (3, "Name", "formula", "Rates"),
    ]
    assert b"35,Z,0.1" in translation.data


def test_a_sheet_is_chosen_by_name() -> None:
    data = workbook(["Code", "Name", "Rate"], [33, "France", 0.1])
    assert tables.read(data, sheet="Rates").sheet == "Rates"
    with pytest.raises(UnreadableDeckFile, match="no sheet 'Prices': it has 'Rates'"):
        tables.read(data, sheet="Prices")


def test_the_form_must_be_what_is_said() -> None:
    data = workbook(["Code"])
    with pytest.raises(UnreadableDeckFile, match="not CSV"):
        tables.read(data, form="csv")
    with pytest.raises(UnreadableDeckFile, match="no XLSX"):
        tables.read(b"Code\n", form="xlsx")
    with pytest.raises(UnreadableDeckFile, match=r"old \.xls"):
        tables.read(b"\xd0\xcf\x11\xe0" + b"\0" * 100)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<a>" + b"0" * (20 << 20))
    with pytest.raises(UnreadableDeckFile, match="times its size"):
        tables.read(kept.getvalue())


def test_many_parts_and_great_sizes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for number in range(xlsx.MAX_PARTS + 1):
            archive.writestr(f"{number}.xml", b"")
    with pytest.raises(UnreadableDeckFile, match="parts"):
        tables.read(kept.getvalue())
    monkeypatch.setattr(xlsx, "MAX_WHOLE", 1000)
    with pytest.raises(UnreadableDeckFile, match="MB are read"):
        tables.read(workbook(["Code"]))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("xl/worksheets/sheet1.xml", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'),
        ("xl/workbook.xml", b"<!--" + b"x" * (1 << 20) + b'--><!DOCTYPE x SYSTEM "file:///etc/passwd"><workbook/>'),
        ("xl/styles.xml", '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x><a/>'.encode("utf-16")),
    ],
)
def test_document_types_are_refused(name: str, change: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "RATIO_FROM", 1 << 30)
    with pytest.raises(UnreadableDeckFile, match=r"document type|not UTF-8"):
        tables.read(rewritten(workbook(["Code"]), name, change))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("xl/worksheets/sheet1.xml", b"<worksheet"),
        ("xl/worksheets/sheet1.xml", b"\xff" * 50),
        ("xl/workbook.xml", b"<workbook/>"),
        ("[Content_Types].xml", b"no xml"),
        ("xl/_rels/workbook.xml.rels", b""),
    ],
)
def test_broken_parts_are_told_in_words(name: str, change: bytes) -> None:
    with pytest.raises(UnreadableDeckFile):
        list(tables.read(rewritten(workbook(["Code"], [1]), name, change)).rows)


def test_a_row_number_beyond_all_bounds_ends_the_reading() -> None:
    data = rewritten(workbook(["Code"], [1]), "xl/worksheets/sheet1.xml", b'r="99999999999"', old=b'r="2"')
    assert len(list(tables.read(data).rows)) <= 2


def test_a_great_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "great.xlsx"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(UnreadableDeckFile, match="128 MB"):
        tables.read(path)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6000), st.binary(min_size=1, max_size=30))
def test_any_damage_is_read_or_refused_in_words(place: int, damage: bytes) -> None:
    data = bytearray(workbook(["Code", "Name", "Rate"], [33, "France", 0.1]))
    place = min(place, len(data) - 1)
    data[place : place + len(damage)] = damage
    message = "read"
    try:
        list(tables.read(bytes(data)).rows)
    except UnreadableDeckFile as refused:
        message = refused.message
    assert message.isprintable()


def test_a_cell_of_two_lines_breaks_no_line() -> None:
    data = workbook(
        ["Code", "Name", "Rate"], [33, "Fra\nnce", 0.1], [34, "Spain\r\n35,Evil,0", 0.1], [36, "Hungary", 0.2]
    )
    translation = mapped.read(data, ColumnMap(columns=COLUMNS))
    assert [(one.line, one.column, one.code) for one in translation.problems] == [
        (2, "Name", "control"),
        (3, "Name", "control"),
    ]
    assert translation.data.decode().split() == ["prefix,destination,price", "36,Hungary,0.2"]
