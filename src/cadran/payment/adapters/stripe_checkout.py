"""Stripe Checkout, or anything that speaks it: the sandbox card provider differs by its address and keys alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import stripe

from cadran.payment.ports import (
    Charged,
    Checkout,
    CheckoutStatus,
    ForgedNotice,
    Notice,
    ProviderRefused,
    ProviderUncertain,
    Refunded,
    SavedCard,
)

MICROS_PER_MINOR = 10_000
STATES = {"complete": "paid", "expired": "expired", "open": "open"}
REFUND_STATES = {"succeeded": "done", "failed": "refused", "canceled": "refused"}
CONCERNS_US = {"checkout.session.completed", "checkout.session.async_payment_succeeded", "checkout.session.expired"}


@dataclass(slots=True)
class StripeCheckout:
    """Currencies of two decimals. `base_url` empty means Stripe itself; `timeout_s` bounds each request."""

    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    base_url: str = ""
    timeout_s: float = 10.0
    tolerance_s: int = 300
    _client: stripe.StripeClient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._client = stripe.StripeClient(
            self.api_key,
            base_addresses={"api": self.base_url} if self.base_url else None,
            http_client=stripe.HTTPXClient(timeout=self.timeout_s, allow_sync_methods=True),
            max_network_retries=0,
        )

    def open_checkout(
        self, *, key: str, amount_micros: int, currency: str, description: str, success_url: str, cancel_url: str
    ) -> Checkout:
        minor = _minor(amount_micros)
        line = {
            "price_data": {"currency": currency.lower(), "unit_amount": minor, "product_data": {"name": description}},
            "quantity": 1,
        }
        params: Any = {
            "mode": "payment",
            "line_items": [line],
            "client_reference_id": key,
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        with _named_errors():
            session = self._client.v1.checkout.sessions.create(params=params, options={"idempotency_key": key})
        if not session.url:
            raise ProviderRefused("the card provider opened no page: try again with a new order")
        return Checkout(provider_ref=session.id, url=session.url)

    def check(self) -> str:
        """Ask for the balance, which only the key's owner may: returns in which currencies there is one. Raises ProviderRefused for
        a key that is not known, ProviderUncertain where nobody answers."""
        with _named_errors():
            found = self._client.v1.balance.retrieve()
        return ", ".join(sorted({str(one.currency).upper() for one in found.available})) or "OK"

    def status(self, provider_ref: str) -> CheckoutStatus:
        with _named_errors():
            return _status(self._client.v1.checkout.sessions.retrieve(provider_ref))

    def expire(self, provider_ref: str) -> CheckoutStatus:
        """Close an open page; one that is paid or expired already is simply read."""
        try:
            with _named_errors():
                return _status(self._client.v1.checkout.sessions.expire(provider_ref))
        except ProviderRefused:
            return self.status(provider_ref)

    def open_card_page(self, *, key: str, currency: str, success_url: str, cancel_url: str) -> Checkout:
        params: Any = {
            "mode": "setup",
            "currency": currency.lower(),
            "customer_creation": "always",
            "payment_method_types": ["card"],
            "client_reference_id": key,
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        with _named_errors():
            session = self._client.v1.checkout.sessions.create(params=params, options={"idempotency_key": key})
        if not session.url:
            raise ProviderRefused("the card provider opened no page: try again in a moment")
        return Checkout(provider_ref=session.id, url=session.url)

    def saved_card(self, provider_ref: str) -> SavedCard:
        params: Any = {"expand": ["setup_intent.payment_method"]}
        with _named_errors():
            session: Any = self._client.v1.checkout.sessions.retrieve(provider_ref, params=params)
        state = {"complete": "saved", "expired": "expired"}.get(str(session.status), "open")
        if state != "saved" or not session.setup_intent:
            return SavedCard(provider_ref, "open" if state == "saved" else state)
        card = session.setup_intent.payment_method
        label = f"{card.card.brand} •••• {card.card.last4}, {card.card.exp_month:02d}/{card.card.exp_year}"
        return SavedCard(provider_ref, state, str(session.customer), str(card.id), label[:60])

    def charge_saved(
        self, *, key: str, customer: str, card: str, amount_micros: int, currency: str, description: str
    ) -> Charged:
        params: Any = {
            "amount": _minor(amount_micros),
            "currency": currency.lower(),
            "customer": customer,
            "payment_method": card,
            "off_session": True,
            "confirm": True,
            "description": description,
        }
        with _named_errors():
            intent = self._client.v1.payment_intents.create(params=params, options={"idempotency_key": key})
        if intent.status in ("succeeded", "processing"):
            return Charged(str(intent.id), "paid" if intent.status == "succeeded" else "pending")
        raise ProviderRefused("the bank asks for the card's holder: buy credit on the site once")

    def refund(self, *, key: str, provider_ref: str, amount_micros: int) -> Refunded:
        with _named_errors():
            intent = provider_ref
            if provider_ref.startswith("cs_"):
                intent = str(self._client.v1.checkout.sessions.retrieve(provider_ref).payment_intent)
            params: Any = {"payment_intent": intent, "amount": _minor(amount_micros)}
            return _refunded(self._client.v1.refunds.create(params=params, options={"idempotency_key": key}))

    def refund_status(self, refund_ref: str) -> Refunded:
        with _named_errors():
            return _refunded(self._client.v1.refunds.retrieve(refund_ref))

    def read_notice(self, payload: bytes, signature: str) -> Notice | None:
        try:
            event = self._client.construct_event(payload, signature, self.webhook_secret, self.tolerance_s)
        except (stripe.SignatureVerificationError, ValueError, KeyError, AttributeError):
            raise ForgedNotice("the notice does not carry the provider's signature: it was ignored") from None
        if event.type not in CONCERNS_US:
            return None
        return Notice(notice_id=str(event.id), kind=str(event.type), provider_ref=str(event.data.object["id"]))


def _minor(amount_micros: int) -> int:
    minor, rest = divmod(amount_micros, MICROS_PER_MINOR)
    if rest:
        raise ProviderRefused("a card pays whole cents: choose another amount")
    return minor


def _refunded(refund: Any) -> Refunded:
    return Refunded(str(refund.id), REFUND_STATES.get(str(refund.status), "pending"))


def _status(session: Any) -> CheckoutStatus:
    state = STATES.get(str(session.status), "open")
    if state == "paid" and session.payment_status != "paid":
        state = "open"
    return CheckoutStatus(
        provider_ref=session.id,
        state=state,
        amount_micros=int(session.amount_total) * MICROS_PER_MINOR,
        currency=str(session.currency).upper(),
    )


class _named_errors:
    """Turn the client's errors into ours: what may have happened is uncertain, what surely did not is refused."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (stripe.APIConnectionError, stripe.RateLimitError)):
            raise ProviderUncertain("the card provider does not answer: try again in a moment") from error
        if isinstance(error, stripe.StripeError):
            if error.http_status is None or error.http_status >= 500:
                raise ProviderUncertain("the card provider is in trouble: try again in a moment") from error
            raise ProviderRefused(f"the card provider refused: {error.user_message or error}") from error
