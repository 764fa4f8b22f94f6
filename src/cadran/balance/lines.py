"""Credit lines: what an account may owe beside the credit that it bought, for postpaid customers and limits of security.

A line is an account of the ledger whose floor lies below zero by the limit: the database itself refuses one micro-unit more. A floor
never changes, so another limit opens another line, which takes the debt over; only the newest one counts. Credit bought is used first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.balance import operations, ports
from cadran.ledger import operations as ledger
from cadran.ledger.ports import Books
from cadran.ledger.rules import Account, AccountRef
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key
from cadran.units.money import Money


class LineDiffers(CadranError):
    """The key was used for another limit or repayment."""

    error_id = "balance-line-differs"


class LineHeld(CadranError):
    """Calls in progress hold on the present line."""

    error_id = "balance-line-held"


class LineExceeded(CadranError):
    """More is owed than the new limit allows."""

    error_id = "balance-line-exceeded"


class LineUnknown(CadranError):
    """The account has no line, or owes less than would be repaid."""

    error_id = "balance-line-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """limit_micros: the most that may be owed; owed_micros: what is owed; held_micros: what calls hold beyond that."""

    limit_micros: int
    owed_micros: int
    held_micros: int


def line(books: Books, *, owner: str) -> Line | None:
    """The owner's line; None for who pays before."""
    found = operations.line_account(books, owner)
    return None if found is None else _line(found)


def set_limit(store: ports.Buckets, books: Books, *, owner: str, key: str, limit_micros: int, at: datetime) -> Line:
    """Let the owner owe that much, or nothing more (0). Idempotent by key: a repeated one gives the line as it is.

    Raises WalletUnknown, LineDiffers, LineHeld, LineExceeded.
    """
    found = operations.wallet(store, owner)
    limit = Money(limit_micros, found.currency).micros
    if limit < 0:
        raise LineExceeded(f"a limit is zero or above, not {limit_micros} micros")
    known = operations.line_account(books, owner)
    for account in books.named(owner, operations.LINE):
        if account.ref.name.partition("/")[2].partition("/")[2] == checked_key(key):
            if account.floor_micros != -limit:
                raise LineDiffers(f"{key} set another limit: use a new key")
            return _line(known or account)
    number = 1
    owed = 0
    if known is not None:
        if known.held_micros:
            raise LineHeld(f"calls of {owner} hold on its line: set the limit when they are over")
        owed = -(known.balance_micros or 0)
        number = int(known.ref.name.split("/")[1]) + 1
    if owed > limit:
        raise LineExceeded(f"{owner} owes {owed} micros: the limit cannot be below that")
    ref = AccountRef(owner, f"{operations.LINE}{number:06d}/{key}")
    ledger.open_account(books, ref=ref, currency=found.currency, at=at, floor_micros=-limit)
    if owed and known is not None:
        ledger.post(
            books,
            owner=owner,
            transfer=f"line/{key}",
            debit=ref,
            credit=known.ref,
            currency=found.currency,
            amount_micros=owed,
            at=at,
            reason="line",
        )
    opened = operations.line_account(books, owner)
    assert opened is not None
    return _line(opened)


def repay(
    store: ports.Buckets, books: Books, *, owner: str, key: str, amount_micros: int, means: str, at: datetime
) -> Line:
    """Take a payment for what is owed. Idempotent by key. Raises WalletUnknown, LineUnknown, LineDiffers."""
    found = operations.wallet(store, owner)
    transfer = f"repayment/{checked_key(key)}"
    known = operations.line_account(books, owner)
    if (made := books.amount(owner, transfer)) is not None:
        if made != amount_micros:
            raise LineDiffers(f"{key} repaid {made} micros: use a new key for another payment")
        assert known is not None
        return _line(known)
    if known is None or not 0 < amount_micros <= -(known.balance_micros or 0):
        owed = 0 if known is None else -(known.balance_micros or 0)
        raise LineUnknown(f"{owner} owes {owed} micros: repay that much at most, and sell credit for the rest")
    source = operations.house(found.brand, f"payments/{checked_key(means)}", found.currency)
    ledger.open_account(books, ref=source, currency=found.currency, at=at)
    ledger.post(
        books,
        owner=owner,
        transfer=transfer,
        debit=source,
        credit=known.ref,
        currency=found.currency,
        amount_micros=amount_micros,
        at=at,
        reason="repayment",
    )
    repaid = operations.line_account(books, owner)
    assert repaid is not None
    return _line(repaid)


def _line(account: Account) -> Line:
    return Line(
        limit_micros=-(account.floor_micros or 0),
        owed_micros=-(account.balance_micros or 0),
        held_micros=account.held_micros or 0,
    )
