"""The books, for staff: accounts of an owner, the journal newest first, one transfer with its legs. Each page is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, router

from cadran.ledger import models
from cadran.ledger.adapters.sqlite import instant, text

MAX_ROWS = 500
WINDOW = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the books. balance and held are None where none is kept: the operator's own accounts."""

    owner: str
    name: str
    currency: str
    floor_micros: int | None
    balance_micros: int | None
    held_micros: int | None
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One line of the journal: an amount from debit to credit. kind: posted | pending | post | void | expire."""

    owner: str
    transfer: str
    kind: str
    reservation: str
    debit: str
    credit: str
    currency: str
    amount_micros: int
    released_micros: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the last transfer's instant, owner and id."""

    at: datetime
    owner: str
    transfer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One page of the journal and from where to go on."""

    transfers: tuple[Transfer, ...]
    further: Place | None


_COLUMNS = (
    "owner, transfer, kind, reservation, debit_owner, debit_name, credit_owner, credit_name, currency, amount_micros,"
    " released_micros, at, reason"
)


def accounts(owner: str, *, limit: int = MAX_ROWS) -> tuple[Account, ...]:
    """The accounts of an owner (a billing account, or house/<brand>), by name."""
    rows = models.Account.objects.filter(owner=owner).order_by("name")[: min(limit, MAX_ROWS)]
    return tuple(
        Account(
            owner=row.owner,
            name=row.name,
            currency=row.currency,
            floor_micros=row.floor_micros,
            balance_micros=row.balance_micros,
            held_micros=row.held_micros,
            opened_at=row.opened_at,
        )
        for row in rows
    )


def journal(
    *,
    owner: str = "",
    kind: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    after: Place | None = None,
    limit: int = 50,
) -> Journal:
    """Transfers, the newest first, from `after` on back in time; of one owner or of all. Of one owner all are gone through (at most
    WINDOW of the newest); of all owners the index of time is walked."""
    limit = min(limit, MAX_ROWS)
    conditions, values = list[str](), list[Any]()
    for condition, value in (("owner = %s", owner), ("kind = %s", kind)):
        if value:
            conditions.append(condition)
            values.append(value)
    for condition, given in (("at >= %s", since), ("at < %s", until)):
        if given is not None:
            conditions.append(condition)
            values.append(text(given))
    if after is not None:
        conditions.append("at <= %s AND (at < %s OR (owner, transfer) < (%s, %s))")
        values += [text(after.at), text(after.at), after.owner, after.transfer]
    source = "ledger_transfer" if owner else "ledger_transfer INDEXED BY ledger_transfer_when"
    if kind and not owner:
        source = f"(SELECT * FROM {source} ORDER BY at DESC LIMIT {WINDOW}) AS newest"  # noqa: S608 - constants
    statement = (
        f"SELECT {_COLUMNS} FROM {source} WHERE {' AND '.join(conditions or ['1 = 1'])}"  # noqa: S608 - constants
        f" ORDER BY at DESC, owner DESC, transfer DESC LIMIT {limit + 1}"
    )
    rows = _rows(statement, values)
    found = tuple(_transfer(row) for row in rows[:limit])
    further = Place(found[-1].at, found[-1].owner, found[-1].transfer) if len(rows) > limit else None
    return Journal(transfers=found, further=further)


def transfer(owner: str, transfer_id: str) -> Transfer | None:
    """One line of the journal, or None."""
    rows = _rows(f"SELECT {_COLUMNS} FROM ledger_transfer WHERE owner = %s AND transfer = %s", [owner, transfer_id])  # noqa: S608
    return _transfer(rows[0]) if rows else None


def _transfer(row: Sequence[Any]) -> Transfer:
    return Transfer(
        owner=row[0],
        transfer=row[1],
        kind=row[2],
        reservation=row[3],
        debit=f"{row[4]}:{row[5]}",
        credit=f"{row[6]}:{row[7]}",
        currency=row[8],
        amount_micros=row[9],
        released_micros=row[10],
        at=instant(row[11]),
        reason=row[12],
    )


def _rows(statement: str, values: Sequence[Any]) -> list[Any]:
    with connections[router.db_for_read(models.Transfer)].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
