"""`cadran quote`, by the installation's prices and by a plan beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.conf import LazySettings

from cadran.catalog import operations
from cadran.commands import main
from cadran.units.clock import FixedClock

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DECK = "prefix,destination,price,first_s,next_s\n33,France,0.0120,1,1\n336,France mobile,0.0900,1,1\n"
PLAN = {
    "Destinations": "FR,33\n",
    "Timings": "PEAK,*any,*any,*any,1;2;3;4;5,08:00:00\n",
    "Rates": "R,0.1,0.2,60s,1s,0s\n",
    "DestinationRates": "DR,FR,R,*up,4,0,\n",
    "RatingPlans": "RP,DR,*any,10\n",
    "RatingProfiles": "t,call,s,2026-01-01T00:00:00Z,RP,\n",
}


def run(*words: str) -> Result:
    return CliRunner().invoke(main.cli, ["quote", *words])


def said(*words: str) -> dict[str, object]:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def refused(*words: str) -> str:
    result = run(*words, "--json")
    assert result.exit_code == 2
    return str(json.loads(result.stdout)["error"]["id"])


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    for name, text in PLAN.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


@pytest.fixture
def deck(db: None, settings: LazySettings) -> None:
    settings.CIVIL_CLOCK = FixedClock(AT)
    report = operations.import_deck(brand="ippi", source=DECK.encode(), at=AT, tax="included")
    assert report.deck is not None
    operations.activate_deck(deck=report.deck, effective_from=AT, at=AT)


@pytest.mark.usefixtures("deck")
def test_a_call_by_the_installation_is_priced_exactly_with_its_steps() -> None:
    told = said("--to", "+33612345678", "--at", "2026-11-22T10:00:00Z", "--seconds", "61")
    assert (told["cost"], told["rounded"], told["currency"]) == ("0.0915", "0.0915", "EUR")
    steps = told["steps"]
    assert isinstance(steps, list)
    assert [(step["units"], step["increment_s"], step["rate"], step["amount"]) for step in steps] == [
        (1, 1, "0.09", "0.0015"),
        (60, 1, "0.09", "0.09"),
    ]
    assert (told["deck"], told["line"], told["prefix"]) == ("world", 3, "336")
    assert said("--to", "+33612345678", "--seconds", "0")["cost"] == "0"
    assert said("--to", "+33612345678", "--seconds", "100000")["cost"] == "150"


@pytest.mark.usefixtures("deck")
def test_the_answer_is_read_in_french_and_in_english() -> None:
    words = ("--to", "+33612345678", "--at", "2026-11-22T10:00:00Z", "--seconds", "61")
    assert "Prix exact: 0.0915 EUR" in run(*words).stdout
    assert "Exact price: 0.0915 EUR" in run(*words, "--lang", "en").stdout


@pytest.mark.usefixtures("deck")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--to", "+33612345678", "--seconds", "-1"), "rating-duration-invalid"),
        (("--to", "+33612345678", "--seconds", "8640001"), "rating-duration-invalid"),
        (("--to", "+33612345678", "--seconds", "6.5"), "commands-usage"),
        (("--to", "+33612345678", "--at", "2026-11-22T10:00:00"), "commands-quote-instant"),
        (("--to", "+33612345678", "--at", "tomorrow"), "commands-quote-instant"),
        (("--to", "+33612345678", "--at", "2026-11-21T10:00:00Z"), "commands-quote-no-price"),
        (("--to", "+33612345678", "--brand", "nobody"), "policy-brand-unknown"),
        (("--to", "+33612345678", "--account", "A999999"), "party-customer-unknown"),
        (("--to", "+442079460000"), "commands-quote-no-price"),
        (("--to", "hello"), "commands-quote-number"),
        ((), "commands-usage"),
    ],
)
def test_what_has_no_price_is_a_named_error(words: tuple[str, ...], error: str) -> None:
    assert refused(*words) == error


def test_a_plan_is_priced_beside_the_installation(plan: Path) -> None:
    words = ("--plan", str(plan), "--format", "cgrates", "--tenant", "t", "--subject", "s")
    told = said(*words, "--to", "33123", "--at", "2026-11-23T10:00:00Z", "--seconds", "61", "--currency", "EUR")
    assert (told["cost"], told["rounded"], told["currency"]) == ("91/300", "0.3034", "EUR")
    text = run(*words, "--to", "33123", "--at", "2026-11-23T10:00:00Z", "--seconds", "61").stdout
    assert "Prix exact: 91/300\n" in text
    assert "0 s: 61 × 1 s × 0.2 / 60 s = 61/300" in text


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--to", "49123"), "catalog-plan-no-price"),
        (("--to", "33123", "--at", "2025-11-23T10:00:00Z"), "catalog-plan-no-price"),
        (("--to", "33123", "--tenant", "other"), "catalog-plan-no-price"),
        (("--to", "33123", "--seconds", "-5"), "rating-duration-invalid"),
        (("--to", "33123", "--seconds", str(10**30)), "rating-duration-invalid"),
        (("--to", "33123", "--zone", "Mars/Olympus"), "catalog-rate-invalid"),
        (("--to", "33123", "--plan", "/nowhere"), "catalog-deck-file-unreadable"),
    ],
)
def test_a_plan_without_an_answer_is_a_named_error(plan: Path, words: tuple[str, ...], error: str) -> None:
    usual = ("--plan", str(plan), "--format", "cgrates", "--tenant", "t", "--subject", "s")
    assert refused(*usual, "--at", "2026-11-23T10:00:00Z", *words) == error


def test_a_plan_needs_no_database(plan: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    words = ["--plan", plan, "--format", "cgrates", "--tenant", "t", "--subject", "s", "--to", "33123", "--json"]
    command = [sys.executable, "-m", "cadran", "quote", *map(str, words), "--at", "2026-11-23T10:00:00Z"]
    result = subprocess.run(
        command, env={**os.environ, "CADRAN_VAR": str(absent)}, capture_output=True, text=True, timeout=60
    )
    assert json.loads(result.stdout)["cost"] == "0.3"
    assert not absent.exists()


@pytest.mark.clause("KRY-4.4.1-per-minute", "LAW-per-second")
def test_a_calling_card_is_priced_by_access_number_in_the_increments_of_contract_and_law(
    settings: LazySettings, db: None
) -> None:
    settings.CIVIL_CLOCK = FixedClock(AT)
    text = "prefix,destination,price,first_s,next_s\n336,France mobile,0.0855,60,60\n44,UK,0.06,30,6\n"
    report = operations.import_deck(brand="kryptoow", source=text.encode(), at=AT)
    assert report.deck is not None
    operations.activate_deck(deck=report.deck, effective_from=AT, at=AT)
    told = said("--to", "0612345678", "--brand", "kryptoow", "--seconds", "61")
    assert (told["cost"], told["billed_s"], told["clause"]) == ("0.086925", 61, "LAW-per-second")
    for words in (("--company",), ("--by-minute",), ("--company", "--via", "callback")):
        told = said("--to", "0612345678", "--brand", "kryptoow", "--seconds", "61", *words)
        assert (told["cost"], told["billed_s"], told["clause"]) == ("0.171", 120, "KRY-4.4.1-per-minute")
    told = said("--to", "+442079460000", "--brand", "kryptoow", "--seconds", "61")
    assert (told["cost"], told["billed_s"], told["increments"]) == ("0.12", 120, {"first_s": 60, "next_s": 60})
    assert (told["via"], told["clause"]) == ("access-number", "KRY-4.4.1-per-minute")
    shown = run("--to", "0612345678", "--brand", "kryptoow", "--seconds", "61", "--lang", "en").output
    assert "by law it is charged by the second" in shown
    assert refused("--to", "0142000001", "--brand", "kryptoow") == "commands-quote-no-price"
    assert refused("--to", "0612345678", "--brand", "izikall") == "commands-quote-no-price"


@pytest.mark.clause("IPP-9.4-mobility")
def test_mobility_is_quoted_by_the_second_off_every_package(deck: None) -> None:
    told = said("--to", "+33612345678", "--seconds", "61", "--via", "mobility")
    assert (told["cost"], told["clause"], told["why"]["code"]) == ("0.0915", "IPP-9.4-mobility", "call-off-package")  # type: ignore[index]
    plain = said("--to", "+33612345678", "--seconds", "61", "--via", "phone")
    assert (plain["cost"], plain["clause"]) == ("0.0915", "IPP-10.1-per-second")
