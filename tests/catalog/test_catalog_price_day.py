"""Where the terms promise one price a day, prices change at midnight in Paris, whatever the clocks do that night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cadran.catalog import operations, queries, rules
from cadran.rating import decks
from cadran.rating import rules as rating

pytestmark = pytest.mark.clause("KRY-4.5.1-price-of-the-day")
PARIS = "Europe/Paris"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "midnight"),
    [
        ("2026-07-01T21:59:59", "2026-07-01T22:00:00"),
        ("2026-07-01T22:00:00", "2026-07-02T22:00:00"),
        ("2026-12-01T22:59:59", "2026-12-01T23:00:00"),
        ("2026-12-01T23:00:00", "2026-12-02T23:00:00"),
        ("2026-03-28T23:00:00", "2026-03-29T22:00:00"),  # a day of 23 hours
        ("2026-10-24T22:00:00", "2026-10-25T23:00:00"),  # a day of 25 hours
    ],
)
def test_the_next_price_day_begins_at_midnight_in_paris(at: str, midnight: str) -> None:
    assert rules.next_price_day(instant(at), PARIS) == instant(midnight)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29T10:00:00", 23), ("2026-10-25T10:00:00", 25), ("2026-06-01T10:00:00", 24)]
)
def test_one_price_holds_for_the_whole_civil_day(day: str, hours: int) -> None:
    found = rules.price_day(instant(day), PARIS)
    assert found.end is not None
    assert found.end - found.start == timedelta(hours=hours)


def kryptoow(price: str, effective_from: str, at: str) -> queries.DeckVersion:
    source = f"prefix,destination,price\n33,France,{price}\n".encode()
    report = operations.import_deck(brand="kryptoow", source=source, at=instant(at))
    assert report.deck is not None
    return operations.activate_deck(deck=report.deck, effective_from=instant(effective_from), at=instant(at))


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["2026-10-25T22:00:00", "2026-10-25T00:00:00", "2026-10-25T23:00:01"])
def test_a_change_within_a_day_is_refused(text: str) -> None:
    kryptoow("0.01", "2018-01-01T12:00:00", "2026-10-24T10:00:00")
    with pytest.raises(operations.UnableToActivateDeck, match="choose a midnight there, such as 2026-10-2"):
        kryptoow("0.02", text, "2026-10-24T10:00:00")


@pytest.mark.django_db
def test_the_price_changes_at_midnight_and_a_call_begun_before_keeps_its_own() -> None:
    kryptoow("0.01", "2018-01-01T12:00:00", "2026-10-24T10:00:00")
    kryptoow("0.02", "2026-10-25T23:00:00", "2026-10-24T10:00:00")
    deck = decks.load("kryptoow")
    for start, micros in (("2026-10-25T22:59:59", 20_000), ("2026-10-25T23:00:00", 40_000)):
        rate = deck.find("33142000001", instant(start))
        assert rate is not None
        assert rating.charge(rate, 61, instant(start)).micros == micros
        assert (rate.first_s, rate.next_s) == (60, 60)
