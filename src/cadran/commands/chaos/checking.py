"""Whether the money's database is right by itself: sums, legs, floors, holds, and each call charged once. From its rows alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cadran.commands.chaos.store import Reader

LOST, DIFFERS, OVERDRAWN, TWICE = "lost", "answer-differs", "overdrawn", "double-charged"
UNBALANCED, HOLD, FORGED, PRICE, GIVEN = "unbalanced", "hold-vanished", "forged", "price-wrong", "given-away"
MOST_TOLD = 200

_SUMS = "SELECT currency, sum(amount_micros) FROM ledger_posting GROUP BY currency"
_FLOORS = (
    "SELECT owner, name, balance_micros, held_micros, floor_micros FROM ledger_account"
    " WHERE floor_micros IS NOT NULL AND balance_micros - held_micros < floor_micros"
)
_HELD = "SELECT coalesce(sum(held_micros), 0) FROM ledger_account WHERE floor_micros IS NOT NULL"
_HELD_BY_CALLS = "SELECT coalesce(sum(held_micros), 0) FROM charging_session WHERE state = 'open'"
_HELD_BY_WITHDRAWALS = (
    "SELECT coalesce(sum(CASE kind WHEN 'pending' THEN amount_micros ELSE -released_micros END), 0) FROM ledger_transfer"
    " WHERE reservation >= 'withdrawal/' AND reservation < 'withdrawal0'"
)
_TRANSFERS = (
    "SELECT owner, transfer, kind, reservation, debit_owner, debit_name, credit_owner, credit_name, currency, amount_micros,"
    " released_micros FROM ledger_transfer"
)
_POSTINGS = "SELECT owner, transfer, leg, account_owner, account_name, currency, amount_micros FROM ledger_posting"
_ACCOUNTS = "SELECT owner, name, balance_micros, held_micros FROM ledger_account WHERE floor_micros IS NOT NULL"
_SESSIONS = (
    "SELECT account, session, state, body, granted_s, final, held_micros, seq, used_s, cdr_id FROM charging_session"
)
_RECORDS = (
    "SELECT account, cdr_id, session, charged_s, charge_micros, currency, ended_by, corrects, body"
    " FROM charging_cdr ORDER BY position"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that cannot be. code: one of those above; where: the account, call, key or transfer."""

    code: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.what}"


@dataclass(slots=True)
class Findings:
    """What was found. The first faults are told, all are counted."""

    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    sums: dict[str, int] = field(default_factory=dict)

    def add(self, code: str, where: str, what: str) -> None:
        self.counts[code] += 1
        if len(self.faults) < MOST_TOLD:
            self.faults.append(Fault(code, where, what))


@dataclass(slots=True)
class Reservation:
    """What was held under a reservation, let go, and taken for good."""

    held: int = 0
    released: int = 0
    posted: int = 0
    transfers: list[str] = field(default_factory=list)

    @property
    def open_micros(self) -> int:
        return self.held - self.released


@dataclass(frozen=True, slots=True)
class Session:
    """A call as the database has it. request, decision: as its body holds them."""

    account: str
    state: str
    request: dict[str, Any]
    decision: dict[str, Any]
    first_granted_s: int | None
    granted_s: int | None
    limit_s: int | None
    limit_clause: str
    held_micros: int
    used_s: int
    cdr_id: str


@dataclass(frozen=True, slots=True)
class Record:
    """A call record. measured_ms, sip_code, transfers: from its body."""

    account: str
    cdr_id: str
    session: str
    charged_s: int
    charge_micros: int
    currency: str
    ended_by: str
    corrects: str
    measured_ms: int
    sip_code: int
    transfers: tuple[str, ...]
    owed_micros: int
    returned_micros: int


@dataclass(slots=True)
class Database:
    """The rows that proofs need, in memory. records: the original of each call; further: corrections by their id."""

    reservations: dict[tuple[str, str], Reservation] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    further: dict[tuple[str, str], Record] = field(default_factory=dict)
    revenue: Counter[str] = field(default_factory=Counter)


def at_rest(reader: Reader) -> list[str]:
    """What must hold at every instant, also right after a kill: floors, sums of zero, holds equal to what is open."""
    findings = Findings()
    _sums(reader, findings)
    _floors(reader, findings)
    held, calls, withdrawals = (int(reader.one(query)) for query in (_HELD, _HELD_BY_CALLS, _HELD_BY_WITHDRAWALS))
    if held != calls + withdrawals:
        findings.add(
            HOLD, "all accounts", f"{held} micros are held, {calls} by open calls and {withdrawals} by withdrawals"
        )
    return [str(fault) for fault in findings.faults]


def check(reader: Reader, findings: Findings) -> Database:
    """Go through all of the database; what is found is added to `findings`."""
    database = Database()
    _sums(reader, findings)
    _floors(reader, findings)
    _books(reader, findings, database)
    _sessions(reader, findings, database)
    _records(reader, findings, database)
    _charged_once(findings, database)
    return database


def _sums(reader: Reader, findings: Findings) -> None:
    findings.sums = {str(currency): int(total) for currency, total in reader.rows(_SUMS)}
    for currency, total in findings.sums.items():
        if total:
            findings.add(UNBALANCED, currency, f"all postings sum to {total} micros, not 0")


def _floors(reader: Reader, findings: Findings) -> None:
    for owner, name, balance, held, floor in reader.rows(_FLOORS):
        findings.add(OVERDRAWN, f"{owner}:{name}", f"{balance} micros less {held} held is below the floor of {floor}")


def _books(reader: Reader, findings: Findings, database: Database) -> None:
    """Each transfer with its two legs, each cached balance and hold equal to the journal."""
    legs: dict[tuple[str, str], list[tuple[str, str, str, int]]] = {}
    posted: Counter[tuple[str, str]] = Counter()
    for owner, transfer, _, account_owner, account_name, currency, micros in reader.rows(_POSTINGS):
        legs.setdefault((owner, transfer), []).append((account_owner, account_name, currency, int(micros)))
        posted[account_owner, account_name] += int(micros)
        if account_name.startswith("revenue/"):
            database.revenue[currency] += int(micros)
    pending: Counter[tuple[str, str]] = Counter()
    for owner, transfer, kind, reservation, *sides, currency, micros, released in reader.rows(_TRANSFERS):
        debit, credit = (sides[0], sides[1]), (sides[2], sides[3])
        moved = kind in ("posted", "post")
        expected = sorted([(*debit, currency, -micros), (*credit, currency, micros)]) if moved else []
        if sorted(legs.pop((owner, transfer), [])) != expected:
            findings.add(UNBALANCED, f"{owner}/{transfer}", f"this {kind} does not have its legs in the postings")
        if not reservation:
            continue
        known = database.reservations.setdefault((owner, reservation), Reservation())
        if kind == "pending":
            known.held += micros
            pending[debit] += micros
        else:
            known.released += released
            known.posted += micros
            known.transfers.append(transfer)
            pending[debit] -= released
    for owner, transfer in legs:
        findings.add(UNBALANCED, f"{owner}/{transfer}", "postings of no transfer")
    for owner, name, balance, held in reader.rows(_ACCOUNTS):
        if balance != posted[owner, name]:
            findings.add(UNBALANCED, f"{owner}:{name}", f"balance {balance} kept, {posted[owner, name]} posted")
        if held != pending[owner, name]:
            findings.add(HOLD, f"{owner}:{name}", f"{held} micros kept as held, {pending[owner, name]} in the journal")


def _sessions(reader: Reader, findings: Findings, database: Database) -> None:
    """An open call holds exactly what its reservation holds; a call that is over holds nothing."""
    for account, session, state, body, granted_s, _, held, _, used_s, cdr_id in reader.rows(_SESSIONS):
        known = plain(body)
        database.sessions[session] = Session(
            account=account,
            state=state,
            request=known["request"],
            decision=known["decision"],
            first_granted_s=known["first_granted_s"],
            granted_s=granted_s,
            limit_s=known["limit_s"],
            limit_clause=known["limit_clause"],
            held_micros=held,
            used_s=used_s,
            cdr_id=cdr_id,
        )
        reservation = database.reservations.get((account, session), Reservation())
        expected = held if state == "open" else 0
        if reservation.open_micros != expected:
            findings.add(
                HOLD, session, f"this {state} call holds {expected} micros, its reservation {reservation.open_micros}"
            )
    for account, reservation_key in database.reservations:
        if reservation_key not in database.sessions and not reservation_key.startswith("withdrawal/"):
            findings.add(HOLD, f"{account}/{reservation_key}", "held for a call that the database does not know")


def _records(reader: Reader, findings: Findings, database: Database) -> None:
    for account, cdr_id, session, charged_s, micros, currency, ended_by, corrects, body in reader.rows(_RECORDS):
        known = plain(body)
        record = Record(
            account=account,
            cdr_id=cdr_id,
            session=session,
            charged_s=charged_s,
            charge_micros=micros,
            currency=currency,
            ended_by=ended_by,
            corrects=corrects,
            measured_ms=known["measured_ms"],
            sip_code=known["sip_code"],
            transfers=tuple(known["transfers"]),
            owed_micros=known.get("owed_micros", 0),
            returned_micros=known.get("returned_micros", 0),
        )
        if (charged_s, micros, ended_by) != (known["charged_s"], known["charge_micros"], known["ended_by"]):
            findings.add(FORGED, f"call record {cdr_id}", "its columns say something else than its text")
        if corrects:
            database.further[account, cdr_id] = record
        elif session in database.records:
            findings.add(TWICE, session, f"charged by {database.records[session].cdr_id} and again by {cdr_id}")
        else:
            database.records[session] = record


def _charged_once(findings: Findings, database: Database) -> None:
    """Each call that is over has its record, each record its call, and what was taken for it is what it says, once."""
    for session, known in database.sessions.items():
        if known.state != "open" and (session not in database.records):
            findings.add(LOST, session, f"this {known.state} call has no record")
    latest: dict[tuple[str, str], Record] = {}
    for session, record in database.records.items():
        latest[record.account, record.cdr_id] = record
        owner = database.sessions.get(session)
        if owner is None or owner.account != record.account:
            findings.add(FORGED, f"call record {record.cdr_id}", f"of a call {session} that was never authorised")
            continue
        if owner.state == "open":
            findings.add(FORGED, f"call record {record.cdr_id}", f"the call {session} is still open")
        taken = database.reservations.get((record.account, session), Reservation())
        if taken.posted > record.charge_micros:
            findings.add(TWICE, session, f"{taken.posted} micros were taken, its record says {record.charge_micros}")
        elif taken.posted < record.charge_micros:
            findings.add(FORGED, session, f"its record says {record.charge_micros} micros, {taken.posted} were taken")
        if missing := set(taken.transfers) - set(record.transfers):
            findings.add(TWICE, session, f"taken by transfers that its record does not name: {sorted(missing)[:3]}")
    for record in database.further.values():  # in the order in which they were written
        latest[record.account, record.corrects] = record
    charged: Counter[str] = Counter()
    for record in latest.values():
        charged[record.currency] += record.charge_micros
    for currency in charged.keys() | database.revenue.keys():
        if charged[currency] != database.revenue[currency]:
            findings.add(
                UNBALANCED,
                f"revenue in {currency}",
                f"{database.revenue[currency]} micros in the books, {charged[currency]} in the records",
            )


def plain(value: Any) -> Any:
    """A JSON column, whether the database gives it as text or already read."""
    return json.loads(value) if isinstance(value, str | bytes) else value


def instant(value: Any) -> datetime:
    """An instant, whether the database or a diary gives it as text or already read."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at if at.tzinfo else at.replace(tzinfo=UTC)  # columns of SQLite have no offset: they are UTC
