"""Buying, holding, consuming and expiring credit on real books."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from balance_rig import Credit, fresh_credit

from cadran.balance import operations
from cadran.ledger import rules as ledger
from cadran.units.errors import CadranError

BOUGHT = datetime(2026, 1, 10, 12, tzinfo=UTC)  # valid to 9 July 2026, 24:00 in Paris
END = datetime(2026, 7, 9, 22, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def credit() -> Credit:
    return fresh_credit(BOUGHT)


@pytest.mark.clause("IPP-9.2-180-days")
def test_a_purchase_is_valid_180_days_and_extends_what_is_left(credit: Credit) -> None:
    assert credit.buy("p1", 10_000_000, BOUGHT).expires_at == END
    second = END - SECOND
    assert credit.buy("p2", 10_000_000, second).expires_at == datetime(2027, 1, 5, 23, tzinfo=UTC)
    assert credit.until("p1") == datetime(2027, 1, 5, 23, tzinfo=UTC)
    assert credit.free(END) == 20_000_000


@pytest.mark.clause("IPP-9.2-180-days")
def test_a_purchase_one_second_after_expiry_finds_nothing_to_extend(credit: Credit) -> None:
    credit.buy("p1", 10_000_000, BOUGHT)
    credit.buy("p2", 25_000_000, END + SECOND)
    assert credit.until("p1") == END
    assert credit.free(END + SECOND) == 25_000_000
    assert credit.sums()["expired-credit/EUR"] == 10_000_000


@pytest.mark.clause("IPP-9.2-180-days")
def test_credit_can_be_used_to_the_last_second_of_its_last_day_and_not_at_midnight(credit: Credit) -> None:
    credit.buy("p1", 10, BOUGHT)
    assert credit.hold("early", 5, END - SECOND)
    assert credit.hold("late", 5, END) == ()
    assert credit.free(END) == 0


@pytest.mark.clause("IPP-9.2-180-days")
def test_expiry_moves_the_rest_once_and_counts_it(credit: Credit) -> None:
    credit.buy("p1", 10, BOUGHT)
    assert credit.expire(END - SECOND) == 0
    assert credit.expire(END) == 1
    assert credit.expire(END) == 0
    assert credit.sums()["expired-credit/EUR"] == 10


def test_what_a_call_holds_at_expiry_is_still_its_own_and_expires_when_released(credit: Credit) -> None:
    credit.buy("p1", 10, BOUGHT)
    credit.hold("call", 6, END - SECOND)
    assert credit.expire(END) == 1
    assert credit.sums()["expired-credit/EUR"] == 4
    assert len(credit.settle("call", 5, END + timedelta(minutes=5))) == 2
    sums = credit.sums()
    assert (sums["revenue/calls/EUR"], sums["expired-credit/EUR"], sums["credit/p1"]) == (5, 5, 0)


def test_the_call_that_holds_all_leaves_nothing_to_count_at_expiry(credit: Credit) -> None:
    credit.buy("p1", 10, BOUGHT)
    credit.hold("call", 10, END - SECOND)
    assert credit.expire(END) == 0
    credit.settle("call", 0, END + SECOND)
    assert credit.sums()["expired-credit/EUR"] == 10


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_the_last_micro_can_be_held_and_not_one_more(credit: Credit) -> None:
    credit.buy("p1", 10, BOUGHT)
    assert credit.hold("one", 9, BOUGHT)
    assert credit.hold("two", 1, BOUGHT)
    assert credit.hold("three", 1, BOUGHT) == ()
    assert credit.free(BOUGHT) == 0


def test_credit_is_consumed_in_the_order_of_its_expiry(credit: Credit) -> None:
    credit.buy("p1", 5, BOUGHT)
    credit.buy("p0", 5, BOUGHT + timedelta(days=1), by=None)
    credit.connection.execute("UPDATE balance_bucket SET expires_at = '2026-05-01 22:00:00' WHERE bucket = 'p0'")
    at = BOUGHT + timedelta(days=2)
    credit.hold("call", 7, at)
    credit.settle("call", 6, at)
    assert (credit.sums()["credit/p0"], credit.sums()["credit/p1"]) == (0, 4)


def test_a_purchase_is_idempotent_by_its_key(credit: Credit) -> None:
    first = credit.buy("p1", 10, BOUGHT)
    assert credit.buy("p1", 10, BOUGHT + timedelta(days=3)) == first
    assert credit.free(BOUGHT) == 10
    with pytest.raises(operations.PurchaseDiffers):
        credit.buy("p1", 11, BOUGHT)


def test_a_wallet_is_opened_once_and_keeps_its_currency(credit: Credit) -> None:
    operations.open_wallet(credit.store, credit.books, owner="acc1", brand="ippi", currency="EUR", at=BOUGHT)
    with pytest.raises(operations.WalletDiffers):
        operations.open_wallet(credit.store, credit.books, owner="acc1", brand="ippi", currency="USD", at=BOUGHT)


@pytest.mark.parametrize(("key", "micros"), [("", 10), ("p p", 10), ("p", 0), ("p", -1), ("p", 2**63)])
def test_bad_purchases_are_refused_and_leave_nothing(credit: Credit, key: str, micros: int) -> None:
    with pytest.raises(CadranError):
        credit.buy(key, micros, BOUGHT)
    assert credit.sums() == {}
    assert credit.store.of("acc1") == ()


def test_no_wallet_no_credit(credit: Credit) -> None:
    with pytest.raises(operations.WalletUnknown):
        credit.buy("p1", 10, BOUGHT, owner="stranger")


def test_the_history_of_a_validity_cannot_be_altered(credit: Credit) -> None:
    credit.buy("p1", 10, BOUGHT)
    credit.buy("p2", 10, BOUGHT + timedelta(days=30))
    rows = credit.connection.execute("SELECT bucket, purchase, clause, terms FROM balance_validity").fetchall()
    assert rows == [("p1", "p2", "IPP-9.2-180-days", "ippi/2018-04")]
    for statement in (
        "UPDATE balance_validity SET expires_at = ''",
        "DELETE FROM balance_validity",
        "DELETE FROM balance_bucket",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            credit.connection.execute(statement)


def test_a_hold_on_an_unknown_reservation_cannot_be_settled(credit: Credit) -> None:
    credit.buy("p1", 10, BOUGHT)
    with pytest.raises(ledger.ReservationUnknown):
        credit.settle("call", 1, BOUGHT)
