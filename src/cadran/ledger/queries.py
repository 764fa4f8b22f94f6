"""Reads of the books."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connections, router
from django.db.models import Q, Sum

from cadran.ledger import models, rules

# What cannot be, and how it is told: each gives an owner, a name and the figures of the sentence.
_CHECKS = (
    (
        """
        SELECT t.owner, t.transfer FROM ledger_transfer AS t
        LEFT JOIN (
            SELECT owner, transfer, count(*) AS legs, sum(amount_micros) AS total, max(amount_micros) AS moved
            FROM ledger_posting GROUP BY owner, transfer
        ) AS p ON p.owner = t.owner AND p.transfer = t.transfer
        WHERE CASE WHEN t.kind IN ('posted', 'post')
            THEN coalesce(p.legs, 0) <> 2 OR p.total <> 0 OR p.moved <> t.amount_micros
            ELSE p.legs IS NOT NULL END
        """,
        "does not have its two legs",
    ),
    (
        """
        SELECT a.owner, a.name, a.balance_micros, coalesce(p.total, 0) FROM ledger_account AS a
        LEFT JOIN (
            SELECT account_owner, account_name, sum(amount_micros) AS total FROM ledger_posting GROUP BY account_owner, account_name
        ) AS p ON p.account_owner = a.owner AND p.account_name = a.name
        WHERE a.floor_micros IS NOT NULL AND a.balance_micros <> coalesce(p.total, 0)
        """,
        "balance {} kept, {} posted",
    ),
    (
        """
        SELECT a.owner, a.name, a.held_micros, coalesce(t.total, 0) FROM ledger_account AS a
        LEFT JOIN (
            SELECT debit_owner, debit_name,
                sum(CASE kind WHEN 'pending' THEN amount_micros ELSE -released_micros END) AS total
            FROM ledger_transfer GROUP BY debit_owner, debit_name
        ) AS t ON t.debit_owner = a.owner AND t.debit_name = a.name
        WHERE a.floor_micros IS NOT NULL AND a.held_micros <> coalesce(t.total, 0)
        """,
        "{} kept as held, {} pending",
    ),
    (
        """
        SELECT owner, name, balance_micros, held_micros, floor_micros FROM ledger_account
        WHERE floor_micros IS NOT NULL AND balance_micros - held_micros < floor_micros
        """,
        "{} less {} held is below its floor of {}",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg of a transfer, as an explanation shows it. amount_micros is signed."""

    transfer: str
    kind: str
    account: str
    currency: str
    amount_micros: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something in the books that cannot be: where, and what."""

    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What one transfer did to an owner's accounts of one kind: amount_micros is what they gained, less than zero when they paid."""

    transfer: str
    at: datetime
    amount_micros: int
    currency: str
    reason: str


def sums() -> dict[str, int]:
    """The sum of all postings of each currency, in micros: zero, always."""
    rows = models.Posting.objects.values_list("currency").annotate(total=Sum("amount_micros")).order_by("currency")
    return {str(currency): int(total) for currency, total in rows}


def legs(owner: str, transfers: Iterable[str]) -> tuple[Leg, ...]:
    """The legs of those transfers of one owner, in order of transfer and leg."""
    wanted = list(transfers)
    journal = {row.transfer: row for row in models.Transfer.objects.filter(owner=owner, transfer__in=wanted)}
    rows = models.Posting.objects.filter(owner=owner, transfer__in=wanted).order_by("transfer", "leg")
    return tuple(
        Leg(
            transfer=row.transfer,
            kind=journal[row.transfer].kind,
            account=f"{row.account_owner}:{row.account_name}",
            currency=row.currency,
            amount_micros=row.amount_micros,
            at=journal[row.transfer].at,
        )
        for row in rows
    )


def posted(ref: rules.AccountRef) -> int:
    """The sum in micros of the postings of one account, whether or not it keeps a cached balance."""
    rows = models.Posting.objects.filter(account_owner=ref.owner, account_name=ref.name)
    return int(rows.aggregate(total=Sum("amount_micros"))["total"] or 0)


def check() -> tuple[Fault, ...]:
    """Go through all the books: currencies that do not sum to zero, transfers without their two legs, cached balances and
    holds that differ from the journal, floors passed. Empty when all is right. The database does the sums."""
    faults = [
        Fault(where=currency, what=f"postings sum to {total}, not 0") for currency, total in sums().items() if total
    ]
    with connections[router.db_for_read(models.Posting)].cursor() as cursor:
        for statement, what in _CHECKS:
            cursor.execute(statement)
            while rows := cursor.fetchmany(1000):
                faults += [Fault(where=f"{owner}:{name}", what=what.format(*figures)) for owner, name, *figures in rows]
    return tuple(faults)


def cached_balances(owner: str, prefix: str) -> dict[str, tuple[int, int]]:
    """Balance and held in micros of the owner's accounts with a floor whose name starts with `prefix`, by name."""
    rows = models.Account.objects.filter(owner=owner, name__startswith=prefix).exclude(floor_micros=None)
    return {row.name: (row.balance_micros or 0, row.held_micros or 0) for row in rows}


def floored(owner: str, prefix: str) -> tuple[tuple[str, int, int, int], ...]:
    """The owner's accounts with a floor whose name starts with `prefix`, by name: name, floor, balance and held in micros."""
    rows = models.Account.objects.filter(owner=owner, name__startswith=prefix).exclude(floor_micros=None)
    return tuple(
        (row.name, row.floor_micros or 0, row.balance_micros or 0, row.held_micros or 0)
        for row in rows.order_by("name")
    )


def movements(
    owner: str, prefix: str, *, before: tuple[datetime, str] | None = None, limit: int = 50
) -> tuple[Movement, ...]:
    """What moved on the owner's accounts whose name starts with `prefix`, newest first, at most `limit` (1000 at most); `before`
    continues after the instant and transfer of the last one seen. Holds are no movement."""
    rows = models.Transfer.objects.filter(owner=owner, kind__in=("posted", "post")).filter(
        Q(debit_owner=owner, debit_name__startswith=prefix) | Q(credit_owner=owner, credit_name__startswith=prefix)
    )
    if before is not None:
        rows = rows.filter(Q(at__lt=before[0]) | Q(at=before[0], transfer__lt=before[1]))
    return tuple(_movement(row, owner, prefix) for row in rows.order_by("-at", "-transfer")[: min(limit, 1000)])


def _movement(row: models.Transfer, owner: str, prefix: str) -> Movement:
    gained = row.credit_owner == owner and row.credit_name.startswith(prefix)
    paid = row.debit_owner == owner and row.debit_name.startswith(prefix)
    return Movement(
        transfer=row.transfer,
        at=row.at,
        amount_micros=(row.amount_micros if gained else 0) - (row.amount_micros if paid else 0),
        currency=row.currency,
        reason=row.reason,
    )


def kept(owner: str, transfer: str) -> tuple[object, ...] | None:
    """Kind, debit, credit, currency, micros posted and released of a transfer as its row holds them, for comparing with evidence."""
    with connections[router.db_for_read(models.Posting)].cursor() as cursor:
        cursor.execute(
            "SELECT kind, debit_owner || ':' || debit_name, credit_owner || ':' || credit_name, currency, amount_micros,"
            " released_micros FROM ledger_transfer WHERE owner = %s AND transfer = %s",
            (owner, transfer),
        )
        found: tuple[object, ...] | None = cursor.fetchone()
    return found
