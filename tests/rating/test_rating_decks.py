"""From a number and an instant to a rate: the longest prefix that is valid then, against a plain search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.catalog import rules as catalog
from cadran.rating import decks, rules

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def rate(prefix: str, price: int = 1, since: int | None = None, until: int | None = None) -> rules.Rate:
    """Dates are days after START."""
    return rules.Rate(
        prefix=prefix,
        destination=prefix,
        currency="EUR",
        price_nanos=price,
        valid_from=catalog.ALWAYS_FROM if since is None else START + since * DAY,
        valid_to=catalog.FOR_EVER if until is None else START + until * DAY,
    )


def test_the_longest_prefix_wins() -> None:
    deck = decks.of_rates([rate("3"), rate("33"), rate("336"), rate("44")])
    found = [deck.find(digits, START) for digits in ("33612345678", "33142000001", "39061", "44", "4", "", "5")]
    assert [one.prefix if one else None for one in found] == ["336", "33", "3", "44", None, None, None]


@pytest.mark.parametrize(
    ("days", "seconds", "price"),
    [(9, 86_399, 1), (10, 0, 2), (19, 86_399, 2), (20, 0, 1), (29, 86_399, 1), (30, 0, 3)],
)
def test_an_expired_rate_falls_back_to_the_shorter_prefix(days: int, seconds: int, price: int) -> None:
    deck = decks.of_rates([rate("33", 1), rate("336", 3, 30), rate("336", 2, 10, 20)])
    found = deck.find("33612345678", START + days * DAY + timedelta(seconds=seconds))
    assert found is not None
    assert found.price_nanos == price


def test_what_has_expired_without_a_shorter_prefix_has_no_price() -> None:
    deck = decks.of_rates([rate("336", 2, 10, 20)])
    assert deck.find("33612345678", START + 20 * DAY) is None


def test_an_empty_deck_finds_nothing() -> None:
    assert decks.of_rates([]).find("33142000001", START) is None
    assert decks.Deck(brand="x", generation=0, versions=()).find("33142000001", START) is None


def test_a_number_longer_than_any_prefix_and_hostile_text_are_harmless() -> None:
    deck = decks.of_rates([rate("33")])
    found = deck.find("33" + "1" * 1000, START)
    assert found is not None
    assert found.prefix == "33"
    assert deck.find("+33142000001", START) is None
    assert deck.find("anonymous", START) is None


prefixes = st.text("123", min_size=1, max_size=4)
dated = st.builds(
    rate, prefixes, st.integers(1, 9), st.one_of(st.none(), st.integers(0, 5)), st.one_of(st.none(), st.integers(6, 10))
)


@given(st.lists(dated, max_size=30, unique_by=lambda one: one.prefix), st.text("1234", max_size=6), st.integers(-1, 11))
def test_a_deck_agrees_with_a_plain_search(rates: list[rules.Rate], digits: str, day: int) -> None:
    at = START + day * DAY
    valid = [one for one in rates if digits.startswith(one.prefix) and one.valid_from <= at < one.valid_to]
    expected = max(valid, key=lambda one: len(one.prefix), default=None)
    assert decks.of_rates(rates).find(digits, at) == expected
