"""Credit taken back without a call: for a refund to the means of payment, or because staff withdraw what they gave.

First held, so that no call spends it meanwhile; then taken, or released when the refund did not come about. Runs inside the charging
process's transaction.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from cadran.balance import operations, ports, rules
from cadran.ledger import operations as ledger
from cadran.ledger.ports import Books
from cadran.ledger.rules import AccountRef, Kind
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key


class State(StrEnum):
    """Of a withdrawal: its amount is held; it was taken for good; it was given back untouched."""

    HELD = "held"
    TAKEN = "taken"
    RELEASED = "released"


class CreditNotFree(CadranError):
    """Less credit is free than would be taken back; nothing was held."""

    error_id = "balance-credit-not-free"


class WithdrawalDiffers(CadranError):
    """The withdrawal's key was used for another amount, or it is over in another way."""

    error_id = "balance-withdrawal-differs"


class WithdrawalUnknown(CadranError):
    """Nothing was held under that key."""

    error_id = "balance-withdrawal-unknown"


def hold(
    store: ports.Buckets,
    books: Books,
    *,
    owner: str,
    key: str,
    amount_micros: int,
    towards: str,
    bucket: str,
    at: datetime,
) -> State:
    """Hold an amount of the owner's free credit (of one bucket alone where `bucket` names it) for the brand's account `towards`.

    Idempotent by key: returns the state it has reached. Raises WalletUnknown, CreditNotFree, WithdrawalDiffers.
    """
    found = operations.wallet(store, owner)
    reservation = _reservation(key)
    if known := books.reserved(owner, reservation):
        held = sum(micros for kind, micros in known if kind == Kind.PENDING)
        if held != amount_micros:
            raise WithdrawalDiffers(f"{key} withdrew {held} micros: use a new key for another amount")
        return _state(known)
    usable = rules.in_order_of_use(operations.buckets(store, books, owner=owner), at)
    if bucket:
        usable = tuple(one for one in usable if one.bucket == bucket)
    parts = rules.spread(amount_micros, usable)
    if not parts:
        free = sum(one.free_micros for one in usable)
        raise CreditNotFree(f"only {free} micros of this credit are free: withdraw that much at most")
    credit = operations.house(found.brand, checked_key(towards), found.currency)
    ledger.open_account(books, ref=credit, currency=found.currency, at=at)
    for number, part in enumerate(parts):
        ledger.hold(
            books,
            owner=owner,
            transfer=f"{reservation}:h{number:03d}",
            reservation=reservation,
            debit=AccountRef(owner, operations.CREDIT + part.bucket),
            credit=credit,
            currency=found.currency,
            amount_micros=part.micros,
            at=at,
            reason="withdrawal",
        )
    return State.HELD


def end(store: ports.Buckets, books: Books, *, owner: str, key: str, take: bool, at: datetime) -> tuple[State, int]:
    """Take what is held under the key, or release it; returns the state and the micros it was of. Idempotent.

    Released credit whose time is over expires. Raises WithdrawalUnknown, WithdrawalDiffers where it ended in the other way.
    """
    reservation, wanted = _reservation(key), State.TAKEN if take else State.RELEASED
    known = books.reserved(owner, reservation)
    if not known:
        raise WithdrawalUnknown(f"nothing is held under {key}: hold it first")
    amount = sum(micros for kind, micros in known if kind == Kind.PENDING)
    if (state := _state(known)) is State.HELD:
        operations.settle(
            store,
            books,
            owner=owner,
            reservation=reservation,
            amount_micros=amount if take else 0,
            at=at,
            reason="withdrawal",
        )
    elif state is not wanted:
        raise WithdrawalDiffers(f"{key} is {state} already and cannot be {wanted}")
    return wanted, amount


def _reservation(key: str) -> str:
    return f"withdrawal/{checked_key(key)}"


def _state(rows: tuple[tuple[str, int], ...]) -> State:
    kinds = {kind for kind, _ in rows}
    if Kind.POST in kinds:
        return State.TAKEN
    return State.RELEASED if kinds & {Kind.VOID, Kind.EXPIRE} else State.HELD
