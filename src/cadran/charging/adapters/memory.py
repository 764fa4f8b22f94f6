"""Sessions and call records in memory while they are not yet on disk, and every statement of charging's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cadran.charging import records, rules
from cadran.charging.ports import AuthoriseCall, ChargeEvent, Grant
from cadran.policy.rules import Decision
from cadran.rating.rules import Rate
from cadran.units.store import Change, Database, Insert, Memory, Row, text

INSERT_SESSION = Insert(
    "charging_session",
    (
        "account",
        "session",
        "state",
        "body",
        "granted_s",
        "final",
        "held_micros",
        "seq",
        "used_s",
        "cdr_id",
        "opened_at",
    ),
    ("text", "text", "text", "text", "integer", "boolean", "bigint", "integer", "integer", "text", "timestamptz"),
)
CHANGE_SESSION = Change(
    "charging_session",
    keys=("account", "session"),
    sets=("state", "granted_s", "final", "held_micros", "seq", "used_s", "cdr_id"),
    adds=(),
    types=("text", "integer", "boolean", "bigint", "integer", "integer", "text", "text", "text"),
)
INSERT_EXTENSION = Insert(
    "charging_extension",
    ("account", "session", "seq", "used_s", "granted_s", "final", "held_micros", "at"),
    ("text", "text", "integer", "integer", "integer", "boolean", "bigint", "timestamptz"),
)
INSERT_CDR = Insert(
    "charging_cdr",
    (
        "account",
        "cdr_id",
        "session",
        "call_id",
        "brand",
        "terms",
        "direction",
        "number_class",
        "destination",
        "authorised_at",
        "answered_at",
        "ended_at",
        "disposition",
        "ended_by",
        "charged_s",
        "charge_micros",
        "currency",
        "clause",
        "loss_s",
        "loss_micros",
        "corrects",
        "body",
        "family",
        "via",
    ),
    (
        "text",
        "text",
        "text",
        "text",
        "text",
        "text",
        "text",
        "text",
        "text",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "text",
        "text",
        "integer",
        "bigint",
        "text",
        "text",
        "integer",
        "bigint",
        "text",
        "text",
        "text",
        "text",
    ),
)
ORDER = (INSERT_SESSION, CHANGE_SESSION, INSERT_EXTENSION, INSERT_CDR)

_COLUMNS = "state, body, granted_s, final, held_micros, seq, used_s, cdr_id"
_SESSION = f"SELECT {_COLUMNS} FROM charging_session WHERE session = ?"  # noqa: S608
_SESSIONS = f"SELECT session, {_COLUMNS} FROM charging_session WHERE session = ANY(?)"  # noqa: S608
_OPEN = f"SELECT {_COLUMNS} FROM charging_session WHERE state = 'open'"  # noqa: S608
_EXTENSION = "SELECT granted_s, final FROM charging_extension WHERE account = ? AND session = ? AND seq = ?"
_RECORD = "SELECT body FROM charging_cdr WHERE account = ? AND cdr_id = ?"
_LATEST_CORRECTION = (
    "SELECT body FROM charging_cdr WHERE account = ? AND corrects = ? AND corrects <> '' ORDER BY position DESC LIMIT 1"
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


def decode_session(row: Row) -> rules.Session:
    """A session from its columns: state, body, granted_s, final, held_micros, seq, used_s, cdr_id."""
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


class MemorySessions:
    """`needs.Sessions`. The open ones are kept by `Calls`; what is over, granted or recorded is kept here until it is on disk.

    Changes are undone and taken with `memory`. `written` hears of each record and its text.
    """

    def __init__(
        self,
        memory: Memory,
        database: Database,
        written: Callable[[records.Record, bytes], None] = lambda record, body: None,
    ) -> None:
        self._memory = memory
        self._rows = database.rows
        self._written = written
        self._far = database.far
        self._asked: dict[str, rules.Session | None] = {}
        self._over: dict[str, rules.Session] = {}
        self._extensions: dict[tuple[str, int], tuple[int | None, bool]] = {}
        self._records: dict[tuple[str, str], records.Record] = {}
        self._corrections: dict[tuple[str, str], records.Record] = {}

    def forget(self) -> None:
        """Read everything afresh. Nothing may wait to be written."""
        self._asked.clear()
        for known in (self._over, self._extensions, self._records, self._corrections):
            known.clear()

    def session(self, session: str) -> rules.Session | None:
        if (known := self._over.get(session)) is not None:
            return known
        if session in self._asked:
            return self._asked[session]
        rows = self._rows(_SESSION, (session,))
        return decode_session(rows[0]) if rows else None

    def ask(self, sessions: list[str]) -> None:
        """Ask for the sessions of the batch that begins, all at once where each question would cost a journey."""
        self._asked.clear()
        if self._far and len(sessions) > 1:
            self._asked.update(dict.fromkeys(sessions))
            for row in self._rows(_SESSIONS, (sessions,)):
                self._asked[row[0]] = decode_session(row[1:])

    def open_sessions(self) -> tuple[rules.Session, ...]:
        return tuple(decode_session(row) for row in self._rows(_OPEN))

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
        asked = session.request
        row = (
            asked.account,
            asked.session,
            session.state,
            _encode(body).decode(),
            *_changing(session)[1:],
            text(asked.at),
        )
        self._memory.insert(INSERT_SESSION, row)
        self._keep_if_over(session)

    def change(self, session: rules.Session) -> None:
        asked = session.request
        self._memory.change(CHANGE_SESSION, (asked.account, asked.session), _changing(session))
        self._keep_if_over(session)

    def extension(self, account: str, session: str, seq: int) -> tuple[int | None, bool] | None:
        if (known := self._extensions.get((session, seq))) is not None:
            return known
        rows = self._rows(_EXTENSION, (account, session, seq))
        return (rows[0][0], bool(rows[0][1])) if rows else None

    def insert_extension(self, session: rules.Session, grant: Grant, at: datetime) -> None:
        asked = session.request
        row = (
            asked.account,
            asked.session,
            session.seq,
            session.used_s,
            grant.granted_s,
            grant.final,
            session.held_micros,
            text(at),
        )
        self._memory.insert(INSERT_EXTENSION, row)
        key = asked.session, session.seq
        self._memory.put(self._extensions, key, (grant.granted_s, grant.final))
        self._memory.pass_on(self._extensions, key)

    def record(self, account: str, cdr_id: str) -> records.Record | None:
        if (known := self._records.get((account, cdr_id))) is not None:
            return known
        rows = self._rows(_RECORD, (account, cdr_id))
        return _decode_record(rows[0][0]) if rows else None

    def latest_correction(self, account: str, cdr_id: str) -> records.Record | None:
        if (known := self._corrections.get((account, cdr_id))) is not None:
            return known
        rows = self._rows(_LATEST_CORRECTION, (account, cdr_id))
        return _decode_record(rows[0][0]) if rows else None

    def insert_record(self, record: records.Record) -> None:
        body = _encode(record)
        self._memory.insert(INSERT_CDR, _record_row(record, body.decode()))
        key = record.account, record.cdr_id
        self._memory.put(self._records, key, record)
        self._memory.pass_on(self._records, key)
        if record.corrects:
            key = record.account, record.corrects
            self._memory.put(self._corrections, key, record)
            self._memory.pass_on(self._corrections, key)
        self._written(record, body)

    def _keep_if_over(self, session: rules.Session) -> None:
        if session.state != rules.OPEN:
            key = session.request.session
            self._memory.put(self._over, key, session)
            self._memory.pass_on(self._over, key)


def _changing(session: rules.Session) -> Row:
    return (
        session.state,
        session.granted_s,
        session.final,
        session.held_micros,
        session.seq,
        session.used_s,
        session.cdr_id,
    )


def _record_row(record: records.Record, body: str) -> Row:
    return (
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
        body,
        record.family,
        record.via,
    )
