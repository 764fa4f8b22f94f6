"""What the books hold: accounts, transfers, and the name of each way in which a transfer can fail.

A transfer moves an amount from its debit account to its credit account. Kinds:

- `posted`: at once.
- `pending`: only holds the amount on the debit account, under a reservation.
- `post`: resolves a reservation: the amount is posted, the rest of what was held is released.
- `void`, `expire`: resolve a reservation: all of what was held is released, because it was given up, or because its time was over.

Resolving adds a row and edits none. A reservation may be held in several steps and on several accounts; each account of it is
resolved once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from cadran.units import money
from cadran.units.errors import CadranError, InvalidInput
from cadran.units.ids import checked_key
from cadran.units.money import MAX_MICROS
from cadran.units.period import utc


class LedgerError(CadranError):
    """A transfer that the books do not take; nothing was written."""

    error_id = "ledger-error"


class AccountUnknown(LedgerError):
    """The debit or the credit account does not exist."""

    error_id = "ledger-account-unknown"


class AccountDiffers(LedgerError):
    """An account of that name exists with another currency or floor."""

    error_id = "ledger-account-differs"


class CurrencyMismatch(LedgerError):
    """The two accounts and the transfer are not of one currency."""

    error_id = "ledger-currency-mismatch"


class FloorReached(LedgerError):
    """The debit account would fall below its floor, what is held counted."""

    error_id = "ledger-floor-reached"


class TransferExists(LedgerError):
    """The transfer's id is taken."""

    error_id = "ledger-transfer-exists"


class ReservationUnknown(LedgerError):
    """Nothing is held under that reservation on that account."""

    error_id = "ledger-reservation-unknown"


class ReservationResolved(LedgerError):
    """The reservation was already posted, voided or expired on that account."""

    error_id = "ledger-reservation-resolved"


class PostExceedsHold(LedgerError):
    """More would be posted than was held."""

    error_id = "ledger-post-exceeds-hold"


class AppendOnly(LedgerError):
    """Rows of the books are never altered or deleted: add a row that corrects."""

    error_id = "ledger-append-only"


class PostingForeign(LedgerError):
    """A posting that is no leg of a transfer."""

    error_id = "ledger-posting-foreign"


class InvalidTransfer(InvalidInput):
    """A transfer whose amount, accounts or reservation make no sense."""

    error_id = "ledger-transfer-invalid"


class Kind(StrEnum):
    """What a transfer does; see the module."""

    POSTED = "posted"
    PENDING = "pending"
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"


RESOLVING = frozenset({Kind.POST, Kind.VOID, Kind.EXPIRE})


class AccountRef(msgspec.Struct, frozen=True):
    """Which account: its owner (a customer's billing account, or `house/<brand>`) and its name with that owner."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}:{self.name}"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the books have it.

    floor_micros: the balance less what is held never goes below it; None for accounts of the operator's income and the
    like, which keep no cached balance, so that no row is written by every call.
    """

    ref: AccountRef
    currency: str
    floor_micros: int | None
    balance_micros: int | None
    held_micros: int | None

    @property
    def available_micros(self) -> int:
        """What may still be moved or held. Only accounts with a floor have it."""
        assert self.balance_micros is not None
        assert self.held_micros is not None
        assert self.floor_micros is not None
        return self.balance_micros - self.held_micros - self.floor_micros


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the journal. `owner` is the customer's account under whose key it lies; ids are unique for each owner, and those of a
    reservation begin with its name and a colon.

    released_micros: for resolving kinds, all that was held under the reservation on the debit account.
    """

    owner: str
    transfer: str
    kind: Kind
    debit: AccountRef
    credit: AccountRef
    currency: str
    amount_micros: int
    at: datetime
    reason: str
    reservation: str = ""
    released_micros: int = 0


def checked(transfer: Transfer) -> Transfer:
    """The transfer itself if it makes sense by itself. Raises InvalidTransfer, InvalidKey, InvalidMoney or InvalidPeriod."""
    checked_key(transfer.owner)
    checked_key(transfer.transfer)
    money.check(transfer.amount_micros, transfer.currency)
    utc(transfer.at)
    resolving = transfer.kind in RESOLVING
    least = 0 if resolving else 1
    if not least <= transfer.amount_micros <= MAX_MICROS:
        raise InvalidTransfer(
            f"a {transfer.kind} transfer moves at least {least} micro-unit, not {transfer.amount_micros}"
        )
    if transfer.debit == transfer.credit:
        raise InvalidTransfer(f"a transfer needs two accounts, not {transfer.debit} twice")
    if bool(transfer.reservation) != (resolving or transfer.kind is Kind.PENDING):
        raise InvalidTransfer(
            f"a {transfer.kind} transfer must {'not ' if transfer.reservation else ''}name a reservation"
        )
    if transfer.reservation and not transfer.transfer.startswith(transfer.reservation + ":"):
        raise InvalidTransfer(f"a transfer of the reservation {transfer.reservation} is named after it, with a colon")
    if transfer.kind in (Kind.VOID, Kind.EXPIRE) and transfer.amount_micros:
        raise InvalidTransfer(f"a {transfer.kind} transfer posts nothing")
    if transfer.amount_micros > transfer.released_micros and transfer.kind is Kind.POST:
        raise PostExceedsHold(f"{transfer.released_micros} micros are held, {transfer.amount_micros} cannot be posted")
    return transfer
