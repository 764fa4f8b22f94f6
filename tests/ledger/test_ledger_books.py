"""Transfers, reservations and what the database refuses, on real books."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cadran.ledger import operations, rules
from cadran.ledger.adapters import memory
from cadran.ledger.adapters.sqlite import SqliteBooks
from cadran.units.errors import InvalidInput

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BANK = rules.AccountRef("house/ippi", "bank/EUR")
REVENUE = rules.AccountRef("house/ippi", "revenue/EUR")
WALLET = rules.AccountRef("acc1", "credit/p1")
OTHER = rules.AccountRef("acc1", "credit/p2")


@pytest.fixture
def funded(books: SqliteBooks) -> SqliteBooks:
    """Ten micros on acc1's first bucket, five on its second."""
    for ref in (BANK, REVENUE):
        operations.open_account(books, ref=ref, currency="EUR", at=AT)
    for ref, micros in ((WALLET, 10), (OTHER, 5)):
        operations.open_account(books, ref=ref, currency="EUR", at=AT, floor_micros=0)
        move(books, f"in/{ref.name}", BANK, ref, micros)
    return books


def move(books: SqliteBooks, transfer: str, debit: rules.AccountRef, credit: rules.AccountRef, micros: int) -> str:
    return operations.post(
        books,
        owner="acc1",
        transfer=transfer,
        debit=debit,
        credit=credit,
        currency="EUR",
        amount_micros=micros,
        at=AT,
        reason="test",
    )


def hold(
    books: SqliteBooks, transfer: str, micros: int, ref: rules.AccountRef = WALLET, reservation: str = "call"
) -> str:
    return operations.hold(
        books,
        owner="acc1",
        transfer=f"{reservation}:{transfer}",
        reservation=reservation,
        debit=ref,
        credit=REVENUE,
        currency="EUR",
        amount_micros=micros,
        at=AT,
        reason="test",
    )


def resolve(books: SqliteBooks, micros: int, reservation: str = "call") -> tuple[str, ...]:
    return operations.resolve(books, owner="acc1", reservation=reservation, amount_micros=micros, at=AT, reason="test")


def state(books: SqliteBooks, ref: rules.AccountRef = WALLET) -> tuple[int | None, int | None]:
    account = books.account(ref)
    assert account is not None
    return account.balance_micros, account.held_micros


def legs(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    return connection.execute(
        "SELECT account_name, amount_micros FROM ledger_posting ORDER BY transfer, leg"
    ).fetchall()


def test_a_transfer_writes_two_legs_that_sum_to_zero(funded: SqliteBooks, connection: sqlite3.Connection) -> None:
    move(funded, "t", WALLET, REVENUE, 3)
    assert legs(connection)[-2:] == [("credit/p1", -3), ("revenue/EUR", 3)]
    assert connection.execute("SELECT sum(amount_micros) FROM ledger_posting").fetchone() == (0,)
    assert state(funded) == (7, 0)


def test_an_income_account_keeps_no_balance(funded: SqliteBooks) -> None:
    assert state(funded, REVENUE) == (None, None)


def test_the_last_micro_can_be_moved_and_not_one_more(funded: SqliteBooks) -> None:
    move(funded, "all", WALLET, REVENUE, 10)
    assert state(funded) == (0, 0)
    with pytest.raises(rules.FloorReached):
        move(funded, "more", WALLET, REVENUE, 1)


def test_what_is_held_can_be_neither_moved_nor_held_again(funded: SqliteBooks) -> None:
    hold(funded, "h1", 10)
    with pytest.raises(rules.FloorReached):
        hold(funded, "h2", 1)
    with pytest.raises(rules.FloorReached):
        move(funded, "m", WALLET, REVENUE, 1)
    assert state(funded) == (10, 10)


def test_posting_in_part_releases_the_rest(funded: SqliteBooks) -> None:
    hold(funded, "h1", 4)
    hold(funded, "h2", 3)
    assert resolve(funded, 5) == ("call:r1",)
    assert state(funded) == (5, 0)


def test_posting_nothing_voids(funded: SqliteBooks, connection: sqlite3.Connection) -> None:
    hold(funded, "h1", 4)
    resolve(funded, 0)
    assert state(funded) == (10, 0)
    assert connection.execute("SELECT kind FROM ledger_transfer WHERE transfer = 'call:r1'").fetchone() == ("void",)


def test_a_reservation_on_two_accounts_is_posted_in_the_order_of_holding(funded: SqliteBooks) -> None:
    hold(funded, "h1", 10)
    hold(funded, "h2", 5, OTHER)
    assert resolve(funded, 12) == ("call:r1", "call:r2")
    assert (state(funded), state(funded, OTHER)) == ((0, 0), (3, 0))


def test_resolving_edits_nothing(funded: SqliteBooks, connection: sqlite3.Connection) -> None:
    hold(funded, "h1", 4)
    before = connection.execute("SELECT * FROM ledger_transfer").fetchall()
    resolve(funded, 4)
    after = connection.execute("SELECT * FROM ledger_transfer").fetchall()
    assert set(before) < set(after)
    assert len(after) == len(before) + 1


def test_a_reservation_is_resolved_once(funded: SqliteBooks) -> None:
    hold(funded, "h1", 4)
    resolve(funded, 4)
    with pytest.raises(rules.ReservationUnknown):
        resolve(funded, 1)
    with pytest.raises(rules.ReservationResolved):
        hold(funded, "h2", 1)
    assert state(funded) == (6, 0)


def test_no_more_is_posted_than_was_held(funded: SqliteBooks) -> None:
    hold(funded, "h1", 4)
    with pytest.raises(rules.PostExceedsHold):
        resolve(funded, 5)
    assert state(funded) == (10, 4)


def test_the_database_itself_refuses_to_release_another_amount_than_was_held(funded: SqliteBooks) -> None:
    hold(funded, "h1", 4)
    row = rules.Transfer(
        owner="acc1",
        transfer="call:x",
        kind=rules.Kind.POST,
        reservation="call",
        debit=WALLET,
        credit=REVENUE,
        currency="EUR",
        amount_micros=1,
        released_micros=5,
        at=AT,
        reason="test",
    )
    with pytest.raises(rules.ReservationUnknown):
        funded.insert_transfer(row)


def test_a_transfer_id_is_taken_once(funded: SqliteBooks) -> None:
    move(funded, "t", WALLET, REVENUE, 1)
    with pytest.raises(rules.TransferExists):
        move(funded, "t", WALLET, REVENUE, 1)
    assert state(funded) == (9, 0)


def test_both_accounts_must_exist(funded: SqliteBooks) -> None:
    with pytest.raises(rules.AccountUnknown):
        move(funded, "t", WALLET, rules.AccountRef("house/ippi", "nowhere"), 1)


def test_currencies_do_not_mix(funded: SqliteBooks) -> None:
    dollars = rules.AccountRef("acc1", "credit/usd")
    operations.open_account(funded, ref=dollars, currency="USD", at=AT, floor_micros=0)
    with pytest.raises(rules.CurrencyMismatch):
        move(funded, "t", WALLET, dollars, 1)


def test_opening_again_changes_nothing_and_otherwise_is_refused(funded: SqliteBooks) -> None:
    operations.open_account(funded, ref=WALLET, currency="EUR", at=AT, floor_micros=0)
    assert state(funded) == (10, 0)
    with pytest.raises(rules.AccountDiffers):
        operations.open_account(funded, ref=WALLET, currency="USD", at=AT, floor_micros=0)
    with pytest.raises(rules.AccountDiffers):
        operations.open_account(funded, ref=WALLET, currency="EUR", at=AT, floor_micros=-5)


@pytest.mark.parametrize("micros", [0, -1, 2**63, True])
def test_amounts_that_move_nothing_are_refused(funded: SqliteBooks, micros: int) -> None:
    with pytest.raises((InvalidInput, rules.LedgerError)):
        move(funded, "t", WALLET, REVENUE, micros)
    assert state(funded) == (10, 0)


def test_a_transfer_needs_two_accounts(funded: SqliteBooks) -> None:
    with pytest.raises(rules.InvalidTransfer):
        move(funded, "t", WALLET, WALLET, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_transfer SET amount_micros = 1",
        "UPDATE ledger_posting SET amount_micros = 1",
        "DELETE FROM ledger_transfer",
        "DELETE FROM ledger_posting",
        "DELETE FROM ledger_account",
        "UPDATE ledger_account SET floor_micros = -1000",
        "UPDATE ledger_account SET currency = 'USD'",
        "INSERT OR REPLACE INTO ledger_transfer SELECT * FROM ledger_transfer LIMIT 1",
        "INSERT OR REPLACE INTO ledger_posting SELECT * FROM ledger_posting LIMIT 1",
        "INSERT OR REPLACE INTO ledger_account SELECT * FROM ledger_account LIMIT 1",
        "INSERT INTO ledger_posting VALUES ('acc1', 'in/credit/p1', 1, 'acc1', 'credit/p1', 'EUR', 10)",
        "INSERT INTO ledger_posting VALUES ('acc1', 'made-up', 0, 'acc1', 'credit/p1', 'EUR', 5)",
        "UPDATE OR REPLACE ledger_posting SET leg = 1",
        "UPDATE ledger_account SET balance_micros = -1 WHERE name = 'credit/p1'",
    ],
)
def test_the_database_refuses_to_alter_the_books(
    funded: SqliteBooks, connection: sqlite3.Connection, statement: str
) -> None:
    hold(funded, "h1", 4)
    before = books_dump(connection)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    assert books_dump(connection) == before


def books_dump(connection: sqlite3.Connection) -> list[list[tuple[object, ...]]]:
    tables = ("ledger_account", "ledger_transfer", "ledger_posting")
    return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


@pytest.mark.parametrize(
    "work",
    [
        lambda books: move(books, "t t", WALLET, REVENUE, 1),
        lambda books: move(books, "", WALLET, REVENUE, 1),
        lambda books: hold(books, "h", 1, reservation=""),
        lambda books: resolve(books, 1, reservation="never"),
    ],
)
def test_bad_ids_and_reservations_are_named_errors_and_write_nothing(
    funded: SqliteBooks, connection: sqlite3.Connection, work: Callable[[SqliteBooks], object]
) -> None:
    before = books_dump(connection)
    with pytest.raises((InvalidInput, rules.LedgerError)):
        work(funded)
    assert books_dump(connection) == before


def test_what_a_reservation_holds_is_found_without_going_through_the_owners_history(
    connection: sqlite3.Connection,
) -> None:
    plan = connection.execute(f"EXPLAIN QUERY PLAN {memory._RESERVED}", ("acc1", "call", "call", "call")).fetchall()
    assert "PRIMARY KEY (owner=? AND transfer>? AND transfer<?)" in plan[0][3]
