"""The books in SQLite: every statement of the ledger's hot path, and the names of what the database refuses."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

from cadran.ledger import rules

_ACCOUNT = "SELECT currency, floor_micros, balance_micros, held_micros FROM ledger_account WHERE owner = ? AND name = ?"
_FUNDED = (
    "SELECT name, currency, floor_micros, balance_micros, held_micros FROM ledger_account"
    " WHERE owner = ? AND name >= ? AND name < ? AND balance_micros > 0"
)
_INSERT_ACCOUNT = (
    "INSERT INTO ledger_account (owner, name, currency, floor_micros, balance_micros, held_micros, opened_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_TRANSFER = (
    "INSERT INTO ledger_transfer (owner, transfer, kind, reservation, debit_owner, debit_name, credit_owner, credit_name,"
    " currency, amount_micros, released_micros, at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_HELD = (
    "SELECT kind, debit_owner, debit_name, credit_owner, credit_name, currency, amount_micros"
    " FROM ledger_transfer INDEXED BY ledger_transfer_held"
    " WHERE owner = ? AND reservation = ? AND reservation <> '' ORDER BY transfer"
)
_RESERVED = (
    "SELECT kind, amount_micros FROM ledger_transfer INDEXED BY ledger_transfer_held"
    " WHERE owner = ? AND reservation = ? AND reservation <> '' ORDER BY transfer"
)
_NAMED: dict[str, type[rules.LedgerError]] = {
    "ledger_floor": rules.FloorReached,
    **{
        error.error_id: error
        for error in (
            rules.AccountUnknown,
            rules.AccountDiffers,
            rules.CurrencyMismatch,
            rules.TransferExists,
            rules.ReservationUnknown,
            rules.ReservationResolved,
            rules.AppendOnly,
            rules.PostingForeign,
        )
    },
}
_SENTENCES = {
    rules.FloorReached: "the account does not hold enough: credit it first, or ask for less",
    rules.AccountUnknown: "open both accounts before moving money between them",
    rules.CurrencyMismatch: "both accounts must be of the transfer's currency: convert first, at a stated rate",
    rules.TransferExists: "that transfer was already made: read it instead",
    rules.ReservationUnknown: "nothing like that is held under this reservation",
    rules.ReservationResolved: "this reservation is over: open another",
    rules.AppendOnly: "rows of the books are never altered: add a row that corrects",
}


def text(at: datetime) -> str:
    """An instant as the file keeps it, in UTC, as Django reads it; sorts in order of time."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def instant(kept: str) -> datetime:
    """The reverse of `text`."""
    return datetime.fromisoformat(kept).replace(tzinfo=UTC)


def named(error: sqlite3.IntegrityError) -> Exception:
    """The ledger's own error for what the database refused; the error itself when it has no name."""
    found = _NAMED.get(str(error).rpartition(": ")[2])
    return found(_SENTENCES.get(found, str(error))) if found else error


class SqliteBooks:
    """`ledger.ports.Books` on a connection whose transactions belong to the caller. `written` hears of each transfer."""

    def __init__(
        self, connection: sqlite3.Connection, written: Callable[[rules.Transfer], None] = lambda transfer: None
    ) -> None:
        self._execute = connection.execute
        self._written = written

    def account(self, ref: rules.AccountRef) -> rules.Account | None:
        row = self._execute(_ACCOUNT, (ref.owner, ref.name)).fetchone()
        if row is None:
            return None
        return rules.Account(ref=ref, currency=row[0], floor_micros=row[1], balance_micros=row[2], held_micros=row[3])

    def funded(self, owner: str, prefix: str) -> tuple[rules.Account, ...]:
        rows = self._execute(_FUNDED, (owner, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)))
        return tuple(
            rules.Account(
                ref=rules.AccountRef(owner, name),
                currency=currency,
                floor_micros=floor,
                balance_micros=balance,
                held_micros=held,
            )
            for name, currency, floor, balance, held in rows
        )

    def insert_account(self, ref: rules.AccountRef, *, currency: str, floor_micros: int | None, at: datetime) -> None:
        start = None if floor_micros is None else 0
        self._write(_INSERT_ACCOUNT, (ref.owner, ref.name, currency, floor_micros, start, start, text(at)))

    def insert_transfer(self, transfer: rules.Transfer) -> None:
        row = (
            transfer.owner,
            transfer.transfer,
            transfer.kind.value,
            transfer.reservation,
            transfer.debit.owner,
            transfer.debit.name,
            transfer.credit.owner,
            transfer.credit.name,
            transfer.currency,
            transfer.amount_micros,
            transfer.released_micros,
            text(transfer.at),
            transfer.reason,
        )
        self._write(_INSERT_TRANSFER, row)
        self._written(transfer)

    def reserved(self, owner: str, reservation: str) -> tuple[tuple[str, int], ...]:
        return tuple((kind, micros) for kind, micros in self._execute(_RESERVED, (owner, reservation)))

    def held(self, owner: str, reservation: str) -> tuple[tuple[rules.AccountRef, rules.AccountRef, str, int], ...]:
        found: dict[rules.AccountRef, tuple[rules.AccountRef, str, int]] = {}
        resolved: set[rules.AccountRef] = set()
        for kind, debit_owner, debit_name, credit_owner, credit_name, currency, micros in self._execute(
            _HELD, (owner, reservation)
        ):
            debit, credit = rules.AccountRef(debit_owner, debit_name), rules.AccountRef(credit_owner, credit_name)
            if kind != "pending":
                resolved.add(debit)
            else:
                found[debit] = (credit, currency, micros + (found[debit][2] if debit in found else 0))
        return tuple((debit, *rest) for debit, rest in found.items() if debit not in resolved)

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._execute(statement, values)
        except sqlite3.IntegrityError as error:
            raise named(error) from error
