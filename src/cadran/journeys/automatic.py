"""Automatic top-up: the card saved on the provider's page, and credit bought when it falls below the customer's threshold."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from cadran.balance import queries as balance
from cadran.journeys import acceptance
from cadran.party import queries as party
from cadran.payment import automatic, operations
from cadran.payment.ports import CardProvider, ProviderRefused, ProviderUncertain
from cadran.payment.queries import Order
from cadran.policy import queries as policy
from cadran.units.ids import new_id

log = structlog.get_logger()

BATCH = 200
RETRY_EVERY_S = 5
KEY_LIFE = timedelta(hours=23)  # the provider remembers a key for 24 hours: later, the same key would charge again


def open_card_page(*, account: str, currency: str, return_url: str, provider: CardProvider) -> str:
    """The address of the provider's page that saves a card for the account's automatic top-up.

    Raises ProviderUncertain, ProviderRefused.
    """
    page = provider.open_card_page(key=new_id("card"), currency=currency, success_url=return_url, cancel_url=return_url)
    automatic.page_opened(account=account, page_ref=page.provider_ref)
    return page.url


def refresh_card(*, account: str, provider: CardProvider, at: datetime) -> automatic.Wish | None:
    """Ask whether the card was saved, where a page is open; a provider that does not answer changes nothing."""
    wish = automatic.wish(account)
    if wish is None or not wish.page_ref:
        return wish
    try:
        card = provider.saved_card(wish.page_ref)
    except (ProviderUncertain, ProviderRefused) as error:
        log.warning("card-not-read", account=account, error=error.error_id)
        return wish
    return automatic.card_saved(account=account, card=card, at=at)


class Watch:
    """Looks at the accounts with an active automatic top-up, in turn, a bounded number at a time."""

    def __init__(self) -> None:
        self._after = ""

    def turn(self, *, provider: CardProvider, at: datetime) -> int:
        """Charge what was begun, then look at the next accounts; returns how many orders were placed or ended."""
        done = sum(_charge(order, provider, at) for order in automatic.pending_orders() if _may_ask(order, at))
        wishes = automatic.active(after=self._after, limit=BATCH)
        self._after = wishes[-1].account if len(wishes) == BATCH else ""
        for wish in wishes:
            if balance.balance(wish.account, at).free_micros < wish.threshold_micros and not _on_its_way(wish.account):
                done += _buy(wish, provider, at)
        return done


def _on_its_way(account: str) -> bool:
    """Whether a payment was received whose credit has not arrived yet: one must not buy twice for one need."""
    paid = automatic.last_paid(account)
    return paid is not None and all(bucket.bucket != paid.order_id for bucket in balance.buckets(account))


def _buy(wish: automatic.Wish, provider: CardProvider, at: datetime) -> int:
    customer = party.customer_of_account(wish.account)
    if not customer.active:
        return 0
    try:
        acceptance.require(account=wish.account)
    except acceptance.NotAccepted as error:
        log.warning("automatic-not-accepted", account=wish.account, error=error.error_id)
        return 0
    placed = automatic.place(
        account=wish.account,
        terms=policy.governing_terms(customer.terms, at),
        opened_at=customer.created_at,
        currency=customer.currency,
        at=at,
    )
    return _charge(placed, provider, at) if isinstance(placed, Order) and _may_ask(placed, at) else 0


def _may_ask(order: Order, at: datetime) -> bool:
    return order.polled_at is None or order.polled_at <= at - timedelta(seconds=RETRY_EVERY_S)


def _charge(order: Order, provider: CardProvider, at: datetime) -> int:
    wish = automatic.wish(order.account)
    if at - order.placed_at > KEY_LIFE:
        automatic.charge_in_doubt(order_id=order.order_id, at=at)
        return 1
    if wish is None or not wish.card_token:
        automatic.charge_refused(order_id=order.order_id, why="the card was removed", at=at)
        return 1
    operations.polled(order_id=order.order_id, at=at)
    try:
        charge = provider.charge_saved(
            key=order.order_id,
            customer=wish.customer_token,
            card=wish.card_token,
            amount_micros=order.amount_micros,
            currency=order.currency,
            description=f"{policy.brand(order.brand).name} {order.order_id}",
        )
    except ProviderRefused as error:
        automatic.charge_refused(order_id=order.order_id, why=error.message, at=at)
        return 1
    except ProviderUncertain as error:
        log.warning("automatic-charge-uncertain", order=order.order_id, error=error.error_id)
        return 0
    automatic.charged(order_id=order.order_id, charge=charge, at=at)
    return int(charge.state == "paid")
