"""The price of a call is that of the day on which it starts, in the brand's zone, to its end, whatever the clocks do that night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from charging_rig import LANDLINE, RATES, TERMS, Books, StepClock, call, ended, fresh_file

from cadran.charging import needs
from cadran.charging.engine import Engine
from cadran.charging.ports import BuyCredit
from cadran.policy import queries as policy
from cadran.rating import decks

pytestmark = pytest.mark.clause("KRY-4.5.1-price-of-the-day")
BEFORE = RATES[0]  # 0.012 a minute: 200 micros a second
AFTER = replace(BEFORE, price_nanos=24_000_000, version="dearer")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def dear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Books, datetime]]:
    """An engine whose deck becomes dearer at a midnight of Paris, and that midnight."""
    midnight = instant(request.param)
    versions = (decks.dated([BEFORE], instant("2018-01-01"), 1), decks.dated([AFTER], midnight, 2))
    path = fresh_file(tmp_path / "charging.db")
    engine = Engine(
        path,
        contracts=needs.FixedContracts({TERMS: policy.terms(TERMS)}),
        prices=needs.FixedPrices(decks.Deck(brand="ippi", generation=2, versions=versions)),
        clock=StepClock(),
        extension_s=7200,
    )
    day_before = midnight - timedelta(days=1)
    engine.open_wallet(account="acc1", brand="ippi", currency="EUR", at=day_before)
    engine.buy_credit(
        BuyCredit(key="pay", account="acc1", terms=TERMS, amount_micros=10_000_000, currency="EUR", at=day_before)
    )
    yield engine, Books(path), midnight
    engine.close()


MIDNIGHTS = [
    "2026-06-30T22:00:00",  # summer time
    "2026-11-30T23:00:00",  # winter time
    "2026-03-28T23:00:00",  # the night in which a civil hour is lost
    "2026-10-24T22:00:00",  # the night in which a civil hour comes twice
    "2026-03-29T22:00:00",  # the end of the day of 23 hours
    "2026-10-25T23:00:00",  # the end of the day of 25 hours
]


@pytest.mark.parametrize("dear", MIDNIGHTS, indirect=True)
def test_a_call_has_the_price_of_its_start_on_either_side_of_midnight(dear: tuple[Engine, Books, datetime]) -> None:
    engine, books, midnight = dear
    for session, start, micros in (
        ("last", midnight - timedelta(microseconds=1), 60 * 200),
        ("first", midnight, 60 * 400),
        ("hours-later", midnight + timedelta(hours=3), 60 * 400),
    ):
        engine.authorise(call(session, at=start))
        engine.extend(session=session, seq=1, used_s=5, at=start + timedelta(seconds=5))
        done = engine.settle(ended(session, 60, at=start + timedelta(seconds=60), answered_at=start))
        assert done.charge_micros == micros
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting") == 0


@pytest.mark.parametrize("dear", [MIDNIGHTS[0], MIDNIGHTS[3]], indirect=True)
def test_a_call_in_progress_keeps_its_price_over_midnight_and_a_new_deck(dear: tuple[Engine, Books, datetime]) -> None:
    engine, _, midnight = dear
    start = midnight - timedelta(minutes=5)
    engine.authorise(call("live", at=start, destination=LANDLINE))
    for seq, minute in enumerate((1, 4, 6, 20), start=1):
        engine.extend(session="live", seq=seq, used_s=minute * 60, at=start + timedelta(minutes=minute))
    done = engine.settle(ended("live", 1800, at=start + timedelta(minutes=30), answered_at=start))
    assert (done.charged_s, done.charge_micros) == (1800, 1800 * 200)
