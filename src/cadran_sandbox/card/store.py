"""What the provider remembers: sessions, payment intents, refunds and cards on file by their ids, idempotency keys and webhooks to
send, in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists session(id text primary key, body text not null);
create table if not exists idempotency(key text primary key, request text not null, session text not null);
create table if not exists webhook(id text primary key, body text not null, due real not null, attempts integer not null default 0,
  delivered integer not null default 0);
"""
MAX_ATTEMPTS = 8


class Store:
    """One provider's state. Thread-safe: each call is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript("pragma journal_mode=wal;" + SCHEMA)

    def replay(self, key: str, request: Mapping[str, object]) -> dict[str, Any] | None:
        """What this idempotency key made, or None. Raises ValueError when the request differs."""
        with self._lock:
            row = self._db.execute("select request, session from idempotency where key = ?", (key,)).fetchone()
        if row is None:
            return None
        if json.loads(row[0]) != dict(request):
            raise ValueError("this idempotency key was used with other parameters")
        return self.read(row[1])

    def create(self, session: Mapping[str, Any], key: str, request: Mapping[str, object]) -> None:
        with self._lock:
            self._db.execute("begin immediate")
            self._db.execute("insert into session values(?, ?)", (session["id"], json.dumps(session)))
            if key:
                self._db.execute("insert into idempotency values(?, ?, ?)", (key, json.dumps(request), session["id"]))
            self._db.execute("commit")

    def read(self, session_id: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute("select body from session where id = ?", (session_id,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def change(self, session_id: str, expected: str, **fields: object) -> dict[str, Any] | None:
        """Set fields if the session's status is `expected`; the new session, or None when it is not."""
        with self._lock:
            self._db.execute("begin immediate")
            row = self._db.execute("select body from session where id = ?", (session_id,)).fetchone()
            session = None if row is None else dict(json.loads(row[0]))
            if session is None or session["status"] != expected:
                self._db.execute("rollback")
                return None
            session.update(fields)
            self._db.execute("update session set body = ? where id = ?", (json.dumps(session), session_id))
            self._db.execute("commit")
            return session

    def queue_webhook(self, event: Mapping[str, Any], due: float, *, copies: int = 1) -> None:
        with self._lock:
            for copy in range(copies):
                self._db.execute(
                    "insert into webhook(id, body, due) values(?, ?, ?)",
                    (f"{event['id']}#{copy}", json.dumps(event), due + copy),
                )

    def due_webhooks(self, now: float) -> list[tuple[str, str, int]]:
        with self._lock:
            return self._db.execute(
                "select id, body, attempts from webhook where delivered = 0 and attempts < ? and due <= ? order by due limit 50",
                (MAX_ATTEMPTS, now),
            ).fetchall()

    def webhook_done(self, webhook_id: str) -> None:
        with self._lock:
            self._db.execute("update webhook set delivered = 1 where id = ?", (webhook_id,))

    def webhook_failed(self, webhook_id: str, due: float) -> None:
        with self._lock:
            self._db.execute("update webhook set attempts = attempts + 1, due = ? where id = ?", (due, webhook_id))
