"""Wallets and buckets on an SQLite connection whose transactions belong to the caller: each row is written at once."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from cadran.balance import ports
from cadran.balance.adapters import memory
from cadran.units.sqlite import SqliteConnection
from cadran.units.store import Memory


class SqliteBuckets:
    """`balance.ports.Buckets`; nothing is kept in memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._database = SqliteConnection(connection)
        self._memory = Memory()
        self._buckets = memory.MemoryBuckets(self._memory, self._database)

    def wallet(self, owner: str) -> ports.Wallet | None:
        return self._fresh().wallet(owner)

    def insert_wallet(self, wallet: ports.Wallet, at: datetime) -> None:
        self._fresh().insert_wallet(wallet, at)
        self._write()

    def bucket(self, owner: str, bucket: str) -> ports.BucketDates | None:
        return self._fresh().bucket(owner, bucket)

    def ever_bought(self, owner: str) -> bool:
        return self._fresh().ever_bought(owner)

    def of(self, owner: str) -> tuple[ports.BucketDates, ...]:
        return self._fresh().of(owner)

    def due(self, at: datetime, limit: int) -> tuple[ports.BucketDates, ...]:
        return self._fresh().due(at, limit)

    def insert_bucket(self, dates: ports.BucketDates) -> None:
        self._fresh().insert_bucket(dates)
        self._write()

    def extend(
        self, owner: str, bucket: str, *, expires_at: datetime, purchase: str, clause: str, terms: str, at: datetime
    ) -> None:
        self._fresh().extend(owner, bucket, expires_at=expires_at, purchase=purchase, clause=clause, terms=terms, at=at)
        self._write()

    def mark_expired(self, owner: str, bucket: str, at: datetime) -> None:
        self._fresh().mark_expired(owner, bucket, at)
        self._write()

    def _fresh(self) -> memory.MemoryBuckets:
        self._memory.forget()
        self._buckets.forget()
        return self._buckets

    def _write(self) -> None:
        self._database.write(self._memory.take(), memory.ORDER)
