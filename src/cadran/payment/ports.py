"""What payment needs from outside: a card provider with a hosted page, and a source of bank statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cadran.units.errors import CadranError


class ProviderUncertain(CadranError):
    """The provider did not answer: the request may or may not have been done. Send the same key again."""

    error_id = "payment-provider-uncertain"


class ProviderRefused(CadranError):
    """The provider answered that it will not do it."""

    error_id = "payment-provider-refused"


class ForgedNotice(CadranError):
    """A notice whose signature is not the provider's, or too old."""

    error_id = "payment-notice-forged"


@dataclass(frozen=True, slots=True)
class Checkout:
    """An open card page: the provider's reference and where to send the customer."""

    provider_ref: str
    url: str


@dataclass(frozen=True, slots=True)
class CheckoutStatus:
    """What the provider says of a checkout: state is open, paid or expired."""

    provider_ref: str
    state: str
    amount_micros: int
    currency: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A signed message of the provider: a hint to read the status again, never a fact by itself."""

    notice_id: str
    kind: str
    provider_ref: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A booked credit of a bank statement. `bank_reference` is unique at the bank."""

    bank_reference: str
    amount_micros: int
    currency: str
    remittance: str
    debtor: str
    booked_at: datetime


class CardProvider(Protocol):
    """Every method may raise ProviderUncertain (time-out, broken line) and ProviderRefused."""

    def open_checkout(
        self, *, key: str, amount_micros: int, currency: str, description: str, success_url: str, cancel_url: str
    ) -> Checkout: ...
    def status(self, provider_ref: str) -> CheckoutStatus: ...
    def expire(self, provider_ref: str) -> CheckoutStatus: ...
    def read_notice(self, payload: bytes, signature: str) -> Notice | None:
        """The notice, or None for a kind that does not concern us. Raises ForgedNotice."""
        ...


class StatementSource(Protocol):
    """Booked credits newer than the last one seen; the same credit may come again."""

    def receipts(self, *, after: str) -> Iterable[Receipt]: ...
