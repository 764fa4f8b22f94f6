"""Refunds: part or all of a paid order, paid back to the means it came from. Each call is one transaction; no network inside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, Sum

from cadran.payment.models import PaymentOrder, Refund
from cadran.payment.operations import KeyReused
from cadran.payment.queries import UnknownOrder
from cadran.payment.rules import OPEN_REFUNDS, Means, OrderState, RefundState
from cadran.policy import operations as events
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, new_id
from cadran.units.period import utc

RETRY_EVERY_S = 5


class RefundRefused(CadranError):
    """This order cannot be refunded so: not paid, more than it was, or not by card."""

    error_id = "payment-refund-refused"


class UnknownRefund(CadranError):
    """No such refund."""

    error_id = "payment-refund-unknown"


@dataclass(frozen=True, slots=True)
class RefundView:
    """One refund as others see it."""

    refund_id: str
    order_id: str
    account: str
    amount_micros: int
    currency: str
    reason: str
    by: str
    state: RefundState
    note: str
    order_ref: str
    provider_ref: str
    placed_at: datetime
    ended_at: datetime | None


def as_view(row: Refund) -> RefundView:
    return RefundView(
        refund_id=row.refund_id,
        order_id=row.order.order_id,
        account=row.order.account,
        amount_micros=row.amount_micros,
        currency=row.order.currency,
        reason=row.reason,
        by=row.by,
        state=RefundState(row.state),
        note=row.note,
        order_ref=row.order.provider_ref,
        provider_ref=row.provider_ref,
        placed_at=row.placed_at,
        ended_at=row.ended_at,
    )


def place(*, key: str, order_id: str, amount_micros: int, reason: str, by: str, at: datetime) -> RefundView:
    """Write the refund down before anything is done. The same key gives the same refund.

    Raises UnknownOrder, RefundRefused, KeyReused.
    """
    with transaction.atomic():
        if known := Refund.objects.select_related("order").filter(key=checked_key(key)).first():
            if (known.order.order_id, known.amount_micros) != (order_id, amount_micros):
                raise KeyReused("this key was used for another refund: use a new one")
            return as_view(known)
        order = PaymentOrder.objects.select_for_update().filter(order_id=order_id).first()
        if order is None:
            raise UnknownOrder(f"there is no order {order_id}: look at the list of orders")
        if OrderState(order.state) is not OrderState.PAID or order.means != Means.CARD:
            raise RefundRefused("only an order paid by card is refunded here: pay a transfer back at the bank")
        before = Refund.objects.filter(order=order).exclude(state=RefundState.REFUSED)
        left = order.amount_micros - int(before.aggregate(total=Sum("amount_micros"))["total"] or 0)
        if not 0 < amount_micros <= left:
            raise RefundRefused(f"of this order {left} micros can still be refunded, not {amount_micros}")
        if not reason.strip() or not by.strip():
            raise RefundRefused("a refund has a reason and the name of who decided it")
        row = Refund.objects.create(
            refund_id=new_id("ref"),
            key=key,
            order=order,
            amount_micros=amount_micros,
            reason=reason.strip()[:200],
            by=by.strip()[:64],
            state=RefundState.PLACED,
            placed_at=utc(at),
        )
        return as_view(row)


def step(*, refund_id: str, state: RefundState, at: datetime, note: str = "", provider_ref: str = "") -> RefundView:
    """The refund reached that state; an ended one stays as it is. What is done is told as `payment.refunded`."""
    with transaction.atomic():
        row = _row(refund_id)
        if RefundState(row.state) not in OPEN_REFUNDS:
            return as_view(row)
        row.state, row.tried_at = state, utc(at)
        row.note = note[:200] or row.note
        row.provider_ref = provider_ref or row.provider_ref
        if state not in OPEN_REFUNDS:
            row.ended_at = utc(at)
            kind = "payment.refunded" if state is RefundState.DONE else "payment.refund-refused"
            body = {
                "refund": row.refund_id,
                "order": row.order.order_id,
                "account": row.order.account,
                "amount_micros": row.amount_micros,
                "currency": row.order.currency,
                "terms": row.order.terms,
                "means": row.order.means,
                "reason": row.reason,
                "by": row.by,
                "note": row.note,
            }
            events.record_event(kind=kind, key=row.refund_id, body=body, at=at)
        row.save()
        return as_view(row)


def tried(*, refund_id: str, at: datetime) -> RefundView:
    """A step could not be done for now: it is tried again later, from where the refund stands."""
    with transaction.atomic():
        row = _row(refund_id)
        row.tried_at = utc(at)
        row.save(update_fields=["tried_at"])
        return as_view(row)


def refund(refund_id: str) -> RefundView:
    """Raises UnknownRefund."""
    return as_view(_row(refund_id))


def refunds(*, account: str = "", order_id: str = "", limit: int = 100) -> tuple[RefundView, ...]:
    """Newest first, of an account or an order where one is named."""
    rows = Refund.objects.select_related("order").order_by("-id")
    if account:
        rows = rows.filter(order__account=account)
    if order_id:
        rows = rows.filter(order__order_id=order_id)
    return tuple(as_view(row) for row in rows[:limit])


def waiting(*, at: datetime, limit: int = 20) -> tuple[RefundView, ...]:
    """Refunds that are not over and were not tried just now, oldest try first."""
    before = utc(at) - timedelta(seconds=RETRY_EVERY_S)
    rows = Refund.objects.select_related("order").filter(state__in=OPEN_REFUNDS)
    rows = rows.filter(Q(tried_at=None) | Q(tried_at__lte=before))
    return tuple(as_view(row) for row in rows.order_by("tried_at", "id")[:limit])


def _row(refund_id: str) -> Refund:
    row = Refund.objects.select_related("order").filter(refund_id=refund_id).first()
    if row is None:
        raise UnknownRefund(f"there is no refund {refund_id}")
    return row
