"""Orders: placed once, paid once, whatever comes twice, late or wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cadran.payment import operations, queries
from cadran.payment.models import OrderStep
from cadran.payment.ports import Checkout, CheckoutStatus, Receipt
from cadran.payment.queries import Order
from cadran.payment.rules import Means, OrderState
from cadran.policy import events
from cadran.policy.terms import Terms

pytestmark = pytest.mark.django_db
EUR = 1_000_000
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def place(terms: Terms, *, key: str = "k1", euros: int = 10, at: datetime = NOON, account: str = "A000001") -> Order:
    return operations.place_top_up(
        key=key,
        account=account,
        brand="ippi",
        terms=terms,
        opened_at=NOON - timedelta(days=400),
        amount_micros=euros * EUR,
        currency="EUR",
        at=at,
    )


def at_provider(terms: Terms, **options: object) -> Order:
    order = place(terms, **options)  # type: ignore[arg-type]
    checkout = Checkout(provider_ref=f"cs_{order.order_id}", url="http://card/x")
    return operations.checkout_opened(order_id=order.order_id, checkout=checkout, at=order.placed_at)


def paid(order: Order, *, micros: int | None = None, currency: str = "EUR") -> CheckoutStatus:
    return CheckoutStatus(order.provider_ref, "paid", order.amount_micros if micros is None else micros, currency)


def told(kind: str) -> list[str]:
    return [event.key for event in events.pending_events(at=NOON + timedelta(days=999)) if event.kind == kind]


def receipt(reference: str, euros: int, bank_reference: str = "B1") -> Receipt:
    return Receipt(bank_reference, euros * EUR, "EUR", f"virement {reference}", "ALICE", NOON)


def test_the_same_key_gives_the_same_order_and_another_amount_under_it_is_refused(terms: Terms) -> None:
    assert place(terms).order_id == place(terms).order_id
    with pytest.raises(operations.KeyReused):
        place(terms, euros=25)


def test_a_payment_confirmed_three_times_is_told_once(terms: Terms) -> None:
    order = at_provider(terms)
    for minutes in (1, 2, 3):
        state = operations.record_status(
            order_id=order.order_id, status=paid(order), at=NOON + timedelta(minutes=minutes)
        ).state
        assert state is OrderState.PAID
    assert told("payment.received") == [order.order_id]
    assert [step.state for step in OrderStep.objects.order_by("id")] == ["created", "at_provider", "paid"]


def test_a_payment_of_another_amount_or_currency_waits_for_review_and_gives_no_credit(terms: Terms) -> None:
    for key, status in {"a": {"micros": 9 * EUR}, "b": {"currency": "USD"}}.items():
        order = at_provider(terms, key=key)
        state = operations.record_status(order_id=order.order_id, status=paid(order, **status), at=NOON).state  # type: ignore[arg-type]
        assert state is OrderState.REVIEW
    assert told("payment.received") == []


def test_money_that_comes_after_the_page_expired_is_still_credited(terms: Terms) -> None:
    order = at_provider(terms)
    expired = CheckoutStatus(order.provider_ref, "expired", order.amount_micros, "EUR")
    assert operations.record_status(order_id=order.order_id, status=expired, at=NOON).state is OrderState.LAPSED
    assert operations.record_status(order_id=order.order_id, status=paid(order), at=NOON).state is OrderState.PAID
    assert told("payment.received") == [order.order_id]


def test_a_status_of_another_checkout_changes_nothing(terms: Terms) -> None:
    order = at_provider(terms)
    other = CheckoutStatus("cs_other", "paid", order.amount_micros, "EUR")
    assert operations.record_status(order_id=order.order_id, status=other, at=NOON).state is OrderState.AT_PROVIDER


@pytest.mark.clause("IPP-9.2-100-a-month")
def test_beyond_100_euros_in_the_month_the_order_waits_for_a_transfer_and_its_receipt_pays_it(terms: Terms) -> None:
    for key in ("a", "b"):
        order = at_provider(terms, key=key, euros=50)
        operations.record_status(order_id=order.order_id, status=paid(order), at=NOON)
    order = place(terms, key="c", euros=10)
    assert (order.means, order.state) == (Means.TRANSFER, OrderState.AWAITING_TRANSFER)
    assert order.decision.clause == "IPP-9.2-100-a-month"
    later = NOON + timedelta(days=3)
    done = operations.receive_transfer(receipt=receipt(order.reference, 10), recorded_by="statement", at=later)
    assert done is not None
    assert (done.order_id, done.state, done.paid_at) == (order.order_id, OrderState.PAID, later)
    operations.receive_transfer(receipt=receipt(order.reference, 10), recorded_by="statement", at=later)
    assert told("payment.received").count(order.order_id) == 1


@pytest.mark.clause("IPP-9.2-100-a-month")
@pytest.mark.parametrize(
    ("second", "means"),
    [
        (datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC), Means.TRANSFER),
        (datetime(2026, 11, 30, 23, 0, 0, tzinfo=UTC), Means.CARD),
    ],
)
def test_the_month_of_the_limit_ends_at_midnight_in_paris(terms: Terms, second: datetime, means: Means) -> None:
    order = at_provider(terms, key="a", euros=100)
    operations.record_status(order_id=order.order_id, status=paid(order), at=NOON)
    assert place(terms, key="b", at=second).means is means


@pytest.mark.clause("IPP-9.2-100-a-month")
def test_two_open_card_pages_cannot_pass_the_limit_together(terms: Terms) -> None:
    at_provider(terms, key="a", euros=100)
    assert place(terms, key="b", euros=10).means is Means.TRANSFER


def test_an_order_never_opened_at_the_provider_gives_way_to_the_next(terms: Terms) -> None:
    first = place(terms, key="a", euros=100)
    assert place(terms, key="b", euros=100).means is Means.CARD
    assert queries.order(first.order_id).state is OrderState.LAPSED


@pytest.mark.parametrize(
    ("euros", "text", "because"),
    [(199, "{ref}", "another amount"), (200, "merci", "unknown reference"), (200, "RF00123", "unknown reference")],
)
def test_a_receipt_that_fits_no_order_waits_for_staff(terms: Terms, euros: int, text: str, because: str) -> None:
    order = place(terms, euros=200)
    found = operations.receive_transfer(
        receipt=receipt(text.format(ref=order.reference), euros), recorded_by="statement", at=NOON
    )
    assert found is None
    assert [item.because for item in queries.unmatched_receipts()] == [because]
    assert queries.order(order.order_id).state is OrderState.AWAITING_TRANSFER


@pytest.mark.clause("IPP-9.2-100-a-month")
def test_an_order_whose_transfer_never_came_lapses_and_late_money_still_pays_it(terms: Terms) -> None:
    order = place(terms, euros=200)
    lapse = datetime(2026, 12, 22, 23, tzinfo=UTC)  # 24:00 in Paris of the thirtieth day
    assert queries.next_transfer_lapse() == lapse
    assert operations.lapse_transfers(at=lapse - timedelta(microseconds=1)) == 0
    assert operations.lapse_transfers(at=lapse) == 1
    assert queries.next_transfer_lapse() is None
    assert queries.order(order.order_id).state is OrderState.LAPSED
    done = operations.receive_transfer(receipt=receipt(order.reference, 200), recorded_by="statement", at=NOON)
    assert done is not None
    assert done.state is OrderState.PAID


def test_a_refused_amount_leaves_nothing_behind(terms: Terms) -> None:
    with pytest.raises(operations.TopUpRefused) as refused:
        place(terms, euros=11)
    assert refused.value.details["decision"].clause == "IPP-9.2-top-up-amounts"  # type: ignore[attr-defined]
    assert queries.orders("A000001") == ()


def test_an_order_of_another_account_is_not_shown(terms: Terms) -> None:
    order = place(terms)
    with pytest.raises(queries.UnknownOrder):
        queries.order(order.order_id, account="A000002")
