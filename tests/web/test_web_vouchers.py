"""Topping up by voucher on the portal: good codes, slips, guesses, other people's vouchers, in French and in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from cadran.charging.ports import BuyCredit
from cadran.party import models
from cadran.party import rules as party_rules
from cadran.payment.vouchers import queries, rules
from cadran.payment.vouchers.models import VoucherRedemption
from charging.charging_rig import reading
from journeys.voucher_rig import AT, CLAIRE, DENIS, EUR, TERMS, Shop, open_shop, served

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
PAGE = "/topup/voucher/"


@pytest.fixture
def shop(tmp_path: Path, settings: Settings) -> Iterator[Shop]:
    settings.BRAND, settings.CHARGING_SOCKET = "kryptoow", tmp_path / "c.sock"
    settings.CIVIL_CLOCK = _Fixed()
    for one in open_shop(tmp_path):
        for customer in models.Customer.objects.all():
            for document in party_rules.Document:
                models.TermsAcceptance.objects.create(
                    customer=customer,
                    document=document.value,
                    ref=TERMS,
                    text_sha256="ab" * 32,
                    language="fr",
                    at=AT,
                    ip="192.0.2.7",
                )
        one.engine.buy_credit(
            BuyCredit(key="pay", account=CLAIRE, terms=TERMS, amount_micros=3_420_000, currency="EUR", at=AT)
        )
        with served(one.engine, tmp_path / "c.sock"), reading(tmp_path / "charging.db"):
            yield one


class _Fixed:
    def now(self) -> object:
        return AT


def browser(name: str = "claire", language: str = "fr") -> Client:
    found = Client(HTTP_ACCEPT_LANGUAGE=language)
    found.force_login(get_user_model().objects.get(username=name))
    return found


def send(client: Client, code: str, **changes: str) -> tuple[int, str, str]:
    """Sends the form as a browser does; status, address of what follows, words of the page."""
    page = client.get(PAGE).content.decode()
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    answer = client.post(PAGE, {"code": code, "key": key[1]} | changes)
    return answer.status_code, answer.headers.get("Location", ""), answer.content.decode()


@pytest.mark.clause("KRY-2.4-coupons")
def test_a_good_code_shows_the_credit_before_and_after_and_until_when_it_lasts(shop: Shop) -> None:
    serial, code = shop.batch(1, 10).codes[0]
    claire = browser()
    status, where, _ = send(claire, rules.grouped(code))
    assert status == 302
    told = claire.get(where).content.decode()
    for words in ("3,42", "+ 10,00", "13,42", "2 mars 2027", rules.shown_serial(serial), "crédité"):
        assert words in told.replace("\u00a0", " ").replace("\u202f", " "), words
    assert 'href="/statement/purchase/voucher-vou_' in told
    assert "Ticket de recharge" in claire.get(re.search(r'href="(/statement/purchase[^"]+)"', told)[1]).content.decode()  # type: ignore[index]
    assert claire.get(where, HTTP_ACCEPT_LANGUAGE="en").content.decode().count("Serial number") == 1
    assert browser("denis").get(where).status_code == 404
    assert shop.credit_micros() == 13_420_000


@pytest.mark.parametrize(
    ("language", "mistyped", "unknown", "used"),
    [
        ("fr", "Ce n&#x27;est pas un code", "Ce code n&#x27;est pas valable", "Vous avez déjà utilisé ce ticket"),
        ("en", "This is not a voucher&#x27;s code", "This code is not valid", "You have used this voucher already"),
    ],
)
def test_what_is_wrong_is_said_in_the_language_of_the_page(
    language: str, mistyped: str, unknown: str, used: str, shop: Shop
) -> None:
    code = shop.batch(1).codes[0][1]
    claire = browser(language=language)
    slip = send(claire, code[:-1] + str((int(code[-1]) + 1) % 10))
    assert (slip[0], mistyped in slip[2]) == (422, True)
    assert f'value="{code[:8]}' in slip[2]  # what was mistyped stays, to be mended
    wrong = rules.code_of(7)
    guess = send(claire, wrong)
    assert (guess[0], unknown in guess[2], wrong in guess[2]) == (422, True, False)
    assert send(claire, code)[0] == 302
    again = send(claire, code)
    assert (again[0], used in again[2]) == (422, True)
    assert unknown in send(browser("denis", language), code)[2]


@pytest.mark.clause("KRY-2.4-coupons")
def test_after_five_guesses_the_page_says_until_when_to_wait(shop: Shop) -> None:
    claire = browser()
    for number in range(5):
        assert send(claire, rules.code_of(number))[0] == 422
    key = "wait"
    answer = claire.post(PAGE, {"code": shop.batch(1).codes[0][1], "key": key})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "Trop de codes erronés" in answer.content.decode()
    assert "Prochain essai possible" in answer.content.decode()
    assert VoucherRedemption.objects.count() == 0


def test_a_reloaded_form_sends_nothing_twice_and_a_forged_one_nothing_at_all(shop: Shop) -> None:
    one, two = (code for _, code in shop.batch(2).codes)
    claire = browser()
    form = {"code": one, "key": "same"}
    first, again = (claire.post(PAGE, form) for _ in range(2))
    assert first.headers["Location"] == again.headers["Location"]
    assert claire.post(PAGE, {"code": two, "key": "same"}).status_code == 409
    assert claire.post(PAGE, {"code": two, "key": "<script>"}).status_code == 409
    assert shop.credit_micros() == 13_420_000
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = claire.cookies
    assert strict.post(PAGE, {"code": two, "key": "k"}).status_code == 403
    assert Client().post(PAGE, {"code": two, "key": "k"}).status_code == 302
    assert queries.redemptions(account=DENIS) == ()


def test_while_charging_is_away_the_page_says_that_the_credit_follows(shop: Shop, settings: Settings) -> None:
    settings.CHARGING_SOCKET = Path("/nonexistent/c.sock")
    claire, code = browser(), shop.batch(1).codes[0][1]
    status, where, _ = send(claire, code)
    assert status == 302
    assert "n’est plus qu’à vous" in claire.get(where).content.decode()
    assert "crédit en route" in claire.get(PAGE).content.decode()
    from cadran.payment.vouchers import redemption

    assert redemption.resume(at=AT + timedelta(seconds=15), credits_=shop.credits) == 1
    assert "13,42" in claire.get(where).content.decode()


def test_a_brand_without_vouchers_has_no_such_page(shop: Shop, settings: Settings) -> None:
    models.BillingAccount.objects.filter(number=CLAIRE).update(brand="ippi", terms_ref="ippi/2018-04")
    models.Customer.objects.filter(name="Claire").update(brand="ippi")
    settings.BRAND = "ippi"
    assert browser().get(PAGE).status_code in (302, 404)
    assert EUR == 1_000_000
