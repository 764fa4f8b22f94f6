"""Sessions and call records on an SQLite connection whose transactions belong to the caller: each row is written at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from cadran.charging import records, rules
from cadran.charging.adapters import memory
from cadran.charging.adapters.memory import decode_record, decode_session
from cadran.charging.ports import Grant
from cadran.units.sqlite import SqliteConnection
from cadran.units.store import Memory

__all__ = ["SqliteSessions", "decode_record", "decode_session"]


class SqliteSessions:
    """`needs.Sessions`; nothing is kept in memory. `written` hears of each record and its text."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        written: Callable[[records.Record, bytes], None] = lambda record, body: None,
    ) -> None:
        self._database = SqliteConnection(connection)
        self._memory = Memory()
        self._sessions = memory.MemorySessions(self._memory, self._database, written)

    def session(self, session: str) -> rules.Session | None:
        return self._fresh().session(session)

    def open_sessions(self) -> tuple[rules.Session, ...]:
        return self._fresh().open_sessions()

    def insert(self, session: rules.Session) -> None:
        self._fresh().insert(session)
        self._write()

    def change(self, session: rules.Session) -> None:
        self._fresh().change(session)
        self._write()

    def extension(self, account: str, session: str, seq: int) -> tuple[int | None, bool] | None:
        return self._fresh().extension(account, session, seq)

    def insert_extension(self, session: rules.Session, grant: Grant, at: datetime) -> None:
        self._fresh().insert_extension(session, grant, at)
        self._write()

    def record(self, account: str, cdr_id: str) -> records.Record | None:
        return self._fresh().record(account, cdr_id)

    def latest_correction(self, account: str, cdr_id: str) -> records.Record | None:
        return self._fresh().latest_correction(account, cdr_id)

    def insert_record(self, record: records.Record) -> None:
        self._fresh().insert_record(record)
        self._write()

    def _fresh(self) -> memory.MemorySessions:
        self._memory.forget()
        self._sessions.forget()
        return self._sessions

    def _write(self) -> None:
        self._database.write(self._memory.take(), memory.ORDER)
