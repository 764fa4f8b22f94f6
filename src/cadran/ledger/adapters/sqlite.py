"""The books on an SQLite connection whose transactions belong to the caller: each row is written at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from cadran.ledger import rules
from cadran.ledger.adapters import memory
from cadran.ledger.ports import Held
from cadran.units.sqlite import SqliteConnection
from cadran.units.store import Conflict, Memory, instant, text

__all__ = ["SqliteBooks", "instant", "text"]


class SqliteBooks:
    """`ledger.ports.Books`; nothing is kept in memory. `written` hears of each transfer."""

    def __init__(
        self, connection: sqlite3.Connection, written: Callable[[rules.Transfer], None] = lambda transfer: None
    ) -> None:
        self._database = SqliteConnection(connection)
        self._memory = Memory()
        self._books = memory.MemoryBooks(self._memory, self._database, written)

    def account(self, ref: rules.AccountRef) -> rules.Account | None:
        return self._fresh().account(ref)

    def funded(self, owner: str, prefix: str) -> tuple[rules.Account, ...]:
        return self._fresh().funded(owner, prefix)

    def named(self, owner: str, prefix: str) -> tuple[rules.Account, ...]:
        return self._fresh().named(owner, prefix)

    def amount(self, owner: str, transfer: str) -> int | None:
        return self._fresh().amount(owner, transfer)

    def insert_account(self, ref: rules.AccountRef, *, currency: str, floor_micros: int | None, at: datetime) -> None:
        self._fresh().insert_account(ref, currency=currency, floor_micros=floor_micros, at=at)
        self._write()

    def insert_transfer(self, transfer: rules.Transfer) -> None:
        self._fresh().insert_transfer(transfer)
        self._write()

    def reserved(self, owner: str, reservation: str) -> tuple[tuple[str, int], ...]:
        return self._fresh().reserved(owner, reservation)

    def held(self, owner: str, reservation: str) -> tuple[Held, ...]:
        return self._fresh().held(owner, reservation)

    def begin(self, owner: str, reservation: str) -> None:
        """Nothing is kept."""

    def _fresh(self) -> memory.MemoryBooks:
        self._memory.forget()
        self._books.forget()
        return self._books

    def _write(self) -> None:
        try:
            self._database.write(self._memory.take(), memory.ORDER)
        except Conflict as error:
            raise memory.named(error) from error
