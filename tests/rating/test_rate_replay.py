"""Replays of another system's charges: each cause is found by exact arithmetic, and an ambiguous one is told as such."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cadran.catalog.rules import Rate, Rounding, TimeBand
from cadran.commands.main import cli
from cadran.rating import decks, rules
from cadran.rating.replay.causes import Call, Causes, Finding, Theirs
from cadran.rating.replay.patterns import Patterns

AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)  # 09:30 in Paris
NIGHT = TimeBand(name="night", zone="Europe/Paris", price_nanos=6_000_000, windows=((0, 600),))
CHANGE = datetime(2026, 3, 1, tzinfo=UTC)
FRANCE = Rate(prefix="33", destination="France", currency="EUR", price_nanos=12_345_000)
MOBILE = Rate(
    prefix="336",
    destination="Mobile",
    currency="EUR",
    price_nanos=51_000_000,
    connection_micros=70_000,
    minimum_micros=150_000,
)
UK = Rate(prefix="44", destination="UK", currency="EUR", price_nanos=20_000_000, bands=(NIGHT,))
SPAIN = Rate(prefix="34", destination="Spain", currency="EUR", price_nanos=33_000_000, valid_to=CHANGE)
DEARER = replace(SPAIN, price_nanos=37_000_000, valid_from=CHANGE, valid_to=datetime(9999, 1, 1, tzinfo=UTC))
DECK = decks.of_rates([FRANCE, MOBILE, UK, SPAIN, DEARER])


def explain(digits: str, seconds: int, theirs: str, decimals: int = 6, at: datetime = AT) -> Finding:
    rate = DECK.find(digits, at)
    assert rate is not None
    call = Call(digits, at, seconds, rate, int(Fraction(theirs) * 10**9))
    return Causes(DECK, Theirs(decimals), (Fraction(1, 5),)).explain(call)


@pytest.mark.parametrize(
    ("digits", "seconds", "theirs", "cause", "detail"),
    [
        # 37 s at 0.012345 a minute are 0.00761275
        ("33142", 37, "0.007612", "rounding", "down at 6 decimals"),
        ("33142", 37, "0.00761275", "rounding", "half-up at 8 decimals"),
        ("33142", 37, "0.012345", "increment", "60/60 or 60/1 or 30/30"),
        ("33142", 37, "0.009135", "tax", "20 % added"),
        ("33142", 37, "0.007819", "duration", "+1 s"),
        ("33142", 37, "0.015226", "charged twice", ""),
        ("33142", 37, "0", "not charged", ""),
        ("33142", 37, "0.5", "unexplained", ""),
        # 37 s at 0.051 are 0.03145; with the fee 0.10145, below the minimum
        ("33612", 37, "0.10145", "minimum", "without 0.15"),
        ("33612", 200, "0.17", "connection fee", "without 0.07"),
        ("33612", 200, "0.04115", "other prefix", "33 instead of 336"),
        ("33612", 0, "0.07", "connection fee", "0.07 of an unanswered call"),
        # the night ends at 10:00 in Paris: an hour later, as in UTC+2, it is day
        ("44207", 61, "0.020333", "clock shifted", "+1 h or +2 h"),
        ("34911", 61, "0.03355", "price of another date", "that of 34 until 2026-03-01"),
        # 120 s at 0.037, and 20 % more
        ("34911", 61, "0.0888", "tax and increment", "20 % added, 60/60"),
    ],
)
def test_each_cause_is_found_exactly(digits: str, seconds: int, theirs: str, cause: str, detail: str) -> None:
    found = explain(digits, seconds, theirs, 8 if len(theirs) > 8 and cause == "rounding" else 6)
    assert (found.cause, found.detail) == (cause, detail)


def test_a_band_that_no_shift_explains_is_told_as_the_band() -> None:
    at = AT.replace(hour=20)
    assert explain("44207", 60, "0.006", at=at) == Finding("band", "night instead of no band")


def test_an_ambiguous_difference_names_all_that_explain_it() -> None:
    # 50 s counted as a minute, and 50 s with 20 % added, are the same sum
    found = explain("33142", 50, "0.012345")
    assert found.cause == "ambiguous"
    assert "increment (60/60" in found.detail
    assert "tax (20 % added)" in found.detail


def test_a_price_a_fee_and_a_minimum_are_learned_from_calls_that_agree() -> None:
    finder = Causes(DECK, Theirs(6, (Rounding.HALF_UP,)))

    def calls(charge: Any) -> list[Call]:
        return [Call("33142", AT, seconds, FRANCE, int(charge(seconds) * 1000)) for seconds in (31, 67, 199, 500)]

    dearer = Patterns(finder).explain(calls(lambda seconds: round(Fraction(13_500 * seconds, 60))))
    assert {(one.cause, one.detail) for one in dearer} == {("price", "0.0135 a minute instead of 0.012345")}
    fee = Patterns(finder).explain(
        calls(lambda seconds: round(Fraction(12_345 * seconds, 60) + Fraction(1, 10**9)) + 40_000)
    )
    assert {(one.cause, one.detail) for one in fee} == {("connection fee", "0.04 instead of 0")}
    least = Patterns(finder).explain(calls(lambda _seconds: 250_000))
    assert {(one.cause, one.detail) for one in least} == {("minimum", "0.25 instead of 0")}
    assert {one.cause for one in Patterns(finder).explain(calls(lambda seconds: seconds**3 + 7))} == {"unexplained"}


def test_a_fee_and_a_factor_upon_all_prices_are_learned_across_prefixes() -> None:
    finder = Causes(DECK, Theirs(6, (Rounding.HALF_UP,)))
    rates = (("33142", FRANCE), ("34911", DEARER), ("44207", UK))
    at = AT.replace(hour=20)

    def patterns(charge: Callable[[Fraction], Fraction]) -> set[tuple[str, str]]:
        calls = []
        for index in range(60):
            digits, rate = rates[index % 3]
            theirs = rules.rounded(charge(rules.charge(rate, 301 + 7 * index, at).exact / 10**6), Rounding.HALF_UP, 6)
            calls.append(Call(digits, at, 301 + 7 * index, rate, int(theirs * 10**9)))
        # Each call has a rate of its own, so that no rate tells by itself.
        thinned = [replace(call, rate=replace(call.rate, line=index)) for index, call in enumerate(calls)]
        return {(one.cause, one.detail) for one in Patterns(finder).explain(thinned)}

    assert patterns(lambda ours: ours + Fraction(35, 1000)) == {("connection fee", "0.035 more for every call")}
    assert patterns(lambda ours: ours * Fraction(113, 100)) == {("price", "1.13 times ours, whatever the prefix")}


def test_a_replay_writes_both_amounts_the_cause_and_a_report(tmp_path: Path) -> None:
    deck = "prefix,destination,price,first_s,next_s\n33,France <b>,0.012,1,1\n44,UK,0.02,30,6\n"
    (tmp_path / "deck.csv").write_text(deck)
    lines = []
    for index in range(60):
        at = AT + timedelta(seconds=index)
        cost = Fraction(12 * (60 if index % 3 == 0 else index + 1), 60_000)
        lines.append(f"+33142,{at:%Y-%m-%dT%H:%M:%SZ},{index + 1},{float(cost):.4f}\n")
    lines.append("999,2026-03-02T08:30:00Z,5,1\n+33142,2026-03-02T08:30:00Z,5,\n+33142,2026-03-02T08:30:00Z,7,0.01x\n")
    (tmp_path / "old.csv").write_text("dst,calldate,billsec,cost\n" + "".join(lines))
    asked = ["replay", str(tmp_path / "old.csv"), "--out", str(tmp_path / "out"), "--deck", str(tmp_path / "deck.csv")]
    result = CliRunner().invoke(cli, [*asked, "--json"])
    told = json.loads(result.output)
    assert result.exit_code == 0, result.output
    found = {cause["cause"]: cause for cause in told["causes"]}
    assert (told["records"], told["rated"], told["rejected"]) == (63, 62, 1)
    assert (found["same"]["records"], found["no amount"]["records"]) == (40, 2)
    assert found["increment"]["records"] + found.get("ambiguous", {"records": 0})["records"] == 20
    with (tmp_path / "out/old.rated.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["their_amount"], rows[0]["amount"], rows[0]["difference"]) == (
        "0.012000000",
        "0.000200",
        "0.011800000",
    )
    assert rows[0]["cause_detail"] == "60/60 or 60/1 or 60/30"
    page = (tmp_path / "out/report.html").read_text()
    assert "<svg" in page
    assert "<b>increment</b>" in page
    assert "<script" not in page
    assert (tmp_path / "out/causes.csv").read_text().startswith("cause,currency,records,theirs,ours,difference\n")
    again = CliRunner().invoke(cli, ["rate", "--replay", *asked[1:], "--json"])
    assert json.loads(again.output)["error"]["id"] == "rating-output-exists"
