"""Refunds to the card: the unused credit first, the provider next, and no step done twice, whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cadran.charging.engine import Engine
from cadran.charging.ports import BuyCredit, ChargingUnavailable, WithdrawCredit, Withdrawn
from cadran.journeys import credit, refunds
from cadran.payment import queries
from cadran.payment import refunds as payment_refunds
from cadran.payment.adapters.stripe_checkout import StripeCheckout
from cadran.payment.operations import KeyReused
from cadran.payment.ports import ProviderUncertain
from cadran.payment.queries import Order
from cadran.payment.rules import RefundState
from cadran.policy import events
from cadran.policy import queries as policy
from charging.charging_rig import AT, TERMS, Books, fresh_file, open_engine

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("buyer")]
EUR = 1_000_000


@pytest.fixture
def card(quiet_card: StripeCheckout) -> StripeCheckout:
    return quiet_card


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(fresh_file(tmp_path / "charging.db"))


@pytest.fixture
def engine(books: Books) -> Iterator[Engine]:
    engine = open_engine(books.path)
    engine.open_wallet(account="A000001", brand="ippi", currency="EUR", at=AT)
    yield engine
    engine.close()


@pytest.fixture
def paid(card: StripeCheckout, engine: Engine) -> Order:
    """Ten euros paid by card, and the credit that they became."""
    placed = credit.order_top_up(
        key="k1",
        account="A000001",
        brand="ippi",
        terms=policy.terms(TERMS),
        opened_at=AT,
        amount_micros=10 * EUR,
        currency="EUR",
        description="Crédit IPPI",
        return_url=lambda order_id: f"http://127.0.0.1:9/topup/{order_id}",
        provider=card,
        at=AT,
    )
    httpx.post(placed.checkout_url, data={"card": "4242424242424242", "action": "pay"}, trust_env=False)
    order = credit.refresh(order_id=placed.order_id, provider=card, at=AT)
    engine.buy_credit(
        BuyCredit(key=order.order_id, account="A000001", terms=TERMS, amount_micros=10 * EUR, currency="EUR", at=AT)
    )
    return order


def refund(paid: Order, card: StripeCheckout, engine: object, micros: int = 4 * EUR, key: str = "r1", **more: object):  # type: ignore[no-untyped-def]
    return refunds.refund_payment(
        order_id=paid.order_id,
        amount_micros=micros,
        key=key,
        reason="double achat",
        by="nadia",
        at=AT,
        provider=card,
        charging=engine,
        **more,
    )


def told() -> list[str]:
    return [event.kind for event in events.pending_events(at=AT) if event.kind.startswith("payment.refund")]


def test_a_refund_takes_the_credit_pays_the_card_and_is_told_once(
    paid: Order, card: StripeCheckout, engine: Engine, books: Books
) -> None:
    done = refund(paid, card, engine)
    assert done.state is RefundState.DONE
    assert done.provider_ref.startswith("re_")
    assert books.balance("A000001") == (6 * EUR, 0)
    assert (
        books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'payments/card/EUR'") == -6 * EUR
    )
    assert refund(paid, card, engine) == done
    assert books.balance("A000001") == (6 * EUR, 0)
    assert told() == ["payment.refunded"]


def test_no_more_is_refunded_than_was_paid(paid: Order, card: StripeCheckout, engine: Engine) -> None:
    refund(paid, card, engine, 6 * EUR, "a")
    with pytest.raises(payment_refunds.RefundRefused):
        refund(paid, card, engine, 4 * EUR + 1, "b")
    assert refund(paid, card, engine, 4 * EUR, "c").state is RefundState.DONE
    with pytest.raises(payment_refunds.RefundRefused):
        refund(paid, card, engine, 10_000, "d")


def test_credit_that_is_spent_is_not_refunded(paid: Order, card: StripeCheckout, engine: Engine, books: Books) -> None:
    engine.withdraw(WithdrawCredit(key="spent", account="A000001", step="hold", at=AT, amount_micros=9 * EUR))
    answer = refund(paid, card, engine)
    assert answer.state is RefundState.REFUSED
    assert "free" in answer.note
    assert books.balance("A000001") == (10 * EUR, 9 * EUR)
    assert told() == ["payment.refund-refused"]


def test_the_provider_s_no_gives_the_credit_back(
    paid: Order, card: StripeCheckout, engine: Engine, books: Books
) -> None:
    httpx.post(
        f"{card.base_url}/v1/refunds",
        data={"payment_intent": _intent(card, paid), "amount": "800"},
        headers={"authorization": "Bearer sk_test_x"},
        trust_env=False,
    )  # somebody refunded it at the provider's own screen
    answer = refund(paid, card, engine)
    assert answer.state is RefundState.REFUSED
    assert books.balance("A000001") == (10 * EUR, 0)


def test_a_provider_that_does_not_answer_is_asked_again_and_refunds_once(
    paid: Order, card: StripeCheckout, engine: Engine, books: Books
) -> None:
    httpx.post(f"{card.base_url}/sandbox/stall", json={"skip": 1, "count": 1}, trust_env=False)  # the refund itself
    waiting = refund(paid, card, engine)
    assert waiting.state is RefundState.ASKED
    assert books.balance("A000001") == (10 * EUR, 4 * EUR)
    assert refunds.carry_refunds(provider=card, charging=engine, at=AT) == 0  # too soon
    later = AT + timedelta(seconds=10)
    assert refunds.carry_refunds(provider=card, charging=engine, at=later) == 1
    assert books.balance("A000001") == (6 * EUR, 0)
    assert refunds.carry_refunds(provider=card, charging=engine, at=later + timedelta(seconds=10)) == 0
    seen = httpx.get(
        f"{card.base_url}/v1/payment_intents/{_intent(card, paid)}",
        headers={"authorization": "Bearer sk_test_x"},
        trust_env=False,
    ).json()
    assert seen["amount_refunded"] == 400


class Dying:
    """Charging that stops answering at the n-th request, after having done it."""

    def __init__(self, engine: Engine, at: int) -> None:
        self.engine, self.left = engine, at

    def withdraw(self, request: WithdrawCredit) -> Withdrawn:
        done = self.engine.withdraw(request)
        self.left -= 1
        if self.left == 0:
            raise ChargingUnavailable("gone")
        return done


@pytest.mark.parametrize("step", [1, 2])
def test_charging_that_dies_after_a_step_is_taken_up_where_it_was(
    paid: Order, card: StripeCheckout, engine: Engine, books: Books, step: int
) -> None:
    assert refund(paid, card, Dying(engine, step)).state is not RefundState.DONE
    assert refunds.carry_refunds(provider=card, charging=engine, at=AT + timedelta(seconds=10)) == 1
    assert books.balance("A000001") == (6 * EUR, 0)
    assert told() == ["payment.refunded"]


def test_a_key_is_one_refund_and_a_refund_has_a_reason(paid: Order, card: StripeCheckout, engine: Engine) -> None:
    refund(paid, card, engine)
    with pytest.raises(KeyReused):
        refund(paid, card, engine, 3 * EUR)
    for reason, by in (("", "nadia"), ("oui", " ")):
        with pytest.raises(payment_refunds.RefundRefused):
            refunds.refund_payment(
                order_id=paid.order_id,
                amount_micros=EUR,
                key="r9",
                reason=reason,
                by=by,
                at=AT,
                provider=card,
                charging=engine,
            )
    with pytest.raises(queries.UnknownOrder):
        payment_refunds.place(key="r8", order_id="pay_none", amount_micros=EUR, reason="x", by="y", at=AT)


def _intent(card: StripeCheckout, paid: Order) -> str:
    session = httpx.get(
        f"{card.base_url}/v1/checkout/sessions/{paid.provider_ref}",
        headers={"authorization": "Bearer sk_test_x"},
        trust_env=False,
    ).json()
    return str(session["payment_intent"])


def test_a_stalled_page_of_the_provider_is_uncertain_not_refused(card: StripeCheckout) -> None:
    httpx.post(f"{card.base_url}/sandbox/stall", json={"count": 1}, trust_env=False)
    with pytest.raises(ProviderUncertain):
        card.refund_status("re_x")
