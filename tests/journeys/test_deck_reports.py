"""What a version of a deck means for last month's traffic, and what is earned over a carrier's deck, to the micro-unit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from cadran.catalog import operations as catalog
from cadran.catalog.queries import DeckVersion
from cadran.commands.main import cli
from cadran.journeys import deck_reports
from cadran.party import operations as party
from party.conftest import registration
from web.usage_rig import LANDLINE, Till

pytestmark = pytest.mark.django_db(databases=["default", "charging"])
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)


def deck(version: str, lines: str, name: str = "world", tax: str = "included") -> DeckVersion:
    source = f"prefix,destination,price\n{lines}".encode()
    report = catalog.import_deck(brand="ippi", source=source, at=AT, version=version, name=name, tax=tax)
    assert report.deck is not None
    return report.deck


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> list[Till]:
    """Claire called a mobile for 61 s (122,000) and a landline for 60 s (12,000), Marc a landline for 30 s (6,000)."""
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)

    class Today:
        def now(self) -> datetime:
            return NOW

    monkeypatch.setattr(settings, "CIVIL_CLOCK", Today())
    tills = []
    for name in ("claire", "marc"):
        fresh = party.register_customer(
            registration=registration(user_name=name, email=f"{name}@example.org"), at=AT - timedelta(days=300)
        )
        tills.append(Till(party.validate_email(user_id=fresh.user_id, email=fresh.email, at=AT).account, AT))
        tills[-1].buy("pay1", 1_000_000)
    tills[0].call(61)
    tills[0].call(60, destination=LANDLINE, number_class="geographic")
    tills[1].call(30, destination=LANDLINE, number_class="geographic")
    return tills


OLD = "331,France fixe,0.012\n336,France mobile,0.12\n"
NEW = "331,France fixe,0.018\n336,France mobile,0.06\n"


@pytest.mark.clause("KRY-4.5.1-price-of-the-day")
def test_a_version_is_told_by_what_it_does_to_last_months_traffic(traffic: list[Till]) -> None:
    found = deck_reports.impact(before=deck("old", OLD), after=deck("new", NEW), at=NOW, days=30)
    assert (found.calls, found.seconds, found.unpriced) == (3, 151, 0)
    assert (found.up_micros, found.dearer_calls, len(found.dearer_customers)) == (9_000, 2, 2)
    assert (found.down_micros, found.cheaper_calls, len(found.cheaper_customers)) == (61_000, 1, 1)
    (row,) = found.dearer()
    assert (row.destination, row.calls, row.seconds, row.customers, row.change_micros) == (
        "France fixe",
        2,
        90,
        2,
        9_000,
    )
    assert [one.destination for one in found.cheaper()] == ["France mobile"]


def test_calls_to_where_one_of_two_decks_has_no_price_are_counted_apart(traffic: list[Till]) -> None:
    found = deck_reports.impact(before=deck("old", OLD), after=deck("new", "336,France mobile,0.06\n"), at=NOW, days=30)
    assert (found.calls, found.unpriced) == (1, 2)


@pytest.mark.parametrize(("days", "calls"), [(17, 0), (18, 3), (30, 3)])
def test_the_traffic_is_that_of_the_days_asked_for(traffic: list[Till], days: int, calls: int) -> None:
    found = deck_reports.impact(before=deck("old", OLD), after=deck("new", NEW), at=NOW, days=days)
    assert found.calls == calls


def test_a_margin_leaves_the_tax_out_and_puts_the_largest_loss_first(traffic: list[Till]) -> None:
    cost = deck("1", "331,Fr,0.02\n3361,Fr mob,0.03\n", name="carrier.acme", tax="excluded")
    found = deck_reports.margin(retail=deck("old", OLD), cost=cost, at=NOW, days=30)
    assert found.tax_bp == 2000
    # sold without tax: 122000/1.2 = 101667, 12000/1.2 = 10000, 6000/1.2 = 5000; cost 61 s x 0.03 = 30500, 90 s x 0.02 = 30000
    assert (found.sold_micros, found.cost_micros) == (116_667, 60_500)
    assert [(one.destination, one.margin_micros) for one in found.worst()] == [
        ("France fixe", 15_000 - 30_000),
        ("France mobile", 101_667 - 30_500),
    ]
    assert [(one.prefix, one.sold_micros, one.cost_micros) for one in found.exposed] == [("331", 10_000, 20_000)]
    assert found.as_dict()["margin_micros"] == 56_167


def test_a_deeper_prefix_of_the_carrier_that_costs_more_is_exposed_even_without_traffic(traffic: list[Till]) -> None:
    cost = deck("1", "33,Fr,0.001\n33700,Fr costly,0.5\n", name="carrier.acme", tax="included")
    found = deck_reports.margin(retail=deck("old", OLD + "33,France,0.02\n"), cost=cost, at=NOW, days=30)
    assert [(one.prefix, one.destination) for one in found.exposed] == [("33700", "France")]


@pytest.mark.parametrize(
    ("micros", "points", "net"),
    [(120, 2000, 100), (1, 2000, 1), (6, 10_000, 3), (7, 10_000, 4), (0, 2000, 0), (5, 0, 5)],
)
def test_tax_is_taken_off_once_half_up(micros: int, points: int, net: int) -> None:
    assert deck_reports.without_tax(micros, points) == net


def test_what_cannot_be_compared_is_refused(traffic: list[Till]) -> None:
    old = deck("old", OLD)
    with pytest.raises(deck_reports.NoCarrierDeck):
        deck_reports.carrier_deck("ippi", "acme")
    for days in (0, 367):
        with pytest.raises(deck_reports.InvalidReport):
            deck_reports.impact(before=old, after=old, at=NOW, days=days)


def run(*args: str) -> dict[str, object]:
    done = CliRunner().invoke(cli, ["deck", *args, "--json"], catch_exceptions=False)
    found: dict[str, object] = json.loads(done.output)
    return found


def test_the_commands_tell_the_same_as_json_and_in_words(traffic: list[Till]) -> None:
    deck("old", OLD), deck("new", NEW), deck("1", "331,Fr,0.02\n", name="carrier.acme", tax="excluded")
    told = run("diff", "old", "new")
    assert told["prefixes"] == {"dearer": 1, "cheaper": 1, "same": 0, "other": 0, "new": 0, "gone": 0}
    assert told["traffic"]["down_micros"] == 61_000  # type: ignore[index]
    assert run("diff", "old", "new", "--traffic-days", "0")["traffic"] is None
    assert run("margin", "--cost", "acme", "--deck-version", "old")["uncosted_calls"] == 1
    checked = CliRunner().invoke(cli, ["deck", "check", "old", "--json"])
    assert checked.exit_code == 1
    assert json.loads(checked.output)["counts"]["no-price"] > 400
    for words in (("diff", "old", "new"), ("margin", "--cost", "acme@1", "--deck-version", "old"), ("check", "old")):
        assert "France" in CliRunner().invoke(cli, ["deck", *words]).output or words[0] == "check"
