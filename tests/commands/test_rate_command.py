"""`cadran rate` from its command line: prices of a file or a plan, columns, and refusals that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cadran.commands.main import cli

CALLS = "b_party,answered,length,status\n+33 142,2026-10-25T01:30:00,61000,ok\n33142,2026-10-25T02:30:00,1,twice\n"
MAP = ["--map", "number=b_party,at=answered", "--map", "seconds=length", "--duration-unit", "ms"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "calls.csv").write_text(CALLS)
    (tmp_path / "deck.csv").write_text("prefix,destination,price\n33,France,0.012\n")
    (tmp_path / "list.csv").write_text("Code,Name,Rate\n33,France,1.2\n")
    (tmp_path / "bad.csv").write_text("prefix,destination,price\n33,France,free\n")
    return tmp_path


def rate(folder: Path, *options: str) -> dict[str, Any]:
    asked = ["rate", str(folder / "calls.csv"), "--out", str(folder / "out"), "--json", *options]
    told = json.loads(CliRunner().invoke(cli, asked).output)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("engine", ["local", "scalar"])
def test_a_deck_file_prices_calls_without_the_installation(folder: Path, engine: str) -> None:
    told = rate(folder, "--deck", str(folder / "deck.csv"), *MAP, "--zone", "Europe/Paris", "--engine", engine)
    assert (told["records"], told["rated"], told["rejects"]) == (2, 1, {"instant-twice": 1})
    assert told["totals"] == [{"currency": "EUR", "amount": "0.0122"}]
    assert [Path(path).name for path in (*told["outputs"], *told["rejects_files"])] == [
        "calls.rated.csv",
        "calls.rejects.csv",
    ]
    assert (folder / "out/calls.rated.csv").read_text().splitlines()[0].endswith("deck_version,rated_status")


def test_a_price_list_of_another_form_prices_calls_too(folder: Path) -> None:
    plan = folder / "list.csv"
    plan.write_text("prefix,destination,price\n33,France,0.024\n")
    told = rate(folder, "--plan", str(plan), "--currency", "USD", *MAP, "--zone", "UTC", "--ambiguous", "latest")
    assert told["totals"] == [{"currency": "USD", "amount": "0.0248"}]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (["--deck", "deck.csv"], "rating-columns-wrong", "--map number=NAME"),
        (["--deck", "deck.csv", *MAP], "rating-columns-wrong", "--zone"),
        (["--deck", "deck.csv", *MAP, "--zone", "Paris"], "rating-columns-wrong", "Europe/Paris"),
        (["--deck", "deck.csv", "--brand", "ippi"], "commands-rate-options", "one of"),
        (["--deck", "bad.csv", *MAP], "commands-rate-options", "line 2"),
        (["--deck", "deck.csv", "--map", "number"], "commands-rate-options", "--map number=COLUMN"),
        (["--deck", "deck.csv", "--encoding", "utf-16"], "rating-columns-wrong", "encoding"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    folder: Path, options: list[str], error: str, says: str
) -> None:
    told = rate(folder, *(str(folder / one) if one.endswith(".csv") else one for one in options))["error"]
    assert told["id"] == error
    assert says in told["message"]
    assert not list((folder / "out").glob("*"))
