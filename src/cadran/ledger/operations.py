"""Writes to the books. Each runs inside the transaction of whoever calls it, and raises before anything is half done."""

from __future__ import annotations

from datetime import datetime

from cadran.ledger import ports, rules
from cadran.units.ids import checked_key
from cadran.units.money import Money
from cadran.units.period import utc


def open_account(
    books: ports.Books, *, ref: rules.AccountRef, currency: str, at: datetime, floor_micros: int | None = None
) -> None:
    """Open an account; opening it again changes nothing. Raises AccountDiffers if it exists with another currency or floor."""
    checked_key(ref.owner)
    checked_key(ref.name)
    Money(floor_micros or 0, currency)
    known = books.account(ref)
    if known is None:
        books.insert_account(ref, currency=currency, floor_micros=floor_micros, at=utc(at))
    elif (known.currency, known.floor_micros) != (currency, floor_micros):
        raise rules.AccountDiffers(
            f"{ref} exists in {known.currency} with the floor {known.floor_micros}: choose another name"
        )


def post(
    books: ports.Books,
    *,
    owner: str,
    transfer: str,
    debit: rules.AccountRef,
    credit: rules.AccountRef,
    currency: str,
    amount_micros: int,
    at: datetime,
    reason: str,
) -> str:
    """Move an amount at once; returns the transfer's id."""
    row = rules.Transfer(
        owner=owner,
        transfer=transfer,
        kind=rules.Kind.POSTED,
        debit=debit,
        credit=credit,
        currency=currency,
        amount_micros=amount_micros,
        at=at,
        reason=reason,
    )
    books.insert_transfer(rules.checked(row))
    return transfer


def hold(
    books: ports.Books,
    *,
    owner: str,
    transfer: str,
    reservation: str,
    debit: rules.AccountRef,
    credit: rules.AccountRef,
    currency: str,
    amount_micros: int,
    at: datetime,
    reason: str,
) -> str:
    """Hold an amount on the debit account under a reservation; returns the transfer's id."""
    row = rules.Transfer(
        owner=owner,
        transfer=transfer,
        kind=rules.Kind.PENDING,
        reservation=reservation,
        debit=debit,
        credit=credit,
        currency=currency,
        amount_micros=amount_micros,
        at=at,
        reason=reason,
    )
    books.insert_transfer(rules.checked(row))
    return transfer


def resolve(
    books: ports.Books,
    *,
    owner: str,
    reservation: str,
    amount_micros: int,
    at: datetime,
    reason: str,
    unused: rules.Kind = rules.Kind.VOID,
    held: tuple[ports.Held, ...] | None = None,
) -> tuple[str, ...]:
    """Post `amount_micros` of what a reservation holds, account by account in order of holding, and release the rest.

    An account of which nothing is posted is voided (or expired, as `unused` says). Returns the ids of the transfers, which are
    `<reservation>:r1`, `:r2`... held: what `Books.held` said just before, for a caller that asked already.
    Raises ReservationUnknown if nothing is held, PostExceedsHold if less is held than must be posted.
    """
    held = books.held(owner, reservation) if held is None else held
    if not held:
        raise rules.ReservationUnknown(f"nothing is held under {reservation} of {owner}")
    total = sum(micros for *_, micros in held)
    if amount_micros > total:
        raise rules.PostExceedsHold(f"{reservation} holds {total} micros, {amount_micros} cannot be posted")
    ids, left = [], amount_micros
    for number, (debit, credit, currency, micros) in enumerate(held, start=1):
        part = min(left, micros)
        left -= part
        row = rules.Transfer(
            owner=owner,
            transfer=f"{reservation}:r{number}",
            kind=rules.Kind.POST if part else unused,
            reservation=reservation,
            debit=debit,
            credit=credit,
            currency=currency,
            amount_micros=part,
            released_micros=micros,
            at=at,
            reason=reason,
        )
        books.insert_transfer(rules.checked(row))
        ids.append(row.transfer)
    return tuple(ids)
