"""What a price page reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from cadran.catalog import operations, queries

pytestmark = pytest.mark.django_db
Activate = Callable[..., queries.DeckVersion]
DECK = """prefix,destination,destination_en,price,effective_from,effective_to
1,États-Unis fixe et mobile,United States landline and mobile,0.0120,,
1212,"États-Unis fixe et mobile, New York","United States landline and mobile, New York",0.0100,,
33,France fixe,France landline,0.0120,,
331,France fixe,France landline,0.0120,,
336,France mobile,France mobile,0.0900,,2026-12-01
336,France mobile,France mobile,0.0800,2026-12-01,
"""


@pytest.mark.parametrize(
    ("search", "prefixes"),
    [
        ("", ["1", "33", "336", "1212"]),
        ("etats", ["1", "1212"]),
        ("ÉTATS", ["1", "1212"]),
        ("united", ["1", "1212"]),
        ("new york", ["1212"]),
        ("336", ["33", "336"]),
        ("+33612", ["33", "336"]),
        ("%", []),
        ("' OR 1=1 --", []),
        ("\x00", []),
    ],
)
def test_prices_are_found_by_name_in_both_languages_and_by_digits(
    activated: Activate, at: datetime, search: str, prefixes: list[str]
) -> None:
    activated(DECK)
    assert [price.rate.prefix for price in queries.prices("ippi", at, search)] == prefixes


def test_prices_are_those_of_the_day(activated: Activate, at: datetime) -> None:
    activated(DECK)
    for day, nanos in ((at, 90_000_000), (at + timedelta(days=30), 80_000_000)):
        listed = queries.prices("ippi", day, "france mobile")
        asked = queries.price_of("ippi", "33612345678", day)
        assert [price.rate.price_nanos for price in listed] == [nanos]
        assert asked is not None
        assert asked.rate.price_nanos == nanos


def test_a_list_of_prices_has_an_end(activated: Activate, at: datetime) -> None:
    activated(DECK)
    assert len(queries.prices("ippi", at, limit=2)) == 2


def test_a_price_says_what_its_deck_says_of_tax(activated: Activate, at: datetime) -> None:
    activated(DECK)
    price = queries.price_of("ippi", "33142000001", at)
    assert price is not None
    assert (price.tax, price.rate.prefix) == ("included", "331")


@pytest.mark.parametrize("digits", ["", "0", "999", "٣٣١", "x" * 50])
def test_what_has_no_price_gives_none(activated: Activate, at: datetime, digits: str) -> None:
    activated(DECK)
    assert queries.price_of("ippi", digits, at) is None


def test_there_is_no_price_before_the_first_deck_nor_at_another_brand(activated: Activate, at: datetime) -> None:
    activated(DECK)
    assert queries.price_of("ippi", "33142000001", at - timedelta(seconds=1)) is None
    assert queries.price_of("kryptoow", "33142000001", at) is None


def test_a_deck_in_another_currency_than_the_credit_is_not_activated(
    activated: Callable[..., queries.DeckVersion], small: bytes, at: datetime
) -> None:
    activated(small.decode())
    with pytest.raises(operations.UnableToActivateDeck, match="USD"):
        activated(small.decode().replace("0.0900", "0.0800"), currency="USD", version="dollars")
    assert [deck.currency for deck in queries.activated("ippi", "world")] == ["EUR"]


def test_lists_kept_in_memory_are_those_of_the_minute_and_follow_a_new_deck(activated: Activate, at: datetime) -> None:
    activated(DECK)
    minute = at.replace(second=0, microsecond=0)
    assert queries.listed("ippi", at, "france") == queries.prices("ippi", minute, "france")
    first = queries.chosen("ippi", ("33142000001", "999"), minute)
    assert [price.rate.price_nanos for price in first] == [12_000_000]
    dearer = DECK.replace("331,France fixe,France landline,0.0120", "331,France fixe,France landline,0.0130")
    activated(dearer, effective_from=minute + timedelta(hours=1), version="next")
    assert queries.chosen("ippi", ("33142000001",), minute) == first
    later = queries.chosen("ippi", ("33142000001",), minute + timedelta(hours=1))
    assert [price.rate.price_nanos for price in later] == [13_000_000]
