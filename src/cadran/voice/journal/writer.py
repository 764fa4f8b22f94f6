"""Writes the journal from a thread of its own, in order, many entries a transaction; a full disk or a locked file delays it and
never stops a call. What was not yet written is at most `bound` entries."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import connections, transaction

from cadran.voice import models
from cadran.voice.rules.bindings import Binding, key

log = structlog.get_logger("voice.journal")
ALIAS = "voice"
_BATCH = 256
_RETRY_S = 0.5
Entry = Callable[[], None]
# Four writes a call: by hand, since the ORM would take longer for them than all of the call's SIP.
_KEEP_DIALOG = """INSERT INTO voice_dialog (session, body, used_ms) VALUES (?, ?, 0)
    ON CONFLICT (session) DO UPDATE SET body = excluded.body"""
_KEEP_SETTLEMENT = """INSERT INTO voice_settlement (session, body) VALUES (?, ?)
    ON CONFLICT (session) DO UPDATE SET body = excluded.body"""
_DROP_DIALOG = "DELETE FROM voice_dialog WHERE session = ?"
_DROP_SETTLEMENT = "DELETE FROM voice_settlement WHERE session = ?"
_BEAT = "UPDATE voice_dialog SET used_ms = %s WHERE session = %s"


class Journal:
    """All writes of the SIP process. Every method returns at once; `flush` waits until what came before is on disk."""

    def __init__(self, bound: int = 50_000) -> None:
        self._entries: queue.Queue[Entry | threading.Event | None] = queue.Queue(bound)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # --- registrations ---

    def bindings_changed(
        self, user: str, written: tuple[Binding, ...], removed: tuple[str, ...], wall_offset_s: float
    ) -> None:
        """wall_offset_s: wall clock minus monotonic clock."""

        def write() -> None:
            rows = models.Registration.objects.filter(username=user)
            rows.filter(contact_key__in=[key(one)[:255] for one in removed]).delete()
            for one in written:
                kept = {
                    "contact": one.contact,
                    "source_host": one.source[0],
                    "source_port": one.source[1],
                    "call_id": one.call_id[:255],
                    "cseq": one.cseq,
                    "expires_at": int(one.expires_at + wall_offset_s),
                    "agent": one.agent[:255],
                    "path": list(one.path),
                }
                models.Registration.objects.update_or_create(
                    username=user,
                    contact_key=key(one.contact)[:255],
                    defaults=kept,
                    create_defaults=kept | {"since_at": int(time.time())},
                )

        self._put(write)

    def expired(self, at_wall_s: float) -> None:
        """Forget registrations that are over."""
        self._put(lambda: _delete(models.Registration.objects.filter(expires_at__lte=int(at_wall_s))))

    # --- calls ---

    def answered(self, session: str, body: Mapping[str, Any]) -> None:
        kept = json.dumps(dict(body))
        self._put(lambda: _sql(_KEEP_DIALOG, session, kept))

    def heartbeat(self, used_ms: Mapping[str, int]) -> None:
        """The time measured so far of all answered calls."""
        kept = dict(used_ms)

        def write() -> None:
            with connections[ALIAS].cursor() as cursor:
                cursor.executemany(_BEAT, [(used, session) for session, used in kept.items()])

        self._put(write)

    def ended(self, session: str, settlement: Mapping[str, Any]) -> None:
        """The dialog becomes a settlement, in one transaction."""
        kept = json.dumps(dict(settlement))

        def write() -> None:
            _sql(_DROP_DIALOG, session)
            _sql(_KEEP_SETTLEMENT, session, kept)

        self._put(write)

    def settled(self, session: str) -> None:
        self._put(lambda: _sql(_DROP_SETTLEMENT, session))

    # --- whoever keeps more ---

    def write(self, entry: Entry) -> None:
        """Do it on the journal's thread, in order with the rest; again after a failure, so it must bear to be done twice."""
        self._put(entry)

    # --- the thread ---

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything so far is written; False when that took too long."""
        done = threading.Event()
        self._entries.put(done)
        return done.wait(timeout_s)

    def close(self) -> None:
        self.flush()
        self._entries.put(None)
        self._thread.join(5)

    def _put(self, entry: Entry) -> None:
        try:
            self._entries.put_nowait(entry)
        except queue.Full:
            log.error("journal-full")

    def _run(self) -> None:
        while True:
            batch = [self._entries.get()]
            while len(batch) < _BATCH and batch[-1] is not None:
                try:
                    batch.append(self._entries.get_nowait())
                except queue.Empty:
                    break
            self._write([one for one in batch if one is not None and not isinstance(one, threading.Event)])
            for one in batch:
                if isinstance(one, threading.Event):
                    one.set()
            if None in batch:
                connections[ALIAS].close()
                return

    def _write(self, entries: list[Entry]) -> None:
        """All in one transaction; if that fails, one by one, so that one bad entry does not hold up the others."""
        for attempt in range(5):
            try:
                with transaction.atomic(using=ALIAS):
                    for entry in entries:
                        entry()
                return
            except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever it is, try again
                log.warning("journal-write-failed", attempt=attempt, detail=str(error))
                connections[ALIAS].close()
                time.sleep(_RETRY_S)
        for entry in entries:
            try:
                entry()
            except Exception:
                log.exception("journal-entry-lost")


def _sql(statement: str, *values: str) -> None:
    """On the driver's connection itself, within Django's transaction: its cursor costs as much as SQLite's work."""
    connections[ALIAS].ensure_connection()
    connections[ALIAS].connection.execute(statement, values)


def _delete(rows: Any) -> None:
    rows.delete()


def registrations(now_wall_s: float, wall_offset_s: float) -> list[Binding]:
    """What was registered when the last process ended, with expiry on this process's monotonic clock."""
    return [
        Binding(
            user=row.username,
            contact=row.contact,
            source=(row.source_host, row.source_port),
            call_id=row.call_id,
            cseq=row.cseq,
            expires_at=row.expires_at - wall_offset_s,
            agent=row.agent,
            path=tuple(row.path),
        )
        for row in models.Registration.objects.filter(expires_at__gt=int(now_wall_s))
    ]


def dialogs() -> list[tuple[str, dict[str, Any], int]]:
    """(session, body, last measured milliseconds) of the calls that nobody ended."""
    return [(row.session, dict(row.body), row.used_ms) for row in models.Dialog.objects.all()]


def settlements(limit: int = 500) -> list[tuple[str, dict[str, Any]]]:
    """(session, body) of settlements that charging has not acknowledged."""
    return [(row.session, dict(row.body)) for row in models.Settlement.objects.order_by("pk")[:limit]]
