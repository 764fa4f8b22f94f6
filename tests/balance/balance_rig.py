"""Wallets and books in memory, and terms written by hand, so that the expected dates stand in the tests."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cadran.balance
import cadran.ledger
from cadran.balance import operations, ports
from cadran.balance.adapters.sqlite import SqliteBuckets
from cadran.ledger.adapters.sqlite import SqliteBooks
from cadran.ledger.schema import statements
from cadran.policy import queries as policy
from cadran.policy.terms import Terms

TERMS = "ippi/2018-04"


def terms(**values: str | int) -> Terms:
    """The terms in force of the reference brand, with some values of credit replaced (`extension_from="expiry"`)."""
    kept = policy.terms(TERMS)
    changed = dict(kept.values)
    for name, content in values.items():
        old = kept.value(f"credit.{name}")
        changed[f"credit.{name}"] = type(old)(old.name, content, old.unit, old.clause, old.source)
    return Terms(kept.brand, kept.version, kept.effective_from, kept.title, changed)


@dataclass(slots=True)
class Credit:
    """Everything that the operations of balance write to."""

    connection: sqlite3.Connection
    store: SqliteBuckets
    books: SqliteBooks

    def buy(
        self, key: str, micros: int, at: datetime, *, by: Terms | None = None, owner: str = "acc1"
    ) -> ports.BucketDates:
        return operations.buy(
            self.store, self.books, owner=owner, key=key, amount_micros=micros, means="card", terms=by or terms(), at=at
        )

    def hold(self, call: str, micros: int, at: datetime, step: int = 0) -> tuple[str, ...]:
        return operations.hold(
            self.store, self.books, owner="acc1", reservation=call, step=step, amount_micros=micros, at=at
        )

    def settle(self, call: str, micros: int, at: datetime) -> tuple[str, ...]:
        return operations.settle(self.store, self.books, owner="acc1", reservation=call, amount_micros=micros, at=at)

    def expire(self, at: datetime) -> int:
        return operations.expire(self.store, self.books, at=at)

    def free(self, at: datetime) -> int:
        return operations.free_micros(self.store, self.books, owner="acc1", at=at)

    def until(self, key: str) -> datetime:
        found = self.store.bucket("acc1", key)
        assert found is not None
        return found.expires_at

    def sums(self) -> dict[str, int]:
        rows = self.connection.execute(
            "SELECT account_name, sum(amount_micros) FROM ledger_posting GROUP BY account_name"
        )
        return dict(rows.fetchall())


def fresh_credit(opened_at: datetime) -> Credit:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for room, file in (
        (cadran.ledger, "0001_sqlite.sql"),
        (cadran.ledger, "0003_unit_of_work.sql"),
        (cadran.ledger, "0004_sqlite.sql"),
        (cadran.balance, "0001_sqlite.sql"),
    ):
        for statement in statements(Path(room.__path__[0]) / "migrations" / file):
            connection.execute(statement)
    credit = Credit(connection, SqliteBuckets(connection), SqliteBooks(connection))
    operations.open_wallet(credit.store, credit.books, owner="acc1", brand="ippi", currency="EUR", at=opened_at)
    return credit
