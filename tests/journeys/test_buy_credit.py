"""Buying credit, end to end: order, the provider's real card page, notices, receipt, bucket."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from cadran.charging.ports import Bought, BuyCredit, ChargingUnavailable
from cadran.journeys import carry, credit
from cadran.payment import queries
from cadran.payment.adapters.stripe_checkout import StripeCheckout
from cadran.payment.ports import ForgedNotice, ProviderRefused, ProviderUncertain
from cadran.payment.queries import Order
from cadran.payment.rules import OrderState
from cadran.policy import queries as policy
from journeys.conftest import Notices

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("buyer")]
EUR = 1_000_000
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SUCCESS, REFUSED, LATE, DUPLICATE, SILENT = (
    "4242 4242 4242 4242",
    "4000 0000 0000 0002",
    "4000 0000 0000 0044",
    "4000 0000 0000 0051",
    "4000 0000 0000 0069",
)


@dataclass
class RecordingCharging:
    """Stands for the charging service where only the requests matter."""

    bought: list[BuyCredit] = field(default_factory=list)
    down: bool = False

    def buy_credit(self, request: BuyCredit) -> Bought:
        if self.down:
            raise ChargingUnavailable("down")
        self.bought.append(request)
        return Bought(key=request.key, bucket="b", expires_at=request.at, balance_micros=0)


def order(card: StripeCheckout, *, key: str = "k1", euros: int = 10) -> Order:
    return credit.order_top_up(
        key=key,
        account="A000001",
        brand="ippi",
        terms=policy.terms("ippi/2018-04"),
        opened_at=NOON,
        amount_micros=euros * EUR,
        currency="EUR",
        description="Crédit IPPI",
        return_url=lambda order_id: f"http://127.0.0.1:9/topup/{order_id}",
        provider=card,
        at=NOON,
    )


def pay(placed: Order, number: str) -> httpx.Response:
    return httpx.post(placed.checkout_url, data={"card": number, "action": "pay"}, trust_env=False)


def wait_for(notices: Notices, count: int, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while len(notices.received) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(notices.received) >= count


def take(notices: Notices, card: StripeCheckout) -> list[str]:
    return [
        credit.card_notice(payload=body, signature=signature, provider=card, at=NOON)
        for body, signature in notices.received
    ]


def test_a_card_payment_becomes_credit_once_though_its_notice_comes_three_times(
    card: StripeCheckout, notices: Notices
) -> None:
    placed = order(card)
    assert pay(placed, DUPLICATE).status_code == 303
    wait_for(notices, 3)
    assert take(notices, card) == ["paid", "repeated", "repeated"]
    charging = RecordingCharging()
    carry.pending(charging=charging, now=NOON)  # type: ignore[arg-type]
    carry.pending(charging=charging, now=NOON)  # type: ignore[arg-type]
    (bought,) = charging.bought
    assert (bought.key, bought.account, bought.amount_micros, bought.at) == (placed.order_id, "A000001", 10 * EUR, NOON)


def test_a_refused_card_gives_nothing_and_another_card_may_then_pay(card: StripeCheckout, notices: Notices) -> None:
    placed = order(card)
    assert pay(placed, REFUSED).status_code == 402
    assert credit.refresh(order_id=placed.order_id, provider=card, at=NOON).state is OrderState.AT_PROVIDER
    assert pay(placed, SUCCESS).status_code == 303
    assert credit.refresh(order_id=placed.order_id, provider=card, at=NOON).state is OrderState.PAID


def test_a_late_notice_is_not_waited_for_when_the_customer_comes_back(card: StripeCheckout, notices: Notices) -> None:
    placed = order(card)
    pay(placed, LATE)
    assert credit.refresh(order_id=placed.order_id, provider=card, at=NOON).state is OrderState.PAID
    wait_for(notices, 1)
    assert take(notices, card) == ["paid"]
    charging = RecordingCharging()
    carry.pending(charging=charging, now=NOON)  # type: ignore[arg-type]
    assert len(charging.bought) == 1


def test_a_notice_that_never_comes_is_made_up_for_by_asking(card: StripeCheckout) -> None:
    placed = order(card)
    pay(placed, SILENT)
    assert credit.poll_cards(provider=card, at=NOON) == 1
    assert queries.order(placed.order_id).state is OrderState.PAID
    assert credit.poll_cards(provider=card, at=NOON) == 0


def test_a_time_out_of_the_provider_leaves_an_order_that_the_same_key_takes_up_again(card: StripeCheckout) -> None:
    httpx.post(f"{card.base_url}/sandbox/stall", json={"count": 1}, trust_env=False)
    with pytest.raises(ProviderUncertain):
        order(card)
    (uncertain,) = queries.orders("A000001")
    assert uncertain.state is OrderState.CREATED
    again = order(card)
    assert (again.order_id, again.state) == (uncertain.order_id, OrderState.AT_PROVIDER)


def test_a_new_order_closes_the_card_page_of_the_one_before(card: StripeCheckout) -> None:
    first, second = order(card, key="a", euros=100), order(card, key="b", euros=100)
    assert queries.order(first.order_id).state is OrderState.LAPSED
    assert second.state is OrderState.AT_PROVIDER
    assert pay(first, SUCCESS).status_code == 410


@pytest.mark.clause("IPP-9.2-100-a-month")
def test_when_the_page_before_was_paid_meanwhile_the_next_order_needs_a_transfer(card: StripeCheckout) -> None:
    pay(order(card, key="a", euros=100), SUCCESS)
    assert order(card, key="b", euros=10).state is OrderState.AWAITING_TRANSFER


def test_forged_old_and_altered_notices_are_refused(card: StripeCheckout, notices: Notices) -> None:
    placed = order(card)
    pay(placed, SUCCESS)
    wait_for(notices, 1)
    body, signature = notices.received[0]
    event = json.loads(body)
    event["data"]["object"]["amount_total"] = 99999
    stale = signature.replace("t=", "t=1")
    for forged_body, forged_signature in (
        (json.dumps(event).encode(), signature),
        (body, "t=1,v1=00"),
        (body, ""),
        (body, stale),
    ):
        with pytest.raises(ForgedNotice):
            credit.card_notice(payload=forged_body, signature=forged_signature, provider=card, at=NOON)
    assert queries.order(placed.order_id).state is OrderState.AT_PROVIDER


def test_a_wrong_key_is_refused_by_the_provider(card: StripeCheckout) -> None:
    stranger = StripeCheckout(api_key="sk_wrong", webhook_secret="x", base_url=card.base_url, timeout_s=2)
    with pytest.raises(ProviderRefused):
        order(stranger)


def test_credit_follows_when_charging_comes_back(card: StripeCheckout) -> None:
    placed = order(card)
    pay(placed, SUCCESS)
    credit.refresh(order_id=placed.order_id, provider=card, at=NOON)
    charging = RecordingCharging(down=True)
    assert carry.pending(charging=charging, now=NOON) == 0  # type: ignore[arg-type]
    charging.down = False
    assert carry.pending(charging=charging, now=NOON) == 0, "it pauses before the next attempt"  # type: ignore[arg-type]
    assert carry.pending(charging=charging, now=NOON + timedelta(seconds=2)) == 1  # type: ignore[arg-type]
    assert [bought.key for bought in charging.bought] == [placed.order_id]
