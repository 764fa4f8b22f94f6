"""Any CSV file comes out as its records, whatever its cells hold and wherever its blocks are cut; what is broken is told by line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cadran.rating.files import reading, reasons
from cadran.rating.files.columns import Reading

CELL = st.text(alphabet=st.sampled_from('ab1",;\n\r =é\0'), max_size=8)
ROW = st.tuples(CELL, CELL, CELL)
SMALL = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> tuple[list[tuple[Any, ...]], list[int], list[reading.Broken]]:
    source = reading.open_file(path, Reading(delimiter=","))
    chunks = [source.read(piece) for piece in source.pieces]
    rows = [tuple(row.values()) for chunk in chunks for row in chunk.table.to_pylist()]
    lines = [int(line) for chunk in chunks for line in chunk.lines]
    return rows, lines, [one for chunk in chunks for one in chunk.broken]


@SMALL
@given(rows=st.lists(ROW, max_size=12), block=st.integers(20, 200), always=st.booleans())
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str, str]], block: int, always: bool
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    assume(always or not any("\r" in cell for row in rows for cell in row))  # unmarked, it is part of the line's end
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if always else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(["x", "y", "z"])
    expected, lines = [], []
    for row in rows:
        lines.append(1 + out.getvalue().count("\n"))
        writer.writerow(row)
        expected.append(row)
    (tmp_path / "a.csv").write_text(out.getvalue(), newline="")
    found, where, broken = read(tmp_path / "a.csv")
    assert (found, where, broken) == (expected, lines, [])


@SMALL
@given(text=st.text(alphabet=st.sampled_from('ab",\n\r'), max_size=80), block=st.integers(20, 60))
def test_of_any_text_every_line_is_read_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block: int
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    (tmp_path / "a.csv").write_text("x,y\n" + text, newline="")
    _, where, broken = read(tmp_path / "a.csv")
    known = {*where, *(one.line for one in broken)}
    assert len(known) == len(where) + len(broken)
    lines = ("x,y\n" + text).split("\n")
    for number, line in enumerate(lines[1:], 2):
        if line.strip("\r") and number not in known:
            # It belongs to a cell in quotation marks that an earlier line opened.
            opened = max(one for one in known if one < number)
            assert '"' in "\n".join(lines[opened - 1 : number])
            assert opened in where


def test_a_quotation_mark_left_open_costs_its_own_line_alone(tmp_path: Path) -> None:
    text = "x,y\n" + "a,b\n" * 5 + 'a,"open\n' + "c,d\n" * 500
    (tmp_path / "a.csv").write_text(text)
    found, where, broken = read(tmp_path / "a.csv")
    assert [(one.line, one.reason) for one in broken] == [(7, reasons.ROW_QUOTES)]
    assert len(found) == len(where) == 505


def test_a_line_break_in_a_cell_cannot_smuggle_a_record_in(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('x,y\n1,"note\n33142,5"\n2,z\n')
    assert read(tmp_path / "a.csv")[0] == [("1", "note\n33142,5"), ("2", "z")]
