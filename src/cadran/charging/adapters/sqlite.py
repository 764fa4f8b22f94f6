"""Sessions and call records in SQLite: every statement of charging's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cadran.charging import records, rules
from cadran.charging.ports import AuthoriseCall, ChargeEvent, Grant
from cadran.ledger.adapters.sqlite import text
from cadran.policy.rules import Decision
from cadran.rating.rules import Rate

_SESSION_COLUMNS = "state, body, granted_s, final, held_micros, seq, used_s, cdr_id"
_SESSION = f"SELECT {_SESSION_COLUMNS} FROM charging_session WHERE session = ?"  # noqa: S608
_OPEN = f"SELECT {_SESSION_COLUMNS} FROM charging_session WHERE state = 'open'"  # noqa: S608
_INSERT = (
    "INSERT INTO charging_session (account, session, state, body, granted_s, final, held_micros, seq, used_s, cdr_id, opened_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CHANGE = (
    "UPDATE charging_session SET state = ?, granted_s = ?, final = ?, held_micros = ?, seq = ?, used_s = ?, cdr_id = ?"
    " WHERE account = ? AND session = ?"
)
_REPORT = "UPDATE charging_session SET used_s = ? WHERE account = ? AND session = ?"
_EXTENSION = "SELECT granted_s, final FROM charging_extension WHERE account = ? AND session = ? AND seq = ?"
_INSERT_EXTENSION = (
    "INSERT INTO charging_extension (account, session, seq, used_s, granted_s, final, held_micros, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_RECORD = "SELECT body FROM charging_cdr WHERE account = ? AND cdr_id = ?"
_LATEST_CORRECTION = "SELECT body FROM charging_cdr WHERE account = ? AND corrects = ? ORDER BY position DESC LIMIT 1"
_INSERT_RECORD = (
    "INSERT INTO charging_cdr (account, cdr_id, session, call_id, brand, terms, direction, number_class, destination,"
    " authorised_at, answered_at, ended_at, disposition, ended_by, charged_s, charge_micros, currency, clause, loss_s, loss_micros,"
    " corrects, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """What never changes of a session, as one text."""

    request: AuthoriseCall
    brand: str
    currency: str
    decision: Decision
    rate: Rate | None
    first_granted_s: int | None
    limit_s: int | None
    limit_clause: str
    event: ChargeEvent | None = None


_encode = msgspec.json.Encoder().encode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_record = msgspec.json.Decoder(records.Record).decode


def decode_record(body: str | bytes) -> records.Record:
    """A record from the text kept of it."""
    return _decode_record(body)


def decode_session(row: tuple[str, str, int | None, int, int, int, int, str]) -> rules.Session:
    """A session from its columns: state, body, granted_s, final, held_micros, seq, used_s, cdr_id."""
    return _session(row)


class SqliteSessions:
    """`needs.Sessions` on a connection whose transactions belong to the caller. `written` hears of each record and its text."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        written: Callable[[records.Record, bytes], None] = lambda record, body: None,
    ) -> None:
        self._execute = connection.execute
        self._written = written

    def session(self, session: str) -> rules.Session | None:
        row = self._execute(_SESSION, (session,)).fetchone()
        return None if row is None else _session(row)

    def open_sessions(self) -> tuple[rules.Session, ...]:
        return tuple(_session(row) for row in self._execute(_OPEN))

    def insert(self, session: rules.Session) -> None:
        body = _Body(
            request=session.request,
            brand=session.brand,
            currency=session.currency,
            decision=session.decision,
            rate=session.rate,
            first_granted_s=session.first_granted_s,
            limit_s=session.limit_s,
            limit_clause=session.limit_clause,
            event=session.event,
        )
        row = (
            session.request.account,
            session.request.session,
            session.state,
            _encode(body).decode(),
            session.granted_s,
            session.final,
            session.held_micros,
            session.seq,
            session.used_s,
            session.cdr_id,
            text(session.request.at),
        )
        self._execute(_INSERT, row)

    def change(self, session: rules.Session) -> None:
        row = (
            session.state,
            session.granted_s,
            session.final,
            session.held_micros,
            session.seq,
            session.used_s,
            session.cdr_id,
            session.request.account,
            session.request.session,
        )
        self._execute(_CHANGE, row)

    def report(self, account: str, session: str, used_s: int) -> None:
        self._execute(_REPORT, (used_s, account, session))

    def extension(self, account: str, session: str, seq: int) -> tuple[int | None, bool] | None:
        row = self._execute(_EXTENSION, (account, session, seq)).fetchone()
        return None if row is None else (row[0], bool(row[1]))

    def insert_extension(self, session: rules.Session, grant: Grant, at: datetime) -> None:
        row = (
            session.request.account,
            session.request.session,
            session.seq,
            session.used_s,
            grant.granted_s,
            grant.final,
            session.held_micros,
            text(at),
        )
        self._execute(_INSERT_EXTENSION, row)

    def record(self, account: str, cdr_id: str) -> records.Record | None:
        row = self._execute(_RECORD, (account, cdr_id)).fetchone()
        return None if row is None else _decode_record(row[0])

    def latest_correction(self, account: str, cdr_id: str) -> records.Record | None:
        row = self._execute(_LATEST_CORRECTION, (account, cdr_id)).fetchone()
        return None if row is None else _decode_record(row[0])

    def insert_record(self, record: records.Record) -> None:
        body = _encode(record)
        row = (
            record.account,
            record.cdr_id,
            record.session,
            record.call_id,
            record.brand,
            record.terms,
            record.direction,
            record.number_class,
            record.destination,
            text(record.authorised_at),
            None if record.answered_at is None else text(record.answered_at),
            text(record.ended_at),
            record.disposition,
            record.ended_by,
            record.charged_s,
            record.charge_micros,
            record.currency,
            record.clause,
            record.loss_s,
            record.loss_micros,
            record.corrects,
            body.decode(),
        )
        self._execute(_INSERT_RECORD, row)
        self._written(record, body)


def _session(row: tuple[str, str, int | None, int, int, int, int, str]) -> rules.Session:
    body = _decode_body(row[1])
    return rules.Session(
        request=body.request,
        brand=body.brand,
        currency=body.currency,
        decision=body.decision,
        rate=body.rate,
        first_granted_s=body.first_granted_s,
        limit_s=body.limit_s,
        limit_clause=body.limit_clause,
        event=body.event,
        state=row[0],
        granted_s=row[2],
        final=bool(row[3]),
        held_micros=row[4],
        seq=row[5],
        used_s=row[6],
        cdr_id=row[7],
    )
