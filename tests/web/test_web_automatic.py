"""Automatic top-up on the site, with the sandbox provider's real page behind it."""

from __future__ import annotations

import re

import httpx
import pytest
from django.test import Client

from cadran.journeys import credit
from cadran.party import queries as party
from cadran.payment import automatic
from cadran.payment.adapters.stripe_checkout import StripeCheckout
from journeys.conftest import quiet_card  # noqa: F401 - the provider as a program

pytestmark = pytest.mark.django_db(databases="__all__")
EUR = 1_000_000
WISH = {"threshold": str(5 * EUR), "amount": str(25 * EUR), "cap": str(50 * EUR), "agree": "on"}


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch, quiet_card: StripeCheckout) -> StripeCheckout:  # noqa: F811
    monkeypatch.setattr(credit, "card_provider", lambda: quiet_card)
    return quiet_card


def wish() -> automatic.Wish | None:
    return automatic.wish(party.customer_named("claire").account)


def page(browser: Client) -> str:
    return str(browser.get("/payments/automatic/").content.decode())


def test_a_wish_leads_to_the_provider_and_coming_back_shows_the_card(claire: Client) -> None:
    answer = claire.post("/payments/automatic/", WISH)
    assert answer.status_code == 302
    assert 'data-automatic="setting-up"' in page(claire)
    httpx.post(answer["location"], data={"card": "4242424242424242", "action": "pay"}, trust_env=False)
    shown = page(claire)
    assert 'data-automatic="active"' in shown
    assert "visa •••• 4242, 12/2034" in shown
    assert "4242424242424242" not in shown


def test_a_changed_wish_keeps_the_card_and_another_card_is_asked_for_on_purpose(claire: Client) -> None:
    first = claire.post("/payments/automatic/", WISH)["location"]
    httpx.post(first, data={"card": "4242424242424242", "action": "pay"}, trust_env=False)
    page(claire)
    assert claire.post("/payments/automatic/", {**WISH, "cap": str(100 * EUR)})["location"] == "/payments/automatic/"
    found = wish()
    assert found
    assert (found.cap_micros, found.state) == (100 * EUR, automatic.State.ACTIVE)
    assert "/pay/" in claire.post("/payments/automatic/", {**WISH, "other_card": "on"})["location"]


def test_it_ends_with_one_button(claire: Client) -> None:
    claire.post("/payments/automatic/", WISH)
    claire.post("/payments/automatic/", {"end": "1"})
    found = wish()
    assert found
    assert found.state is automatic.State.ENDED
    assert "data-automatic" not in page(claire)


@pytest.mark.parametrize(
    "changes",
    [
        {"agree": ""},
        {"threshold": "3"},
        {"amount": "1"},
        {"cap": str(10 * EUR)},
        {"cap": str(500 * EUR)},
        {"amount": "9" * 40},
        {"cap": "²"},
    ],
)
def test_a_wish_that_was_not_offered_or_not_agreed_to_is_refused(claire: Client, changes: dict[str, str]) -> None:
    answer = claire.post("/payments/automatic/", {**WISH, **changes})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert wish() is None


def test_nobody_sets_it_up_without_signing_in_or_from_another_site(visitor: Client, claire: Client) -> None:
    assert Client().post("/payments/automatic/", WISH)["location"].startswith("/account/login/")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = claire.cookies
    assert strict.post("/payments/automatic/", WISH).status_code == 403
    assert wish() is None


def test_a_provider_that_does_not_answer_charges_nothing_and_says_so(claire: Client, provider: StripeCheckout) -> None:
    httpx.post(f"{provider.base_url}/sandbox/stall", json={"count": 1}, trust_env=False)
    answer = claire.post("/payments/automatic/", WISH)
    assert answer.status_code == 503
    assert re.search(r'role="alert">Le prestataire', answer.content.decode())
