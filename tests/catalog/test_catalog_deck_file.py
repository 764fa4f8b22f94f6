"""Deck files as they come: right ones, careless ones, hostile ones. Each error names its line; nothing is guessed."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.catalog import rules
from cadran.catalog.adapters import deck_csv, deck_file, deck_lines

BLANKS = deck_lines.Blanks(zone="Europe/Paris", currency="EUR", first_s=1, next_s=1)
HEADER = "prefix,destination,price\n"
DATED = "prefix,destination,price,effective_from,effective_to\n"
BANDED = "prefix,destination,price,band,band_days,band_hours,band_zone,band_holidays,first_s\n"


def read(text: str | bytes, **options: str) -> deck_csv.Reading:
    return deck_csv.read(text.encode() if isinstance(text, str) else text, BLANKS, **options)  # type: ignore[arg-type]


def codes(reading: deck_csv.Reading) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in reading.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "header")]),
        ("\n", [(1, "header")]),
        (HEADER, [(0, "empty")]),
        ("prefix,price\n33,1\n", [(1, "header")]),
        ("prefix;destination;price\n33;France;0.01\n", [(1, "delimiter")]),
        ("prefix\tdestination\tprice\n33\tFrance\t0.01\n", [(1, "delimiter")]),
        ("prefix,destination,price,colour\n33,France,0.01,red\n", [(1, "column-unknown")]),
        ("prefix,destination,price,price\n33,France,0.01,0.02\n", [(1, "column-twice")]),
        ("prefix,destination,price\r33,France,0.01\r", [(1, "line-ends")]),
        (HEADER + "33,France\n", [(2, "cells")]),
        (HEADER + "33,France,0.01,9\n", [(2, "cells")]),
        (HEADER + "33,France,0,01\n", [(2, "cells")]),
        (HEADER + '33,France,"0,01"\n', [(2, "price")]),
        (HEADER + '33,"France,0.01\n44,UK,0.01\n', [(2, "quotes")]),
        (HEADER + '33,Fra"nce,0.01\n', []),
        (HEADER + '33,"France" x,0.01\n', [(2, "quotes")]),
        (HEADER + "+33,France,0.01\n", [(2, "prefix")]),
        (HEADER + "033,France,0.01\n", [(2, "prefix")]),
        (HEADER + ",France,0.01\n", [(2, "prefix")]),
        (HEADER + "33x,France,0.01\n", [(2, "prefix")]),
        (HEADER + "3.3E+10,France,0.01\n", [(2, "prefix")]),
        (HEADER + "1234567890123456,France,0.01\n", [(2, "prefix")]),
        (HEADER + "٣٣,France,0.01\n", [(2, "prefix")]),
        (HEADER + "33,,0.01\n", [(2, "destination")]),
        (HEADER + f"33,{'x' * 81},0.01\n", [(2, "destination")]),
        (HEADER + "33,=cmd|' /C calc'!A0,0.01\n", [(2, "formula")]),
        (HEADER + "33,+1+1,0.01\n", [(2, "formula")]),
        (HEADER + "33,-1,0.01\n", [(2, "formula")]),
        (HEADER + "33,@SUM(A1),0.01\n", [(2, "formula")]),
        (HEADER + "33,Fr\x00ance,0.01\n", [(2, "control")]),
        (HEADER + "33,Fr\x1b[2Jance,0.01\n", [(2, "control")]),
        (HEADER + "33,Fr\u202eance,0.01\n", [(2, "control")]),
        (HEADER + "33,Fr\u200bance,0.01\n", [(2, "control")]),
        (HEADER + "33,Fr\rance,0.01\n", [(2, "control")]),
        (HEADER + "33,Fr\u00a0ance,0.01\n", [(2, "control")]),
        (HEADER + "33,France,\n", [(2, "price")]),
        (HEADER + "33,France,free\n", [(2, "price")]),
        (HEADER + "33,France,-0.01\n", [(2, "price")]),
        (HEADER + "33,France,NaN\n", [(2, "price")]),
        (HEADER + "33,France,1e-2\n", [(2, "price")]),
        (HEADER + "33,France,.01\n", [(2, "price")]),
        (HEADER + "33,France,0.0000000001\n", [(2, "price")]),
        (HEADER + "33,France,1000.000000001\n", [(2, "price-size")]),
        (HEADER + "33,France,1000\n", []),
        (HEADER + "33,France,0\n", []),
        (HEADER + "33,France,99999999\n", [(2, "price")]),
        (HEADER + f"33,France,{'9' * 9000}\n", [(2, "line-size")]),
        (HEADER + "33,France,0.01\n33,France,0.02\n", [(3, "duplicate")]),
        (HEADER + "x,F,1\n33,,1\n44,UK,y\n", [(2, "prefix"), (3, "destination"), (4, "price")]),
        ("prefix,destination,price,per\n33,France,0.01,hour\n", [(2, "per")]),
        ("prefix,destination,price,first_s\n33,France,0.01,0\n", [(2, "first_s")]),
        ("prefix,destination,price,first_s\n33,France,0.01,86401\n", [(2, "first_s")]),
        ("prefix,destination,price,next_s\n33,France,0.01,1.5\n", [(2, "next_s")]),
        ("prefix,destination,price,connection_fee\n33,France,0.01,0.0000001\n", [(2, "connection_fee")]),
        ("prefix,destination,price,connection_fee\n33,France,0.01,1001\n", [(2, "connection_fee-size")]),
        ("prefix,destination,price,minimum\n33,France,0.01,x\n", [(2, "minimum")]),
        (DATED + "33,France,0.01,2026-13-01,\n", [(2, "effective_from")]),
        (DATED + "33,France,0.01,01/02/2026,\n", [(2, "effective_from")]),
        (DATED + "33,France,0.01,2026-01-01T00:00:00,\n", [(2, "effective_from")]),
        (DATED + "33,France,0.01,9999-01-01,\n", [(2, "effective_from")]),
        (DATED + "33,France,0.01,0001-01-01T00:00:00+14:00,\n", [(2, "effective_from")]),
        (DATED + "33,France,0.01,,2026-02-30\n", [(2, "effective_to")]),
        (DATED + "33,France,0.01,2026-02-01,2026-02-01\n", [(2, "effective_to")]),
        (DATED + "33,F,1,,2026-02-02\n33,F,1,2026-02-01,\n", [(3, "overlap")]),
        (DATED + "33,F,1,,2026-02-01\n33,F,1,2026-02-01,\n", []),
        (DATED + "33,F,1,,\n33,F,1,2026-02-01,2026-02-02\n33,F,1,2026-03-01,2026-03-02\n", [(3, "overlap"), (4, "overlap")]),
        (BANDED + "33,,0.01,night,,22:00-24:00,,,\n", [(2, "band-base")]),
        (BANDED + "33,F,0.02,,,,,,\n33,G,0.01,night,,22:00-24:00,,,\n", [(3, "destination")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,night,,22:00-06:00,,,\n", [(3, "rate")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,night,,25:00-26:00,,,\n", [(3, "rate")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,night,fri-mon,,,,\n", [(3, "rate")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,night,lundi,,,,\n", [(3, "rate")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,night,,,../../etc/passwd,,\n", [(3, "rate")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,night,,,Mars/Olympus,,\n", [(3, "rate")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,x,holiday,,,25/12/2026,\n", [(3, "rate")]),
        (BANDED + "33,F,0.02,,,,,,\n33,,0.01,,,22:00-24:00,,,\n", [(3, "band")]),
        (
            BANDED + "33,F,0.02,,,,,,\n33,,0.01,a,,20:00-24:00,,,\n33,,0.01,b,mon,23:00-24:00,,,\n",
            [(4, "band-overlap")],
        ),
    ],
)  # fmt: skip
def test_each_error_names_its_line(text: str, expected: list[tuple[int, str]]) -> None:
    reading = read(text)
    found = codes(reading)
    assert found == expected
    assert reading.problem_count == len(found)
    assert all(problem.message.isprintable() for problem in reading.problems)


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        ((HEADER + "33,Côte,0.01\n").encode("latin-1"), 2, "encoding"),
        ((HEADER + "33,A,0.01\n34,Côte,0.01\n").encode("cp1252"), 3, "encoding"),
        ("préfixe,destination,price\n33,A,1\n".encode("latin-1"), 1, "header"),
        ((HEADER + "33,A,0.01\n").encode("utf-16")[2:], 1, "header"),
        (bytes(range(256)) * 20, 1, "header"),
    ],
)
def test_other_encodings_are_told_by_line(data: bytes, line: int, code: str) -> None:
    assert codes(read(data)) == [(line, code)]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + "33,France,0.012\n",
        HEADER.replace("\n", "\r\n") + "33,France,0.012\r\n",
        HEADER + "33,France,0.012",
        HEADER + "\n33,France,0.012\n\n\n",
        '"prefix","destination","price"\n"33","France","0.012"\n',
        "PREFIX, Destination ,price\n 33 , France , 0.012 \n",
        "price,destination,prefix\n0.012,France,33\n",
        "prefix,destination,price,per\n33,France,0.0002,second\n",
    ],
)
def test_harmless_habits_of_spreadsheets_are_read(text: str) -> None:
    reading = read(text)
    assert codes(reading) == []
    assert [(rate.prefix, rate.destination, rate.price_nanos) for rate in reading.rates] == [
        ("33", "France", 12_000_000)
    ]


def test_semicolons_are_read_when_asked_for() -> None:
    assert [rate.prefix for rate in read("prefix;destination;price\n33;France;0.01\n", delimiter=";").rates] == ["33"]


def test_days_are_midnights_in_the_zone_of_the_brand() -> None:
    found = read(DATED + "33,F,1,2026-03-29,2026-03-30\n34,F,1,2026-03-29T00:00:00Z,2026-03-29T02:00+02:00\n")
    assert codes(found) == [(3, "effective_to")]
    assert (found.rates[0].valid_from, found.rates[0].valid_to) == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )


def test_increments_must_stand_somewhere() -> None:
    nothing = deck_lines.Blanks(zone="Europe/Paris", currency="EUR")
    assert codes(deck_csv.read((HEADER + "33,F,1\n").encode(), nothing)) == [(2, "first_s")]


def test_of_many_errors_all_are_counted_and_a_thousand_kept() -> None:
    reading = read(HEADER + "x,F,1\n" * 5_000)
    assert (reading.problem_count, len(reading.problems)) == (5_000, 1_000)


def test_many_bands_of_one_prefix_are_refused_without_being_compared() -> None:
    lines = "".join(f"33,,0.01,b{number},,,,,\n" for number in range(20_000))
    assert codes(read(BANDED + "33,F,0.02,,,,,,\n" + lines)) == [(20_002, "bands")]


def test_a_file_of_too_many_lines_is_refused_before_it_is_read() -> None:
    assert codes(read(HEADER.encode() + b"\n" * 2_000_001)) == [(0, "lines")]


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    text = HEADER + "".join(f"{number},F,1\n" for number in range(10_000, 32_000))
    deck_csv.read(text.encode(), BLANKS, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (22_002, 22_002)
    assert len(told) == 5


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise(data: bytes) -> None:
    reading = read(HEADER.encode() + data)
    for rate in reading.rates if not reading.problem_count else ():
        rules.check_rate(rate)


@given(st.text("0123456789.,;\"'=+-\n\r\t aé", max_size=200))
def test_no_text_whatever_raises(text: str) -> None:
    reading = read(HEADER + text)
    for rate in reading.rates if not reading.problem_count else ():
        rules.check_rate(rate)


def test_gzip_is_read_and_broken_gzip_told(tmp_path: Path) -> None:
    path = tmp_path / "deck.csv.gz"
    path.write_bytes(gzip.compress(HEADER.encode()))
    assert deck_file.read(path).data == HEADER.encode()
    path.write_bytes(gzip.compress(HEADER.encode() * 1000)[:-20])
    with pytest.raises(deck_file.UnreadableDeckFile):
        deck_file.read(path)
    path.write_bytes(HEADER.encode())
    with pytest.raises(deck_file.UnreadableDeckFile):
        deck_file.read(path)


def test_a_gzip_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "deck.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 5_000_000))
    with pytest.raises(deck_file.UnreadableDeckFile, match="more than 1 MB"):
        deck_file.read(path, max_bytes=1 << 20)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(deck_file.UnreadableDeckFile):
            deck_file.read(path)


LANGUAGE = (
    "prefix,destination,price,per,first_s,next_s,connection_fee,effective_to,band,band_hours,band_weight,band_month_days,from_s,"
    "free_s,maximum,at_maximum,rounding,decimals,split\n"
)


def test_a_line_can_say_the_whole_language() -> None:
    reading = read(
        LANGUAGE
        + "33,France,0.5,30s,30,6,0.05,,,,,,,10,3,free,up,2,yes\n"
        + "33,,0.1,min,,1,,,,,,,60,,,,,,\n"
        + "33,,0.07,7s,1,1,0,,night,00:00-06:00,2,1 15,,,,,,,\n"
        + "33,,0.06,min,,10,,,night,,,,120,,,,,,\n"
        + "44,UK,0.5,min,60,60,,,,,,,,,,,,,\n"
    )
    assert codes(reading) == []
    france, britain = reading.rates
    assert france.tariff == rules.Tariff(
        unit_s=60,
        free_s=10,
        groups=(rules.RateGroup(from_s=60, price_nanos=100_000_000),),
        maximum_micros=3_000_000,
        at_maximum=rules.AtMaximum.FREE,
        rounding=rules.Rounding.UP,
        decimals=2,
        split=True,
    )
    assert france.price_nanos == 1_000_000_000
    (night,) = france.bands
    assert (night.weight, night.month_days) == (2, frozenset({1, 15}))
    assert night.pricing == rules.Pricing(
        price_nanos=600_000_000, groups=(rules.RateGroup(from_s=120, price_nanos=60_000_000, increment_s=10),)
    )
    assert britain.tariff is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("33,France,0.5,31,,,,,,,,,,,,,,,\n", [(2, "per")]),
        ("33,France,0.5,0s,,,,,,,,,,,,,,,\n", [(2, "per")]),
        ("33,France,0.5,,,,,,,,,,,-1,,,,,\n", [(2, "free_s")]),
        ("33,France,0.5,,,,,,,,,,,,3,never,,,\n", [(2, "at_maximum")]),
        ("33,France,0.5,,,,,,,,,,,,,,nearest,,\n", [(2, "rounding")]),
        ("33,France,0.5,,,,,,,,,,,,,,,13,\n", [(2, "decimals")]),
        ("33,France,0.5,,,,,,,,,,,,,,,,perhaps\n", [(2, "split")]),
        ("33,,0.5,,,,,,,,,,60,,,,,,\n", [(2, "from_s-base")]),
        ("33,France,0.5,,,,,,,,,,,,,,,,\n33,,0.5,,,,,,,,,,0,,,,,,\n", [(3, "from_s")]),
        ("33,France,0.5,,,,,,,,,,,,,,,,\n33,,0.5,,60,,,,,,,,60,,,,,,\n", [(3, "from_s")]),
        ("33,France,0.5,,,,,,,,,,,,,,,,\n33,,0.5,,,,,,dawn,,,,60,,,,,,\n", [(3, "from_s-band")]),
        (
            "33,France,0.5,,,,,,,,,,,,,,,,\n33,,0.5,,,,,,,,,,60,,,,,,\n33,,0.5,,,,,,,,,,60,,,,,,\n",
            [(4, "from_s-order")],
        ),
        ("33,France,0.5,,,,,,,,,,,,,,,,\n33,,0.5,,,,,,dawn,,,32,,,,,,,\n", [(3, "band_month_days")]),
        ("33,France,0.5,,,,,,,,,,,,,,,,\n33,,0.5,,,,,,dawn,,,,,5,,,,,\n", [(3, "band")]),
    ],
)
def test_each_word_of_the_language_is_checked(lines: str, expected: list[tuple[int, str]]) -> None:
    assert codes(read(LANGUAGE + lines)) == expected
