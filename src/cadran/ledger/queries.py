"""Reads of the books."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from cadran.ledger import models, rules


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
    holds that differ from the journal, floors passed. Empty when all is right."""
    faults = [
        Fault(where=currency, what=f"postings sum to {total}, not 0") for currency, total in sums().items() if total
    ]
    balances: dict[tuple[str, str], int] = {}
    legs_of: dict[tuple[str, str], list[int]] = {}
    for posting in models.Posting.objects.iterator(chunk_size=5000):
        key = (posting.account_owner, posting.account_name)
        balances[key] = balances.get(key, 0) + posting.amount_micros
        legs_of.setdefault((posting.owner, posting.transfer), []).append(posting.amount_micros)
    held: dict[tuple[str, str], int] = {}
    for row in models.Transfer.objects.iterator(chunk_size=5000):
        debit = (row.debit_owner, row.debit_name)
        held[debit] = held.get(debit, 0) + (row.amount_micros if row.kind == "pending" else -row.released_micros)
        wanted = sorted((-row.amount_micros, row.amount_micros)) if row.kind in ("posted", "post") else []
        if sorted(legs_of.get((row.owner, row.transfer), [])) != wanted:
            faults.append(Fault(where=f"{row.owner}:{row.transfer}", what="does not have its two legs"))
    for account in models.Account.objects.exclude(floor_micros=None).iterator(chunk_size=5000):
        key, where = (account.owner, account.name), f"{account.owner}:{account.name}"
        assert account.balance_micros is not None
        assert account.held_micros is not None
        assert account.floor_micros is not None
        if account.balance_micros != balances.get(key, 0):
            faults.append(
                Fault(where=where, what=f"balance {account.balance_micros} kept, {balances.get(key, 0)} posted")
            )
        if account.held_micros != held.get(key, 0):
            faults.append(Fault(where=where, what=f"{account.held_micros} kept as held, {held.get(key, 0)} pending"))
        if account.balance_micros - account.held_micros < account.floor_micros:
            faults.append(Fault(where=where, what="below its floor"))
    return tuple(faults)


def cached_balances(owner: str, prefix: str) -> dict[str, tuple[int, int]]:
    """Balance and held in micros of the owner's accounts with a floor whose name starts with `prefix`, by name."""
    rows = models.Account.objects.filter(owner=owner, name__startswith=prefix).exclude(floor_micros=None)
    return {row.name: (row.balance_micros or 0, row.held_micros or 0) for row in rows}
