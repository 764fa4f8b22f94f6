"""What redemption needs from outside: somewhere to give the credit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cadran.units.errors import CadranError


class CreditRefused(CadranError):
    """The credit cannot be given to that account: nothing was given, and the voucher stays good."""

    error_id = "vouchers-credit-refused"


class CreditUnknown(CadranError):
    """Nothing is known of the credit: it is tried again with the same key."""

    error_id = "vouchers-credit-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherCredit:
    """Credit to give for a voucher: once for each key, whatever is repeated."""

    key: str
    account: str
    terms: str
    amount_micros: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """expires_at: the first instant at which that credit is no longer valid; balance_micros: all of the account's free credit then."""

    expires_at: datetime
    balance_micros: int


class Credits(Protocol):
    """Gives credit for vouchers; charging.vouchers has the one over the charging service."""

    def credit_voucher(self, request: VoucherCredit) -> Given:
        """Raises CreditRefused, CreditUnknown."""
        ...
