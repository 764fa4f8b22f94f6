"""Decks come in whole or not at all, and price calls from their date on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cadran.catalog import models, operations, queries
from cadran.catalog.adapters import deck_file
from cadran.policy import events
from cadran.rating import decks
from cadran.rating import rules as rating

pytestmark = pytest.mark.django_db
Activate = Callable[..., queries.DeckVersion]


def test_a_draft_prices_nothing(small: bytes, at: datetime) -> None:
    report = operations.import_deck(brand="ippi", source=small, at=at)
    assert (report.created, report.rates, report.problem_count) == (True, 3, 0)
    assert report.deck is not None
    assert report.deck.state == "draft"
    assert decks.generation("ippi") == 0
    assert decks.load("ippi").find("33142000001", at) is None


@pytest.mark.clause("IPP-10.1-per-second")
def test_blank_increments_and_fee_are_those_of_the_terms(activated: Activate, small: bytes, at: datetime) -> None:
    activated(small.decode())
    rate = decks.load("ippi").find("33142000001", at)
    assert rate is not None
    assert (rate.first_s, rate.next_s, rate.connection_micros) == (1, 1, 0)
    assert rating.charge(rate, 61, at).micros == 12_200


@pytest.mark.clause("IPP-10.1-per-second")
def test_a_stated_connection_fee_stands(activated: Activate, at: datetime) -> None:
    activated(
        "prefix,destination,price,connection_fee,first_s,next_s\n338,Special,0.06,0.05,60,30\n33,France,0.012,,,\n"
    )
    deck = decks.load("ippi")
    special, plain = deck.find("33800000000", at), deck.find("33142000001", at)
    assert special is not None
    assert plain is not None
    assert (special.connection_micros, special.first_s, special.next_s) == (50_000, 60, 30)
    assert (plain.connection_micros, plain.first_s, plain.next_s) == (0, 1, 1)


def test_a_dry_run_leaves_nothing(small: bytes, at: datetime) -> None:
    report = operations.import_deck(brand="ippi", source=small, at=at, dry_run=True)
    assert (report.rates, report.deck) == (3, None)
    assert not models.Deck.objects.exists()


def test_one_wrong_line_refuses_the_whole_file(at: datetime) -> None:
    with pytest.raises(operations.DeckRefused) as refused:
        operations.import_deck(brand="ippi", source=b"prefix,destination,price\n33,France,0.01\nx,Y,1\n", at=at)
    assert [(problem.line, problem.code) for problem in refused.value.report.problems] == [(3, "prefix")]
    assert not models.Deck.objects.exists()


def test_the_same_file_again_changes_nothing(small: bytes, at: datetime) -> None:
    first = operations.import_deck(brand="ippi", source=small, at=at, version="1")
    again = operations.import_deck(brand="ippi", source=small, at=at + timedelta(days=1), version="1")
    assert again.created is False
    assert again.deck == first.deck
    assert models.DeckRate.objects.count() == 3


def test_a_version_never_changes(small: bytes, at: datetime) -> None:
    operations.import_deck(brand="ippi", source=small, at=at, version="1")
    with pytest.raises(operations.DeckVersionTaken):
        operations.import_deck(brand="ippi", source=small + b"44,UK,0.01\n", at=at, version="1")
    with pytest.raises(operations.DeckVersionTaken):
        operations.import_deck(brand="ippi", source=small, at=at, version="1", currency="USD")
    assert models.DeckRate.objects.count() == 3


@pytest.mark.parametrize(
    "options",
    [
        {"name": "../world"},
        {"name": "World"},
        {"version": "a b"},
        {"version": "x" * 41},
        {"currency": "eur"},
        {"currency": "€"},
        {"tax": "maybe"},
        {"delimiter": "|"},
    ],
)
def test_options_of_a_wrong_form_are_refused(small: bytes, at: datetime, options: dict[str, str]) -> None:
    with pytest.raises(operations.BadDeckName):
        operations.import_deck(brand="ippi", source=small, at=at, **options)
    assert not models.Deck.objects.exists()


def test_an_activation_takes_effect_at_its_instant_and_no_sooner(
    activated: Activate, small: bytes, at: datetime
) -> None:
    activated(small.decode())
    later = at + timedelta(days=3)
    activated("prefix,destination,price\n33,France,0.02\n", effective_from=later)
    deck = decks.load("ippi")
    before, after = deck.find("33142000001", later - timedelta(microseconds=1)), deck.find("33142000001", later)
    assert before is not None
    assert after is not None
    assert (before.price_nanos, after.price_nanos) == (12_000_000, 20_000_000)
    assert deck.find("33142000001", at - timedelta(seconds=1)) is None


def test_the_generation_grows_with_each_activation(activated: Activate, small: bytes, at: datetime) -> None:
    first = activated(small.decode())
    assert decks.generation("ippi") == first.activation == 1
    second = activated("prefix,destination,price\n33,France,0.02\n", effective_from=at + timedelta(days=1))
    assert decks.generation("ippi") == second.activation == 2
    assert decks.generation("kryptoow") == 0
    assert [event.kind for event in events.pending_events(at=at)] == ["catalog.deck-activated"] * 2


def test_a_reload_keeps_the_versions_it_has(activated: Activate, small: bytes, at: datetime) -> None:
    activated(small.decode())
    one = decks.load("ippi")
    activated("prefix,destination,price\n33,France,0.02\n", effective_from=at + timedelta(days=1))
    two = decks.load("ippi", previous=one)
    assert two.generation > one.generation
    assert two.versions[0] is one.versions[0]
    assert len(two.versions) == 2


def test_activating_again_for_the_same_instant_changes_nothing(small: bytes, at: datetime) -> None:
    deck = operations.import_deck(brand="ippi", source=small, at=at).deck
    assert deck is not None
    first = operations.activate_deck(deck=deck, effective_from=at, at=at)
    assert operations.activate_deck(deck=deck, effective_from=at, at=at) == first
    with pytest.raises(operations.UnableToActivateDeck):
        operations.activate_deck(deck=deck, effective_from=at + timedelta(days=1), at=at)


def test_prices_of_the_past_stay(activated: Activate, small: bytes, at: datetime) -> None:
    activated(small.decode(), effective_from=at - timedelta(days=400))  # the first may reach back
    with pytest.raises(operations.UnableToActivateDeck):
        activated("prefix,destination,price\n33,France,0.02\n", effective_from=at - timedelta(microseconds=1))
    activated("prefix,destination,price\n33,France,0.03\n", effective_from=at)
    rate = decks.load("ippi").find("33142000001", at)
    assert rate is not None
    assert rate.price_nanos == 30_000_000


def test_of_two_decks_for_one_instant_the_later_activation_holds(
    activated: Activate, small: bytes, at: datetime
) -> None:
    activated(small.decode())
    activated("prefix,destination,price\n33,France,0.02\n", effective_from=at)
    rate = decks.load("ippi").find("33142000001", at)
    price = queries.price_of("ippi", "33142000001", at)
    assert rate is not None
    assert price is not None
    assert rate == price.rate
    assert rate.price_nanos == 20_000_000


def test_a_naive_instant_is_refused(small: bytes, at: datetime) -> None:
    deck = operations.import_deck(brand="ippi", source=small, at=at).deck
    assert deck is not None
    with pytest.raises(Exception, match="units-period-invalid"):
        operations.activate_deck(deck=deck, effective_from=datetime(2026, 12, 1), at=at)


@pytest.mark.parametrize("data", [b"\xff\xfep\x00r\x00", b"PK\x03\x04xxxx", b"\xd0\xcf\x11\xe0xx", b"\x1f\x8bxxxx"])
def test_other_kinds_of_file_are_named(data: bytes, at: datetime) -> None:
    with pytest.raises(deck_file.UnreadableDeckFile):
        operations.import_deck(brand="ippi", source=data, at=at)


def test_bands_survive_the_database(activated: Activate) -> None:
    activated(
        "prefix,destination,price,band,band_days,band_hours,band_zone,band_holidays\n"
        "33,France,0.02,,,,,\n"
        "33,,0.01,evening,mon-fri,00:00-08:00 19:00-24:00,Europe/Paris,2026-12-25\n"
        "33,,0.005,weekend,sat sun holiday,,Europe/Paris,2026-12-25\n"
    )
    rate = decks.load("ippi").find("33142000001", datetime(2026, 12, 1, tzinfo=UTC))
    assert rate is not None
    prices = [
        rating.price_at(rate, moment)
        for moment in (
            datetime(2026, 12, 1, 17, 59, 59, tzinfo=UTC),  # Tuesday 18:59:59 in Paris
            datetime(2026, 12, 1, 18, 0, tzinfo=UTC),
            datetime(2026, 12, 4, 22, 59, 59, tzinfo=UTC),  # Friday 23:59:59
            datetime(2026, 12, 4, 23, 0, tzinfo=UTC),  # Saturday
            datetime(2026, 12, 25, 12, 0, tzinfo=UTC),  # a Friday and a holiday
        )
    ]
    assert prices == [
        (20_000_000, ""),
        (10_000_000, "evening"),
        (10_000_000, "evening"),
        (5_000_000, "weekend"),
        (5_000_000, "weekend"),
    ]
