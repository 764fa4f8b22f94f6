"""Large plain decks are read by columns: with the same rates as by lines, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadran.catalog.adapters import deck_columns, deck_csv, deck_rows
from cadran.catalog.adapters.deck_lines import Blanks

BLANKS = Blanks(zone="Europe/Paris", currency="EUR", first_s=1, next_s=6, connection_micros=10)
HEADER = "prefix,destination,price,per,first_s,next_s,connection_fee,minimum,effective_from,effective_to"
COLUMNS = len(HEADER.split(","))


@pytest.fixture(autouse=True)
def _any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deck_columns, "WORTH", 0)


def rows(of: object) -> list[tuple[object, ...]]:
    if isinstance(of, deck_columns.PlainDeck):
        return sorted((*row, "") for part in of.rows(2, lambda instant: instant) for row in part)
    assert isinstance(of, list)
    return sorted(row for part in deck_rows._rows(of, lambda instant: instant) for row in part)


line = st.tuples(
    st.text("123", min_size=1, max_size=4),
    st.sampled_from(["France", "États-Unis", " spaced ", "Congo"]),
    st.sampled_from(["0.01", "1", "0.000000001", "999.5"]),
    st.sampled_from(["", "min", "s"]),
    st.sampled_from(["", "1", "60"]),
    st.sampled_from(["", "6", "86400"]),
    st.sampled_from(["", "0", "0.05"]),
    st.sampled_from(["", "0.1"]),
    st.sampled_from(["", "2026-03-29", "2026-01-01T00:00:00Z"]),
    st.sampled_from(["", "2027-01-01"]),
)


@given(st.lists(line, min_size=1, max_size=12, unique_by=lambda cells: cells[0]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_columns_say_what_lines_say(lines: list[tuple[str, ...]]) -> None:
    data = "\n".join([HEADER, *(",".join(cells) for cells in lines), ""]).encode()
    by_lines = deck_csv.read(data, BLANKS)
    by_columns = deck_columns.read(data, BLANKS, ",")
    if by_lines.problem_count:
        assert by_columns is None
        return
    assert by_columns is not None
    assert len(by_columns) == len(by_lines.rates)
    assert rows(by_columns) == rows(by_lines.rates)
    coarser = tuple(rate.line for rate in by_lines.rates if rate.first_s > 1 or rate.next_s > 6)
    assert by_columns.coarser(1, 6) == coarser


@pytest.mark.parametrize(
    "text",
    [
        "33,France,0.01\n33,France,0.02\n",  # twice
        "033,France,0.01\n",
        "+33,France,0.01\n",
        ",France,0.01\n",
        "3" * 16 + ",France,0.01\n",
        "33,France,-0.01\n",
        "33,,0.01\n",
        "33,=cmd(),0.01\n",
        "33,France\n",
        "33,France,0.01,\n",
        '33,"France, mobile",0.01\n',
        "33,France,0.01\r\n",
        "33,France,0.01\n\n44,Britain,0.01\n",
        "33,Fr\x00ance,0.01\n",
        "33,Fr\u202eance,0.01\n",
        "33,France,0.01\n" + "4" * 9_000 + ",x,1\n",
        "\u0663\u0663,France,0.01\n",
        "",
    ],
)
def test_what_is_wrong_or_unusual_is_left_to_the_lines(text: str) -> None:
    data = ("prefix,destination,price\n" + text).encode()
    assert deck_columns.read(data, BLANKS, ",") is None


def test_bytes_that_are_no_text_and_columns_of_bands_are_left_to_the_lines() -> None:
    assert deck_columns.read(b"prefix,destination,price\n33,Fr\xff,0.01\n", BLANKS, ",") is None
    assert deck_columns.read(b"prefix,destination,price,band\n33,France,0.01,\n", BLANKS, ",") is None
    assert deck_columns.read(b"prefix,destination\n33,France\n", BLANKS, ",") is None


def test_a_day_is_its_midnight_in_the_zone_of_the_brand() -> None:
    data = b"prefix;destination;price;effective_from\n33;France;0.01;2026-07-01\n"
    found = deck_columns.read(data, BLANKS, ";")
    assert found is not None
    assert rows(found)[0][9] == datetime(2026, 6, 30, 22, tzinfo=UTC)
