"""Buying credit on the site: what is offered, what is refused, transfers, and notices from strangers. The card page itself is driven
in tests/journeys (requests) and tests/acceptance (a whole installation)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from django.test import Client

from cadran.journeys import credit
from cadran.party import queries as party
from cadran.payment import queries
from cadran.payment.ports import Checkout, CheckoutStatus, ForgedNotice, Notice, ProviderUncertain
from cadran.payment.rules import OrderState

pytestmark = pytest.mark.django_db(databases="__all__")
EUR = 1_000_000


@dataclass
class QuietProvider:
    """Stands at the port where only the pages are tested: opens pages, says what it was told to say."""

    down: bool = False
    opened: list[str] = field(default_factory=list)
    state: str = "open"

    def open_checkout(self, *, key: str, amount_micros: int, **_: object) -> Checkout:
        if self.down:
            raise ProviderUncertain("down")
        self.opened.append(key)
        self.amount = amount_micros
        return Checkout(provider_ref=f"cs_{key}", url=f"https://card.example/{key}")

    def status(self, provider_ref: str) -> CheckoutStatus:
        return CheckoutStatus(provider_ref, self.state, self.amount, "EUR")

    def expire(self, provider_ref: str) -> CheckoutStatus:
        return CheckoutStatus(provider_ref, "expired", self.amount, "EUR")

    def read_notice(self, payload: bytes, signature: str) -> Notice | None:
        raise ForgedNotice("no")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> QuietProvider:
    quiet = QuietProvider()
    monkeypatch.setattr(credit, "card_provider", lambda: quiet)
    return quiet


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def account() -> str:
    customer = party.customer_named("claire")
    assert customer
    return customer.account


@pytest.mark.clause("IPP-9.2-top-up-amounts")
def test_the_page_offers_the_amounts_of_the_terms_and_says_how_each_is_paid(claire: Client) -> None:
    page = claire.get("/topup/").content.decode()
    offered = [int(value) for value in re.findall(r'name="amount" value="(\d+)"', page)]
    assert offered == [amount * EUR for amount in (10, 25, 50, 100, 200, 500)]
    assert re.findall(r"par (carte|virement)</span>", page) == ["carte"] * 4 + ["virement"] * 2


def test_a_choice_leads_to_the_card_page_and_the_same_form_sent_twice_places_one_order(
    claire: Client, provider: QuietProvider
) -> None:
    form = {"key": key_of(claire.get("/topup/").content.decode()), "amount": str(10 * EUR)}
    first, second = claire.post("/topup/", form), claire.post("/topup/", form)
    assert first.headers["location"] == second.headers["location"]
    assert first.headers["location"].startswith("https://card.example/pay_")
    assert len(queries.orders(account())) == 1


@pytest.mark.clause("IPP-9.2-100-a-month")
def test_an_amount_beyond_the_months_limit_shows_the_reference_of_its_transfer(
    claire: Client, provider: QuietProvider
) -> None:
    answer = claire.post("/topup/", {"key": "k", "amount": str(200 * EUR)}, follow=True)
    (order,) = queries.orders(account())
    page = answer.content.decode()
    assert order.state is OrderState.AWAITING_TRANSFER
    assert order.reference in page
    assert "IPP-9.2-100-a-month" in page
    assert provider.opened == []


@pytest.mark.clause("IPP-9.2-top-up-amounts")
@pytest.mark.parametrize("amount", ["11000000", "-10000000", "0", "", "10", "1e7", "٣", "9" * 40, "<script>"])
def test_any_other_amount_is_refused_in_plain_words_and_leaves_no_order(
    claire: Client, provider: QuietProvider, amount: str
) -> None:
    answer = claire.post("/topup/", {"key": "k", "amount": amount})
    assert answer.status_code == 422
    assert "n&#x27;est pas proposé" in answer.content.decode()
    assert queries.orders(account()) == ()


def test_when_the_provider_is_silent_nothing_is_lost_and_the_same_form_takes_it_up(
    claire: Client, provider: QuietProvider
) -> None:
    provider.down = True
    answer = claire.post("/topup/", {"key": "k1", "amount": str(10 * EUR)})
    assert answer.status_code == 503
    assert key_of(answer.content.decode()) == "k1"
    provider.down = False
    assert claire.post("/topup/", {"key": "k1", "amount": str(10 * EUR)}).status_code == 302
    assert len(queries.orders(account())) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "'; drop table payment_paymentorder; --"])
def test_a_bad_key_is_refused_without_an_order(claire: Client, provider: QuietProvider, key: str) -> None:
    assert claire.post("/topup/", {"key": key, "amount": str(10 * EUR)}).status_code == 409
    assert queries.orders(account()) == ()


def test_coming_back_asks_the_provider_and_shows_that_the_order_is_paid(
    claire: Client, provider: QuietProvider
) -> None:
    claire.post("/topup/", {"key": "k1", "amount": str(10 * EUR)})
    (order,) = queries.orders(account())
    assert 'data-order-state="at_provider"' in claire.get(f"/topup/{order.order_id}/").content.decode()
    provider.state = "paid"
    assert 'data-order-state="paid"' in claire.get(f"/topup/{order.order_id}/").content.decode()


def test_an_order_of_somebody_else_is_not_found(
    claire: Client, provider: QuietProvider, sign_up: object, visitor: Client
) -> None:
    claire.post("/topup/", {"key": "k1", "amount": str(10 * EUR)})
    (order,) = queries.orders(account())
    other = Client(HTTP_ACCEPT_LANGUAGE="fr")
    other.post(sign_up(other, username="paul", email="paul@example.org"))  # type: ignore[operator]
    assert other.get("/dashboard/").status_code == 200
    assert other.get(f"/topup/{order.order_id}/").status_code == 404
    assert other.get("/topup/pay_nothing/").status_code == 404


def test_without_signing_in_nothing_is_offered(visitor: Client) -> None:
    assert visitor.get("/topup/").headers["location"].startswith("/account/login/")


def test_a_form_from_another_site_is_refused(claire: Client, provider: QuietProvider) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = claire.cookies
    assert strict.post("/topup/", {"key": "k1", "amount": str(10 * EUR)}).status_code == 403
    assert queries.orders(account()) == ()


def test_notices_without_the_providers_signature_are_refused(db: None, client: Client) -> None:
    forged = client.post(
        "/payments/webhooks/card", b'{"type": "checkout.session.completed"}', content_type="application/json"
    )
    assert forged.status_code == 400
    assert client.get("/payments/webhooks/card").status_code == 405
    large = client.post("/payments/webhooks/card", b"x" * 100_001, content_type="application/json")
    assert large.status_code == 413
