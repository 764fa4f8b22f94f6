"""Writing orders, steps and receipts: one transaction each, idempotent, no network inside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from cadran.payment import queries, rules
from cadran.payment.models import BankReceipt, OrderStep, PaymentOrder, ProviderNotice
from cadran.payment.ports import Checkout, CheckoutStatus, Notice, Receipt
from cadran.payment.queries import Order, UnknownOrder
from cadran.payment.rules import Means, OrderState
from cadran.policy import operations as events
from cadran.policy.proof import operations as proof
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, new_id
from cadran.units.period import civil_day, civil_month, utc


class TopUpRefused(CadranError):
    """The terms do not allow this top-up; `details["decision"]` says why."""

    error_id = "payment-top-up-refused"


class KeyReused(CadranError):
    """The same idempotency key was used for another amount."""

    error_id = "payment-key-reused"


class WrongStep(CadranError):
    """An order cannot go from its state to that one."""

    error_id = "payment-wrong-step"


@carries("IPP-9.2-top-up-amounts", "IPP-9.2-100-a-month")
def place_top_up(
    *,
    key: str,
    account: str,
    brand: str,
    terms: Terms,
    opened_at: datetime,
    amount_micros: int,
    currency: str,
    at: datetime,
) -> Order:
    """Place an order for credit. The same account and key give the same order.

    opened_at: since when the account exists (its seniority). Raises TopUpRefused, KeyReused.
    """
    checked_key(key)
    zone = terms.text("topup.zone")
    with transaction.atomic():
        if earlier := PaymentOrder.objects.filter(account=account, key=key).first():
            if (earlier.amount_micros, earlier.currency) != (amount_micros, currency):
                raise KeyReused("this request was already made for another amount: open the top-up page again")
            return queries.as_order(earlier)
        for unopened in PaymentOrder.objects.filter(account=account, state=OrderState.CREATED, automatic=False):
            _step(unopened, OrderState.LAPSED, at, "replaced by a newer order")
        answer = rules.top_up_answer(
            terms,
            amount_micros=amount_micros,
            seniority_days=(civil_day(at, zone) - civil_day(opened_at, zone)).days,
            month_micros=queries.bought_in(account, civil_month(at, zone)),
        )
        if not answer.decision.allowed:
            raise TopUpRefused(answer.decision.en, decision=answer.decision)
        row = PaymentOrder.objects.create(
            order_id=new_id("pay"),
            account=account,
            key=key,
            brand=brand,
            terms=terms.ref,
            amount_micros=amount_micros,
            currency=currency,
            means=answer.means,
            state=OrderState.CREATED,
            decision=answer.decision.as_dict(),
            placed_at=utc(at),
        )
        keep_step(row, OrderState.CREATED, at)
        if answer.means is Means.TRANSFER:
            row.reference = rules.transfer_reference(row.pk)
            row.lapses_at = rules.transfer_lapses_at(terms, at)
            _step(row, OrderState.AWAITING_TRANSFER, at, f"reference {row.reference}")
            _tell(row, "payment.transfer-awaited", at, {"reference": row.reference})
        return queries.as_order(row)


def checkout_opened(*, order_id: str, checkout: Checkout, at: datetime) -> Order:
    """The provider opened its card page for this order."""
    with transaction.atomic():
        row = _row(order_id)
        if row.provider_ref == checkout.provider_ref:
            return queries.as_order(row)
        row.provider_ref, row.checkout_url = checkout.provider_ref, checkout.url
        _step(row, OrderState.AT_PROVIDER, at, checkout.provider_ref)
        return queries.as_order(row)


def record_status(*, order_id: str, status: CheckoutStatus, at: datetime) -> Order:
    """Take over what the provider says of the checkout, read from the provider itself. Money is counted once."""
    with transaction.atomic():
        row = _row(order_id)
        row.polled_at = utc(at)
        row.save(update_fields=["polled_at"])
        state = OrderState(row.state)
        if status.provider_ref != row.provider_ref or state in (OrderState.PAID, OrderState.REVIEW):
            return queries.as_order(row)
        if status.state == "paid":
            if (status.amount_micros, status.currency) != (row.amount_micros, row.currency):
                _step(row, OrderState.REVIEW, at, f"paid {status.amount_micros} {status.currency}")
                _tell(row, "payment.review-needed", at, {"paid_micros": status.amount_micros})
            else:
                mark_paid(row, at, status.provider_ref)
        elif status.state == "expired" and state is OrderState.AT_PROVIDER:
            _step(row, OrderState.LAPSED, at, "the card page expired")
        return queries.as_order(row)


def note_received(*, notice: Notice, at: datetime) -> bool:
    """Remember a notice; False when it was received before."""
    with transaction.atomic():
        _, created = ProviderNotice.objects.get_or_create(
            notice_id=notice.notice_id,
            defaults={"kind": notice.kind, "provider_ref": notice.provider_ref, "at": utc(at)},
        )
        return created


@carries("IPP-9.2-100-a-month")
def receive_transfer(*, receipt: Receipt, recorded_by: str, at: datetime) -> Order | None:
    """Record money that arrived at the bank, once, and pay the order that its reference names.

    Returns the order, or None when no order fits exactly (unknown reference, other amount or currency, paid already): the
    receipt then waits among the unmatched ones for staff.
    """
    with transaction.atomic():
        if known := BankReceipt.objects.filter(bank_reference=receipt.bank_reference).first():
            return queries.as_order(known.order) if known.order else None
        row, because = _order_for(receipt)
        BankReceipt.objects.create(
            bank_reference=receipt.bank_reference,
            amount_micros=receipt.amount_micros,
            currency=receipt.currency,
            remittance=receipt.remittance[:200],
            debtor=receipt.debtor[:140],
            booked_at=utc(receipt.booked_at),
            recorded_at=utc(at),
            recorded_by=recorded_by[:64],
            order=row,
            unmatched_because=because,
        )
        if row is None:
            return None
        mark_paid(row, at, receipt.bank_reference)
        return queries.as_order(row)


def lapse_transfers(*, at: datetime, limit: int = 200) -> int:
    """Orders that waited too long for their transfer lapse; money that still comes is taken all the same. Idempotent."""
    with transaction.atomic():
        waiting = PaymentOrder.objects.filter(state=OrderState.AWAITING_TRANSFER, lapses_at__lte=utc(at))
        rows = list(waiting.order_by("lapses_at")[:limit])
        for row in rows:
            _step(row, OrderState.LAPSED, at, "no transfer came")
            _tell(row, "payment.transfer-lapsed", at, {"reference": row.reference})
        return len(rows)


def polled(*, order_id: str, at: datetime) -> None:
    """The provider was asked and could not say: ask again later."""
    PaymentOrder.objects.filter(order_id=order_id).update(polled_at=utc(at))


def _row(order_id: str) -> PaymentOrder:
    row = PaymentOrder.objects.filter(order_id=order_id).first()
    if row is None:
        raise UnknownOrder(f"there is no order {order_id}")
    return row


def _order_for(receipt: Receipt) -> tuple[PaymentOrder | None, str]:
    references = rules.references_in(receipt.remittance)
    rows = list(PaymentOrder.objects.filter(reference__in=references)) if references else []
    if len(rows) != 1:
        return None, "several references" if rows else "unknown reference"
    row = rows[0]
    if OrderState(row.state) not in (OrderState.AWAITING_TRANSFER, OrderState.LAPSED):
        return None, f"order is {row.state}"
    if (row.amount_micros, row.currency) != (receipt.amount_micros, receipt.currency):
        return None, "another amount"
    return row, ""


def mark_paid(row: PaymentOrder, at: datetime, note: str) -> None:
    """Inside the caller's transaction: the money is there, and whoever listens is told once."""
    row.paid_at = utc(at)
    _step(row, OrderState.PAID, at, note)
    _tell(row, "payment.received", at, {})


def mark_lapsed(row: PaymentOrder, at: datetime, note: str) -> None:
    """Inside the caller's transaction: nobody was charged."""
    _step(row, OrderState.LAPSED, at, note)


def mark_for_review(row: PaymentOrder, at: datetime, note: str) -> None:
    """Inside the caller's transaction: staff must look."""
    _step(row, OrderState.REVIEW, at, note)
    _tell(row, "payment.review-needed", at, {"note": note})


def _step(row: PaymentOrder, state: OrderState, at: datetime, note: str) -> None:
    if state not in rules.FOLLOWS[OrderState(row.state)]:
        raise WrongStep(f"order {row.order_id} is {row.state} and cannot become {state}")
    row.state = state
    row.save()
    keep_step(row, state, at, note)


@carries("KRY-2.4-evidence")
def keep_step(row: PaymentOrder, state: OrderState, at: datetime, note: str = "") -> None:
    """Inside the caller's transaction: a step that an order took, and the entry that says so."""
    OrderStep.objects.create(order=row, state=state, at=utc(at), note=note[:200])
    said = {
        "account": row.account,
        "brand": row.brand,
        "terms": row.terms,
        "amount_micros": row.amount_micros,
        "currency": row.currency,
        "means": str(row.means),
        "automatic": row.automatic,
        "decision": row.decision,
        "note": note[:200],
    }
    proof.record(kind=f"payment.order-{state}", subject=row.account, key=row.order_id, body=said, at=at)


def _tell(row: PaymentOrder, kind: str, at: datetime, more: Mapping[str, object]) -> None:
    body = {
        "order": row.order_id,
        "account": row.account,
        "terms": row.terms,
        "amount_micros": row.amount_micros,
        "currency": row.currency,
        "means": str(row.means),
        **more,
    }
    events.record_event(kind=kind, key=row.order_id, body=body, at=at)
