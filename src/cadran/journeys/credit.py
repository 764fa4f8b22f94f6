"""From a wish to buy credit to the credit itself: order, card page or bank transfer, receipt, bucket."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings

from cadran.charging.ports import BuyCredit, Charging
from cadran.journeys import acceptance
from cadran.party import partners
from cadran.payment import operations, queries
from cadran.payment.adapters.camt import FolderStatements, HttpStatements
from cadran.payment.adapters.stripe_checkout import StripeCheckout
from cadran.payment.ports import CardProvider, ProviderRefused, ProviderUncertain, StatementSource
from cadran.payment.queries import Order
from cadran.payment.rules import Means, OrderState
from cadran.policy.events import PendingEvent
from cadran.policy.terms import Terms
from cadran.units.clause import carries

log = structlog.get_logger()

POLL_EVERY_S = 5
POLL_BATCH = 20
MOST_BATCHES = 1000


def card_provider() -> CardProvider:
    """The card provider in use now: of the environment, of the back office, or the sandbox's."""
    chosen = partners.in_use(partners.PartnerKind.CARD)
    if chosen is None:
        return _stripe(settings.CARD_API_KEY, settings.CARD_WEBHOOK_SECRET, settings.CARD_API_BASE)
    return _stripe(
        chosen.secrets.get("api_key", ""), chosen.secrets.get("webhook_secret", ""), chosen.stated["api_base"]
    )


@functools.lru_cache(maxsize=4)
def _stripe(api_key: str, webhook_secret: str, base_url: str) -> StripeCheckout:
    return StripeCheckout(
        api_key=api_key, webhook_secret=webhook_secret, base_url=base_url, timeout_s=settings.CARD_TIMEOUT_S
    )


def statement_source() -> StatementSource | None:
    """The bank of the settings: an HTTP address, a folder, or none."""
    where = settings.BANK_STATEMENTS
    if not where:
        return None
    if where.startswith(("http://", "https://")):
        return HttpStatements(url=where, token=settings.BANK_TOKEN)
    return FolderStatements(Path(where))


@carries("KRY-2.1-acceptance")
def order_top_up(
    *,
    key: str,
    account: str,
    brand: str,
    terms: Terms,
    opened_at: datetime,
    amount_micros: int,
    currency: str,
    description: str,
    return_url: Callable[[str], str],
    provider: CardProvider,
    at: datetime,
) -> Order:
    """Place the order and, where a card will do, open the provider's page. Idempotent by account and key.

    An earlier card page that is still open is closed first, so that two open pages cannot pass the monthly limit together.
    `return_url` makes the address to come back to from the order's id. Raises acceptance.NotAccepted and TopUpRefused;
    ProviderUncertain leaves the order as it is, to be tried again with the same key.
    """
    acceptance.require(account=account)
    if queries.order_of_key(account, key) is None:
        for earlier in queries.open_card_orders(account=account):
            refresh(order_id=earlier.order_id, provider=provider, at=at, close=True)
    order = operations.place_top_up(
        key=key,
        account=account,
        brand=brand,
        terms=terms,
        opened_at=opened_at,
        amount_micros=amount_micros,
        currency=currency,
        at=at,
    )
    if order.means != Means.CARD or order.state is not OrderState.CREATED:
        return order
    checkout = provider.open_checkout(
        key=order.order_id,
        amount_micros=order.amount_micros,
        currency=order.currency,
        description=description,
        success_url=return_url(order.order_id),
        cancel_url=return_url(order.order_id),
    )
    return operations.checkout_opened(order_id=order.order_id, checkout=checkout, at=at)


def refresh(*, order_id: str, provider: CardProvider, at: datetime, close: bool = False) -> Order:
    """Ask the provider how the order stands, and take it over. With `close`, an open page is closed first."""
    order = queries.order(order_id)
    if not order.provider_ref or order.state not in (OrderState.AT_PROVIDER, OrderState.LAPSED):
        return order
    try:
        status = provider.expire(order.provider_ref) if close else provider.status(order.provider_ref)
    except (ProviderUncertain, ProviderRefused) as error:
        log.warning("order-not-refreshed", order=order_id, error=error.error_id)
        operations.polled(order_id=order_id, at=at)
        return order
    return operations.record_status(order_id=order_id, status=status, at=at)


def card_notice(*, payload: bytes, signature: str, provider: CardProvider, at: datetime) -> str:
    """A notice came in: check its signature, then read the order's status from the provider itself.

    Returns what was done: ignored, repeated, unknown, or the order's state. Raises ForgedNotice; ProviderUncertain when the
    provider cannot be asked now (answer with an error, so that it sends the notice again).
    """
    notice = provider.read_notice(payload, signature)
    if notice is None:
        return "ignored"
    order = queries.order_of_provider_ref(notice.provider_ref)
    if order is None:
        return "unknown"
    if queries.notice_known(notice.notice_id):
        return "repeated"
    order = operations.record_status(order_id=order.order_id, status=provider.status(notice.provider_ref), at=at)
    operations.note_received(notice=notice, at=at)
    return str(order.state)


def poll_cards(*, provider: CardProvider, at: datetime) -> int:
    """Ask after open card pages, in case a notice was lost; at most POLL_BATCH a round. Returns how many were asked."""
    waiting = queries.open_card_orders(polled_before=at - timedelta(seconds=POLL_EVERY_S), limit=POLL_BATCH)
    for order in waiting:
        refresh(order_id=order.order_id, provider=provider, at=at)
    return len(waiting)


def read_statements(*, source: StatementSource, at: datetime) -> int:
    """Record the new credits of the bank; returns how many orders they paid."""
    paid = 0
    for receipt in source.receipts(after=queries.last_bank_reference()):
        order = operations.receive_transfer(receipt=receipt, recorded_by="statement", at=at)
        if order is None:
            log.warning("receipt-unmatched", reference=receipt.bank_reference, amount_micros=receipt.amount_micros)
        else:
            paid += 1
    return paid


def lapse_orders(*, at: datetime) -> int:
    """Let every order lapse whose wait for its transfer is over at `at`; returns how many."""
    lapsed = 0
    for _ in range(MOST_BATCHES):
        if not (done := operations.lapse_transfers(at=at)):
            break
        lapsed += done
    return lapsed


@carries("IPP-9.2-180-days")
def buy_credit(event: PendingEvent, charging: Charging) -> None:
    """A payment received becomes a bucket of credit, valid from the instant of its receipt; once, by the order's id."""
    body = event.body
    charging.buy_credit(
        BuyCredit(
            key=str(body["order"]),
            account=str(body["account"]),
            terms=str(body["terms"]),
            amount_micros=int(str(body["amount_micros"])),
            currency=str(body["currency"]),
            at=event.at,
            means=str(body["means"]),
        )
    )
