"""Wallets and buckets in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from cadran.balance import ports
from cadran.ledger.adapters.sqlite import instant, text

_COLUMNS = (
    "owner, bucket, currency, brand, terms, bought_micros, balance_after_micros, available_from, first_expires_at,"
    " expires_at, expired_at"
)
_WALLET = "SELECT owner, brand, currency FROM balance_wallet WHERE owner = ?"
_INSERT_WALLET = "INSERT INTO balance_wallet (owner, brand, currency, opened_at) VALUES (?, ?, ?, ?)"
_BUCKET = f"SELECT {_COLUMNS} FROM balance_bucket WHERE owner = ? AND bucket = ?"  # noqa: S608
_EVER = "SELECT 1 FROM balance_bucket WHERE owner = ? LIMIT 1"
_OF = f"SELECT {_COLUMNS} FROM balance_bucket WHERE owner = ? AND expired_at IS NULL ORDER BY expires_at"  # noqa: S608
_DUE = (
    f"SELECT {_COLUMNS} FROM balance_bucket WHERE expired_at IS NULL AND expires_at <= ?"  # noqa: S608
    " ORDER BY expires_at, owner, bucket LIMIT ?"
)
_INSERT_BUCKET = f"INSERT INTO balance_bucket ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_EXTEND = "UPDATE balance_bucket SET expires_at = ? WHERE owner = ? AND bucket = ?"
_INSERT_VALIDITY = (
    "INSERT INTO balance_validity (owner, bucket, purchase, expires_at, clause, terms, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_MARK_EXPIRED = "UPDATE balance_bucket SET expired_at = ? WHERE owner = ? AND bucket = ?"


MAX_KEPT = 20_000


class SqliteBuckets:
    """`balance.ports.Buckets` on a connection whose transactions belong to the caller.

    Wallets and the dates of unexpired buckets are kept in memory: the connection must be the file's only writer, and who rolls a
    transaction back calls `forget`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._wallets: dict[str, ports.Wallet] = {}
        self._of: dict[str, tuple[ports.BucketDates, ...]] = {}

    def forget(self) -> None:
        """Read everything afresh."""
        self._wallets.clear()
        self._of.clear()

    def wallet(self, owner: str) -> ports.Wallet | None:
        if (known := self._wallets.get(owner)) is not None:
            return known
        row = self._execute(_WALLET, (owner,)).fetchone()
        if row is None:
            return None
        if len(self._wallets) >= MAX_KEPT:
            self._wallets.clear()
        found = self._wallets[owner] = ports.Wallet(owner=row[0], brand=row[1], currency=row[2])
        return found

    def insert_wallet(self, wallet: ports.Wallet, at: datetime) -> None:
        self._execute(_INSERT_WALLET, (wallet.owner, wallet.brand, wallet.currency, text(at)))

    def bucket(self, owner: str, bucket: str) -> ports.BucketDates | None:
        row = self._execute(_BUCKET, (owner, bucket)).fetchone()
        return None if row is None else _dates(row)

    def ever_bought(self, owner: str) -> bool:
        return self._execute(_EVER, (owner,)).fetchone() is not None

    def of(self, owner: str) -> tuple[ports.BucketDates, ...]:
        if (known := self._of.get(owner)) is not None:
            return known
        if len(self._of) >= MAX_KEPT:
            self._of.clear()
        found = self._of[owner] = tuple(_dates(row) for row in self._execute(_OF, (owner,)))
        return found

    def due(self, at: datetime, limit: int) -> tuple[ports.BucketDates, ...]:
        return tuple(_dates(row) for row in self._execute(_DUE, (text(at), limit)).fetchall())

    def insert_bucket(self, dates: ports.BucketDates) -> None:
        self._of.pop(dates.owner, None)
        row = (
            dates.owner,
            dates.bucket,
            dates.currency,
            dates.brand,
            dates.terms,
            dates.bought_micros,
            dates.balance_after_micros,
            text(dates.available_from),
            text(dates.first_expires_at),
            text(dates.expires_at),
            None if dates.expired_at is None else text(dates.expired_at),
        )
        self._execute(_INSERT_BUCKET, row)

    def extend(
        self, owner: str, bucket: str, *, expires_at: datetime, purchase: str, clause: str, terms: str, at: datetime
    ) -> None:
        self._of.pop(owner, None)
        self._execute(_EXTEND, (text(expires_at), owner, bucket))
        self._execute(_INSERT_VALIDITY, (owner, bucket, purchase, text(expires_at), clause, terms, text(at)))

    def mark_expired(self, owner: str, bucket: str, at: datetime) -> None:
        self._of.pop(owner, None)
        self._execute(_MARK_EXPIRED, (text(at), owner, bucket))


def _dates(row: tuple[str, str, str, str, str, int, int, str, str, str, str | None]) -> ports.BucketDates:
    return ports.BucketDates(
        owner=row[0],
        bucket=row[1],
        currency=row[2],
        brand=row[3],
        terms=row[4],
        bought_micros=row[5],
        balance_after_micros=row[6],
        available_from=instant(row[7]),
        first_expires_at=instant(row[8]),
        expires_at=instant(row[9]),
        expired_at=None if row[10] is None else instant(row[10]),
    )
