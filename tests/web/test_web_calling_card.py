"""What KRYPTOOW's customers see of calls by access number and callback, of prices, and of their credit."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from test_web_calling import account, browser
from usage_rig import AT, LANDLINE, MOBILE, Till

from cadran.catalog import queries as catalog
from cadran.catalog.rules import Rate
from cadran.charging import queries as charging
from cadran.journeys import credit, mails
from cadran.party import queries as party
from cadran.payment.ports import Checkout
from cadran.units.clock import FixedClock
from cadran.voice.b2bua import plans

pytestmark = pytest.mark.django_db(databases="__all__")
TERMS = "kryptoow/2018-01"
RATE = Rate(prefix="336", destination="France mobile", currency="EUR", price_nanos=90_000_000, first_s=60, next_s=60)
ABROAD = Rate(prefix="44", destination="Royaume-Uni", currency="EUR", price_nanos=60_000_000, first_s=1, next_s=1)


@pytest.fixture
def ines(monkeypatch: pytest.MonkeyPatch) -> party.Customer:
    monkeypatch.setattr(settings, "CIVIL_CLOCK", FixedClock(AT + timedelta(hours=6)))
    return account("ines")


@pytest.fixture
def till(ines: party.Customer) -> Till:
    till = Till(ines.account, brand="kryptoow", terms=TERMS)
    till.buy("pay1", 10_000_000)
    return till


@pytest.fixture
def prices(monkeypatch: pytest.MonkeyPatch) -> None:
    def price_of(brand: str, digits: str, at: object, **more: object) -> catalog.Price | None:
        rate = {"33": RATE, "44": ABROAD}.get(digits[:2])
        return catalog.Price(rate=rate, tax="included") if rate else None

    monkeypatch.setattr(catalog, "price_of", price_of)


def text(page: Client, path: str) -> str:
    """A page as people read it."""
    answer = page.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    body = re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.mark.clause("KRY-3.1-call-credit", "KRY-4.4.1-per-minute", "LAW-per-second")
def test_a_family_is_one_line_with_its_legs_their_prices_and_clauses(ines: party.Customer, till: Till) -> None:
    till.call(200, via="access-leg", family="fam1", direction="inbound", destination="33187000001", caller=MOBILE)
    first = till.call(61, via="access-number", family="fam1", by_minute=True)
    till.call(61, via="access-number", family="fam1", destination=LANDLINE, number_class="geographic")
    till.call(10)
    page = text(browser(ines), "/calls/")
    assert "Appels 2 Payants 2" in page
    total = 240_000 + 12_200
    assert "0,2522 €" in page  # two minutes begun at 0.12, and 61 seconds at 0.012 a minute
    assert total == 252_200
    for said in (
        "Votre appel au numéro d’accès",
        "à la minute · KRY-4.4.1-per-minute",
        "à la seconde · LAW-per-second",
    ):
        assert said in page, said
    english = text(browser(ines, "en"), "/calls/")
    assert "Your call to the access number" in english
    why = text(browser(ines), f"/calls/{first.cdr_id}/")
    assert "Un appel, plusieurs branches 0,2522 €" in why
    assert "2 × 60 s" not in why
    assert "Vous l'avez demandé ainsi." in why
    file = b"".join(browser(ines).get("/calls/calls.csv"))
    rows = list(csv.reader(io.StringIO(file.decode("utf-8-sig")), delimiter=";"))
    assert [row[-1] for row in rows[1:]].count("fam1") == 3
    lines = "\n".join(charging.explanation(first.cdr_id).lines("en"))
    assert "increments 60/60 s (increments of the contract or of the law, KRY-4.4.1-per-minute)" in lines
    assert "Legs of the same call: 0.2522 EUR in all" in lines
    assert "call to the access number 33187000001, answered, 200 s: 0.00 EUR (KRY-4.4.1-access-cost)" in lines


@pytest.mark.clause("KRY-4.4.1-per-minute", "LAW-per-second")
def test_the_price_page_tells_the_increments_their_reason_and_the_minutes_of_5_10_and_20_euros(prices: None) -> None:
    page = text(browser(), "/prices/?q=0612345678&minutes=1:01")
    assert "Un appel de 1 min 01 s 0,0915 €" in page
    assert "la loi le veut facturé à la seconde" in page
    assert "Pour 5 € 55 min Pour 10 € 1 h 51 min Pour 20 € 3 h 42 min" in page
    for who in ("company", "by-minute"):
        page = text(browser(), f"/prices/?q=0612345678&minutes=1:01&who={who}")
        assert "Un appel de 1 min 01 s 0,18 €" in page
        assert "par minute entamée, sans frais de connexion" in page
    page = text(browser(), "/prices/?q=%2B442079460000&minutes=1:01")
    assert "Un appel de 1 min 01 s 0,12 €" in page
    assert "KRY-4.4.1-per-minute" in page


@pytest.mark.clause("KRY-3.1-call-credit")
def test_every_page_of_the_account_opens_and_credit_is_bought_on_ones_own_site(
    ines: party.Customer, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser(ines)
    for path in ("/dashboard/", "/calls/", "/payments/", "/statement/", "/account/", "/preferences/", "/offers/", "/"):
        text(page, path)
    assert "Brancher un téléphone" not in text(page, "/dashboard/")
    assert page.post("/preferences/", {"duration": "raised"}).status_code == 404
    offered = re.findall(r'name="amount" value="(\d+)"', page.get("/topup/").content.decode())
    assert offered == ["5000000", "10000000", "20000000", "50000000"]
    asked: dict[str, object] = {}

    class Provider:
        def open_checkout(self, **given: object) -> Checkout:
            asked.update(given)
            return Checkout(provider_ref="cs_1", url="https://card.example/1")

    monkeypatch.setattr(credit, "card_provider", Provider)
    page.post("/topup/", {"key": "k1", "amount": "5000000"})
    assert urlsplit(str(asked["success_url"])).netloc == urlsplit(mails.site_url("kryptoow")).netloc
    assert urlsplit(str(asked["cancel_url"])).hostname == "kryptoow.localhost"


@pytest.mark.clause("LAW-per-second")
def test_a_telephone_of_ours_tells_charging_whether_a_consumer_pays() -> None:
    for consumer in (True, False):
        plan = plans.Plan(account="A1", terms=TERMS, destination=MOBILE, number_class="mobile", consumer=consumer)
        assert plans.authorise_call(plan, session="s", at=AT, call_id="c").consumer is consumer
