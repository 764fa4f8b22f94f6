"""Automatic top-up: the customer's wish, the card that the provider keeps for it, and the orders that it places.

Each call is one transaction; no network inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Sum

from cadran.payment import operations, queries, rules
from cadran.payment.models import AutomaticTopUp, PaymentOrder
from cadran.payment.ports import Charged, SavedCard
from cadran.payment.queries import Order
from cadran.payment.rules import OrderState
from cadran.policy import operations as events
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.errors import CadranError, InvalidInput
from cadran.units.ids import new_id
from cadran.units.period import civil_day, civil_month, utc

PENDING = (OrderState.CREATED, OrderState.AT_PROVIDER)


class State(StrEnum):
    """setting-up: the page that saves the card is open; active; paused: the bank refused a charge; ended."""

    SETTING_UP = "setting-up"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class InvalidWish(InvalidInput):
    """A threshold, amount or cap that cannot be."""

    error_id = "payment-automatic-invalid"


class NotAgreed(CadranError):
    """There is no automatic top-up to act on."""

    error_id = "payment-automatic-none"


@dataclass(frozen=True, slots=True)
class Wish:
    """An automatic top-up as others see it; the provider's tokens stay in this room and the journeys'."""

    account: str
    brand: str
    threshold_micros: int
    amount_micros: int
    cap_micros: int
    state: State
    note: str
    page_ref: str
    customer_token: str
    card_token: str
    label: str
    agreed_at: datetime
    terms: str


def as_wish(row: AutomaticTopUp) -> Wish:
    return Wish(
        account=row.account,
        brand=row.brand,
        threshold_micros=row.threshold_micros,
        amount_micros=row.amount_micros,
        cap_micros=row.cap_micros,
        state=State(row.state),
        note=row.note,
        page_ref=row.page_ref,
        customer_token=row.customer_token,
        card_token=row.card_token,
        label=row.label,
        agreed_at=row.agreed_at,
        terms=row.terms,
    )


def checked(terms: Terms, *, threshold_micros: int, amount_micros: int, cap_micros: int, seniority_days: int) -> None:
    """Raises InvalidWish unless threshold and amount are offered, and the cap lies between the amount and the cards' monthly limit."""
    if threshold_micros not in terms.integers("topup.automatic_thresholds_micros"):
        raise InvalidWish("choose one of the thresholds offered")
    if amount_micros not in rules.offered_amounts(terms, seniority_days=seniority_days):
        raise InvalidWish("choose one of the amounts offered")
    limit = terms.integer("topup.monthly_card_limit_micros")
    if not amount_micros <= cap_micros <= limit:
        raise InvalidWish("the monthly cap lies between the amount and the monthly limit for cards")


def agree(
    *,
    account: str,
    brand: str,
    terms: Terms,
    threshold_micros: int,
    amount_micros: int,
    cap_micros: int,
    seniority_days: int,
    at: datetime,
) -> Wish:
    """The customer agrees to be charged so. A card that was saved before is kept; without one the wish waits for its page.

    Raises InvalidWish.
    """
    checked(
        terms,
        threshold_micros=threshold_micros,
        amount_micros=amount_micros,
        cap_micros=cap_micros,
        seniority_days=seniority_days,
    )
    with transaction.atomic():
        row = AutomaticTopUp.objects.select_for_update().filter(account=account).first()
        row = row or AutomaticTopUp(account=account, brand=brand)
        row.threshold_micros, row.amount_micros, row.cap_micros = threshold_micros, amount_micros, cap_micros
        row.agreed_at, row.terms, row.told_month, row.note = utc(at), terms.ref, "", ""
        row.state = State.ACTIVE if row.card_token else State.SETTING_UP
        row.save()
        _tell(row, "payment.automatic-agreed", at)
        return as_wish(row)


def page_opened(*, account: str, page_ref: str) -> None:
    """The provider opened the page that saves a card."""
    AutomaticTopUp.objects.filter(account=account).update(page_ref=page_ref)


def card_saved(*, account: str, card: SavedCard, at: datetime) -> Wish:
    """Take over what the provider says of its page: a saved card makes the wish active. Raises NotAgreed."""
    with transaction.atomic():
        row = _row(account)
        if card.state == "saved" and card.card and card.provider_ref == row.page_ref:
            row.customer_token, row.card_token, row.label = card.customer, card.card, card.label
            row.page_ref, row.note = "", ""
            if State(row.state) is not State.ENDED:
                row.state = State.ACTIVE
            row.save()
            _tell(row, "payment.card-saved", at)
        return as_wish(row)


def end(*, account: str, at: datetime) -> None:
    """The customer wants no more automatic top-up: the card's tokens are forgotten. Again changes nothing."""
    with transaction.atomic():
        row = AutomaticTopUp.objects.select_for_update().filter(account=account).first()
        if row is None or State(row.state) is State.ENDED:
            return
        row.state, row.customer_token, row.card_token, row.label, row.page_ref = State.ENDED, "", "", "", ""
        row.save()
        _tell(row, "payment.automatic-ended", at)


def wish(account: str) -> Wish | None:
    """The account's automatic top-up, whatever its state."""
    row = AutomaticTopUp.objects.filter(account=account).first()
    return None if row is None else as_wish(row)


def active(*, after: str, limit: int) -> tuple[Wish, ...]:
    """Active wishes in order of account, from the one after `after` on."""
    rows = AutomaticTopUp.objects.filter(state=State.ACTIVE, account__gt=after).order_by("account")
    return tuple(as_wish(row) for row in rows[:limit])


def place(*, account: str, terms: Terms, opened_at: datetime, currency: str, at: datetime) -> Order | Decision:
    """Place an order of the account's automatic top-up, or say why not now. One that is not over yet is returned as it is.

    What keeps it from happening is told once a month, as `payment.automatic-held-back`. Raises NotAgreed.
    """
    zone = terms.text("topup.zone")
    month = civil_month(at, zone)
    with transaction.atomic():
        row = _row(account)
        if State(row.state) is not State.ACTIVE:
            raise NotAgreed("this automatic top-up is not active")
        own = PaymentOrder.objects.filter(account=account, automatic=True)
        if pending := own.filter(state__in=PENDING).first():
            return queries.as_order(pending)
        this_month = own.filter(placed_at__gte=month.start).exclude(state=OrderState.LAPSED)
        decision = rules.automatic_answer(
            terms,
            amount_micros=row.amount_micros,
            seniority_days=(civil_day(at, zone) - civil_day(opened_at, zone)).days,
            month_micros=queries.bought_in(account, month),
            automatic_month_micros=int(this_month.aggregate(total=Sum("amount_micros"))["total"] or 0),
            cap_micros=row.cap_micros,
        )
        if not decision.allowed:
            _told_once(row, decision, f"{civil_day(at, zone):%Y-%m}", at)
            return decision
        row.charges += 1
        row.save()
        order = PaymentOrder.objects.create(
            order_id=new_id("pay"),
            account=account,
            key=f"automatic:{account}:{row.charges}",
            brand=row.brand,
            terms=terms.ref,
            amount_micros=row.amount_micros,
            currency=currency,
            means=rules.Means.CARD,
            automatic=True,
            state=OrderState.CREATED,
            decision=decision.as_dict(),
            placed_at=utc(at),
        )
        operations.keep_step(order, OrderState.CREATED, at, "automatic")
        return queries.as_order(order)


def charged(*, order_id: str, charge: Charged, at: datetime) -> Order:
    """The card on file was charged: the order is paid once."""
    with transaction.atomic():
        row = PaymentOrder.objects.select_for_update().get(order_id=order_id, automatic=True)
        if OrderState(row.state) is OrderState.CREATED and charge.state == "paid":
            row.provider_ref = charge.provider_ref
            operations.mark_paid(row, at, charge.provider_ref)
        return queries.as_order(row)


def charge_refused(*, order_id: str, why: str, at: datetime) -> None:
    """The bank said no: the order lapses and the automatic top-up pauses until the customer acts."""
    with transaction.atomic():
        row = PaymentOrder.objects.select_for_update().get(order_id=order_id, automatic=True)
        if OrderState(row.state) is not OrderState.CREATED:
            return
        operations.mark_lapsed(row, at, why)
        asked = _row(row.account)
        asked.state, asked.note = State.PAUSED, why[:200]
        asked.save()
        _tell(asked, "payment.automatic-refused", at, order=row.order_id, why=why[:200])


def charge_in_doubt(*, order_id: str, at: datetime) -> None:
    """The provider did not say within the life of its idempotency key: nobody asks again, staff look, and nothing more is
    charged by itself until the customer acts."""
    with transaction.atomic():
        row = PaymentOrder.objects.select_for_update().get(order_id=order_id, automatic=True)
        if OrderState(row.state) is OrderState.CREATED:
            operations.mark_for_review(row, at, "the card provider never said whether it charged")
            asked = _row(row.account)
            asked.state, asked.note = State.PAUSED, f"{row.order_id} is in doubt"
            asked.save()


def pending_orders(*, limit: int = 50) -> tuple[Order, ...]:
    """Automatic orders that were placed and are not known to be charged or refused."""
    rows = PaymentOrder.objects.filter(automatic=True, state=OrderState.CREATED).order_by("polled_at", "id")
    return tuple(queries.as_order(row) for row in rows[:limit])


def last_paid(account: str) -> Order | None:
    """The account's newest paid order of any kind, to see whether its credit has arrived."""
    row = PaymentOrder.objects.filter(account=account, state=OrderState.PAID).order_by("-paid_at").first()
    return None if row is None else queries.as_order(row)


def _row(account: str) -> AutomaticTopUp:
    row = AutomaticTopUp.objects.select_for_update().filter(account=account).first()
    if row is None:
        raise NotAgreed("this account has no automatic top-up")
    return row


def _told_once(row: AutomaticTopUp, decision: Decision, month: str, at: datetime) -> None:
    if row.told_month != month:
        row.told_month = month
        row.save()
        _tell(row, "payment.automatic-held-back", at, decision=decision.as_dict())


def _tell(row: AutomaticTopUp, kind: str, at: datetime, **more: object) -> None:
    body = {
        "account": row.account,
        "brand": row.brand,
        "terms": row.terms,
        "threshold_micros": row.threshold_micros,
        "amount_micros": row.amount_micros,
        "cap_micros": row.cap_micros,
        **more,
    }
    events.record_event(kind=kind, key=new_id("auto"), body=body, at=at)
