"""The examples of the page about importing prices work as they are printed."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.conf import LazySettings

from cadran.catalog import models
from cadran.commands import main
from cadran.units.clock import FixedClock

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "import-prices.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings, db: None) -> Path:
    """The page's files: those of a plan in `plan`, the others beside it."""
    settings.CIVIL_CLOCK = FixedClock(datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
    (tmp_path / "plan").mkdir()
    for name, text in re.findall(r"```csv(?: file=(\S+))?\n(.*?)```", PAGE.read_text(), re.DOTALL):
        place = tmp_path / "plan" if name[:1].isupper() else tmp_path
        (place / (name or "carrier.csv")).write_text(text)
    (tmp_path / "carrier-2027.csv").write_text((tmp_path / "carrier.csv").read_text().replace("0,09", "0,08"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(words: list[str]) -> Result:
    return CliRunner().invoke(main.cli, words)


def test_every_command_of_the_page_does_what_it_says(folder: Path) -> None:
    text = PAGE.read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    commands = [
        line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.startswith("cadran")
    ]
    assert len(commands) == 7
    for command in commands:
        result = run(shlex.split(command)[1:])
        assert result.exit_code == 0, (command, result.output)
        assert "problems" in result.output
    assert models.Deck.objects.count() == 1  # the one command without --dry-run or --plan


@pytest.mark.parametrize(
    ("words", "cost"),
    [
        ("--plan plan --to +33612345678 --at 2026-11-23T10:00:00Z --seconds 61", "181/600"),
        ("--plan astpp.csv --format astpp --to +33612345678 --seconds 41", "0.046"),
        ("--plan magnus.csv --format magnusbilling --to +5511988443300 --seconds 45", "0.04"),
        ("--plan a2billing.csv --format a2billing --to +33612345678 --seconds 31", "0.0475"),
        ("--plan a2billing.csv --format a2billing --to +442079460000 --seconds 61", "0.315"),
    ],
)
def test_the_amounts_of_the_page_come_out(folder: Path, words: str, cost: str) -> None:
    result = run(["quote", *words.split(), "--json"])
    told = json.loads(result.stdout)
    assert told["cost"] == cost
    if "rounded" in PAGE.read_text() and cost == "181/600":
        assert told["rounded"] == "0.3017"


def test_an_import_tells_lines_and_saves_the_profile(folder: Path) -> None:
    (folder / "bad.csv").write_text("Dial Code;Country;Rate EUR\n33;France;0,01\n3.3E+9;X;0,01\n")
    words = ["deck", "import", "bad.csv", "--map", "Dial Code=prefix", "--map", "Country=destination"]
    words += ["--map", "Rate EUR=price", "--decimal-comma", "--save-profile", "mine", "--json"]
    result = run(words)
    report = json.loads(result.stdout)
    assert (result.exit_code, report["deck"], report["problem_count"]) == (2, None, 1)
    assert {name: report["problems"][0][name] for name in ("line", "column", "code")} == {
        "line": 3,
        "column": "Dial Code",
        "code": "exponent",
    }
    assert json.loads(run(["deck", "profiles", "--json"]).stdout)["mine"]["columns"]["Dial Code"] == "prefix"
    assert run(["deck", "import", "bad.csv", "--profile", "other"]).exit_code == 2
