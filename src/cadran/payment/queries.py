"""Reading orders and receipts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from cadran.payment.models import BankReceipt, PaymentOrder, ProviderNotice
from cadran.payment.rules import OrderState
from cadran.policy.rules import Decision
from cadran.units.errors import CadranError
from cadran.units.period import Period


class UnknownOrder(CadranError):
    """No such order for this account."""

    error_id = "payment-order-unknown"


@dataclass(frozen=True, slots=True)
class Order:
    """One order as others see it."""

    order_id: str
    account: str
    brand: str
    terms: str
    amount_micros: int
    currency: str
    means: str
    state: OrderState
    decision: Decision
    reference: str
    provider_ref: str
    checkout_url: str
    placed_at: datetime
    paid_at: datetime | None
    automatic: bool = False
    polled_at: datetime | None = None
    lapses_at: datetime | None = None


def as_order(row: PaymentOrder) -> Order:
    return Order(
        order_id=row.order_id,
        account=row.account,
        brand=row.brand,
        terms=row.terms,
        amount_micros=row.amount_micros,
        currency=row.currency,
        means=row.means,
        state=OrderState(row.state),
        decision=Decision.from_dict(row.decision),
        reference=row.reference,
        provider_ref=row.provider_ref,
        checkout_url=row.checkout_url,
        placed_at=row.placed_at,
        paid_at=row.paid_at,
        automatic=row.automatic,
        polled_at=row.polled_at,
        lapses_at=row.lapses_at,
    )


def order(order_id: str, *, account: str | None = None) -> Order:
    """The order; with `account`, only if it is that account's. Raises UnknownOrder."""
    found = PaymentOrder.objects.filter(order_id=order_id)
    if account is not None:
        found = found.filter(account=account)
    if (row := found.first()) is None:
        raise UnknownOrder(f"there is no order {order_id}: look at the list of orders")
    return as_order(row)


def orders(account: str, *, limit: int = 50, before: str = "") -> tuple[Order, ...]:
    """The account's orders, newest first; `before` continues after the order of that id."""
    rows = PaymentOrder.objects.filter(account=account)
    if before:
        rows = rows.filter(order_id__lt=before)
    return tuple(as_order(row) for row in rows.order_by("-order_id")[:limit])


def bought_in(account: str, period: Period) -> int:
    """Micros that count towards a month's limit: orders placed in it that are paid, or can still be paid by card."""
    counted = Q(state=OrderState.PAID) | Q(state__in=(OrderState.CREATED, OrderState.AT_PROVIDER, OrderState.REVIEW))
    found = PaymentOrder.objects.filter(counted, account=account, placed_at__gte=period.start)
    if period.end is not None:
        found = found.filter(placed_at__lt=period.end)
    return int(found.aggregate(total=Sum("amount_micros"))["total"] or 0)


def open_card_orders(
    *, account: str | None = None, polled_before: datetime | None = None, limit: int = 50
) -> tuple[Order, ...]:
    """Orders whose card page is or may be open, oldest poll first."""
    found = PaymentOrder.objects.filter(state=OrderState.AT_PROVIDER)
    if account is not None:
        found = found.filter(account=account)
    if polled_before is not None:
        found = found.filter(Q(polled_at=None) | Q(polled_at__lt=polled_before))
    return tuple(as_order(row) for row in found.order_by("polled_at", "id")[:limit])


def order_of_provider_ref(provider_ref: str) -> Order | None:
    row = PaymentOrder.objects.filter(provider_ref=provider_ref).first() if provider_ref else None
    return None if row is None else as_order(row)


def order_of_reference(reference: str) -> Order | None:
    """The order that waits, or waited, for a transfer under this reference."""
    row = PaymentOrder.objects.filter(reference=reference).first() if reference else None
    return None if row is None else as_order(row)


def last_bank_reference() -> str:
    """The newest receipt that came from a statement: where the next statement begins."""
    row = BankReceipt.objects.filter(recorded_by="statement").order_by("-bank_reference").first()
    return row.bank_reference if row else ""


@dataclass(frozen=True, slots=True)
class UnmatchedReceipt:
    """Money that found no order: staff decide."""

    bank_reference: str
    amount_micros: int
    currency: str
    remittance: str
    booked_at: datetime
    because: str


def unmatched_receipts(*, limit: int = 100) -> tuple[UnmatchedReceipt, ...]:
    rows = BankReceipt.objects.filter(order=None).order_by("-id")[:limit]
    return tuple(
        UnmatchedReceipt(r.bank_reference, r.amount_micros, r.currency, r.remittance, r.booked_at, r.unmatched_because)
        for r in rows
    )


def order_of_key(account: str, key: str) -> Order | None:
    """The order that this account placed under this idempotency key."""
    row = PaymentOrder.objects.filter(account=account, key=key).first()
    return None if row is None else as_order(row)


def notice_known(notice_id: str) -> bool:
    """Whether this notice was received, and acted upon, before."""
    return ProviderNotice.objects.filter(notice_id=notice_id).exists()


def next_transfer_lapse() -> datetime | None:
    """When the next order stops waiting for its transfer."""
    row = (
        PaymentOrder.objects.filter(state=OrderState.AWAITING_TRANSFER)
        .exclude(lapses_at=None)
        .order_by("lapses_at")
        .first()
    )
    return None if row is None else row.lapses_at
