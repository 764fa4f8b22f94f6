"""`cadran deck` as a person and as a program use it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.conf import LazySettings

from cadran.catalog import models
from cadran.commands import deck
from cadran.units.clock import FixedClock
from cadran.units.errors import CadranError

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(settings: LazySettings, at: datetime, tmp_path: Path, small: bytes):  # type: ignore[no-untyped-def]
    settings.CIVIL_CLOCK = FixedClock(at)
    (tmp_path / "small.csv").write_bytes(small)

    def call(*arguments: str) -> tuple[int, str]:
        words = [str(tmp_path / word) if word.endswith(".csv") else word for word in arguments]
        result = CliRunner().invoke(deck.command, words)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return call


def test_a_deck_is_imported_activated_listed_and_found(run) -> None:  # type: ignore[no-untyped-def]
    code, text = run("import", "small.csv", "--deck-version", "1", "--tax", "included", "--json")
    assert (code, json.loads(text)["rates"], json.loads(text)["deck"]["state"]) == (0, 3, "draft")
    assert run("find", "+33142000001")[0] == 1
    code, text = run("activate", "1", "--json")
    assert (code, json.loads(text)["activation"]) == (0, 1)
    assert [one["version"] for one in json.loads(run("list", "--json")[1])] == ["1"]
    with pytest.raises(CadranError, match="policy-brand-unknown"):
        run("list", "--brand", "zzz")
    code, text = run("find", "+33612345678", "--json")
    assert (code, json.loads(text)["price"], json.loads(text)["prefix"]) == (0, "0.09", "336")
    assert "0.012 EUR a minute, tax included" in run("find", "33142000001")[1]


def test_dry_runs_change_nothing(run) -> None:  # type: ignore[no-untyped-def]
    assert run("import", "small.csv", "--dry-run")[0] == 0
    assert not models.Deck.objects.exists()
    run("import", "small.csv", "--deck-version", "1")
    code, text = run("activate", "1", "--dry-run", "--json")
    assert (code, json.loads(text)["dry_run"]) == (0, True)
    assert models.Deck.objects.get().state == "draft"


def test_a_wrong_file_tells_its_lines_and_exits_2(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.csv").write_text("prefix,destination,price\nx,=1+1,0.01\n")
    code, text = run("import", "bad.csv", "--json")
    report = json.loads(text)
    assert (code, report["problem_count"], report["problems"][0]["line"]) == (2, 1, 2)
    assert run("import", "bad.csv")[0] == 2
    assert not models.Deck.objects.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("import", "absent.csv"),
        ("import", "small.csv", "--brand", "../ippi"),
        ("activate", "nothing"),
        ("find", "0142000001"),
        ("find", "abc"),
        ("find", "+33142000001", "--at", "tomorrow"),
        ("find", "+33142000001", "--at", "2026-01-01T10:00:00"),
    ],
)
def test_what_cannot_be_read_is_a_named_error(run, words: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CadranError):
        run(*words)
