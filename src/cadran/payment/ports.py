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


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card that the provider keeps: its tokens and what may be shown of it. `card` is empty while the page is open or was left."""

    provider_ref: str
    state: str
    customer: str = ""
    card: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Charged:
    """A charge of a card on file: state is paid, or pending."""

    provider_ref: str
    state: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund at the provider: state is done, pending or refused."""

    provider_ref: str
    state: str


class CardProvider(Protocol):
    """Every method may raise ProviderUncertain (time-out, broken line) and ProviderRefused."""

    def open_checkout(
        self, *, key: str, amount_micros: int, currency: str, description: str, success_url: str, cancel_url: str
    ) -> Checkout: ...
    def status(self, provider_ref: str) -> CheckoutStatus: ...
    def expire(self, provider_ref: str) -> CheckoutStatus: ...
    def open_card_page(self, *, key: str, currency: str, success_url: str, cancel_url: str) -> Checkout:
        """A page that saves a card and takes no money."""
        ...

    def saved_card(self, provider_ref: str) -> SavedCard: ...
    def charge_saved(
        self, *, key: str, customer: str, card: str, amount_micros: int, currency: str, description: str
    ) -> Charged:
        """Charge a saved card without its holder present; ProviderRefused where the bank says no."""
        ...

    def refund(self, *, key: str, provider_ref: str, amount_micros: int) -> Refunded:
        """Pay back part or all of what the checkout or charge of that reference brought."""
        ...

    def refund_status(self, refund_ref: str) -> Refunded: ...
    def read_notice(self, payload: bytes, signature: str) -> Notice | None:
        """The notice, or None for a kind that does not concern us. Raises ForgedNotice."""
        ...


class StatementSource(Protocol):
    """Booked credits newer than the last one seen; the same credit may come again."""

    def receipts(self, *, after: str) -> Iterable[Receipt]: ...
