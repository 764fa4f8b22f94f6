"""Deck files of one kind and another, and an instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cadran.catalog import operations, queries

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SMALL = """prefix,destination,price
33,France,0.0120
336,France mobile,0.0900
337,France mobile,0.0900
"""


@pytest.fixture
def at() -> datetime:
    return AT


@pytest.fixture
def small() -> bytes:
    return SMALL.encode()


@pytest.fixture
def activated(db: None) -> Callable[..., queries.DeckVersion]:
    """Import text as a deck of ippi and activate it."""

    def make(text: str, effective_from: datetime = AT, at: datetime = AT, **more: str) -> queries.DeckVersion:
        report = operations.import_deck(brand="ippi", source=text.encode(), at=at, tax="included", **more)
        assert report.deck is not None
        return operations.activate_deck(deck=report.deck, effective_from=effective_from, at=at)

    return make
