"""EasyDialer as a customer of KRYPTOOW uses it: price and minutes first, then the call prepared or ordered, and an app to install."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from cadran.balance import queries as balance
from cadran.numbering import operations as numbering
from cadran.party import queries as party
from cadran.party.calling import contacts, queries
from cadran.units.e164 import E164
from cadran.voice import control
from cadran.voice.callback.models import PlacedCall
from web.test_web_calling import MOBILE, Told, account, browser, teller  # type: ignore[import-untyped] # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(databases="__all__")
DAKAR = "221771234567"


def text(page: Client, path: str, status: int = 200) -> str:
    """A page as people read it."""
    answer = page.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


@pytest.fixture
def awa(teller: Told, monkeypatch: pytest.MonkeyPatch) -> party.Customer:  # noqa: F811
    """A customer with one registered telephone and one euro; every number costs 2 cents a minute."""
    customer: party.Customer = account("awa")
    numbering.record_verified_number(
        e164=E164("+" + MOBILE), account=customer.account, brand="kryptoow", at=settings.CIVIL_CLOCK.now()
    )
    monkeypatch.setattr(balance, "spendable_micros", lambda account, at: 1_000_000)
    return customer


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[control.CallbackOrder]:
    """What the SIP process was asked; the telephone rings at once."""
    orders: list[control.CallbackOrder] = []

    def callback(order: control.CallbackOrder, *, door: Path) -> control.CallbackState:
        if order.key not in {one.key for one in orders}:
            orders.append(order)
            now = settings.CIVIL_CLOCK.now()
            PlacedCall.objects.create(
                key=order.key, id=f"cb{len(orders)}", kind="callback", account=order.account, brand=order.brand,
                fingerprint="", stage="ringing-you", asked_at=now, changed_at=now,
            )  # fmt: skip
        return control.CallbackState(key=order.key, id="cb1", stage="ringing-you")

    monkeypatch.setattr(control, "callback", callback)
    return orders


@pytest.mark.clause("KRY-4.4.1-easydialer", "KRY-1.1-beneficiary")
def test_price_and_minutes_of_each_way_are_shown_before_calling(awa: party.Customer) -> None:
    wished = contacts.Wished(name="Papa Moussa", number=E164("+" + DAKAR))
    contacts.add(account=awa.account, wished=wished, at=settings.CIVIL_CLOCK.now())
    page = browser(awa)
    assert "Papa Moussa" in text(page, "/easydialer/")
    shown = text(page, f"/easydialer/?to=%2B{DAKAR}")
    assert "Papa Moussa +221 77 123 45 67" in shown
    assert "25 min 0,02 € vers vous + 0,02 € vers lui, la minute" in shown  # EUR 1 for both legs at 2 cents each
    assert "50 min 0,02 € la minute · par minute commencée" in shown  # abroad: the law's second is for national numbers
    assert "votre opérateur peut facturer" in shown.lower()
    english = text(browser(awa, "en"), f"/easydialer/?to=%2B{DAKAR}")
    assert "Call me back" in english
    assert "Your operator may bill the call to the access number." in english


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("hello", "Ce n’est pas un numéro"),
        ("%2B33", "Ce n’est pas un numéro"),
        ("112", "urgence"),
        ("%2B870773000000", "satellitaires"),
        ("%22%3E%3Cscript%3E", "Ce n’est pas un numéro"),
    ],
)
def test_what_cannot_be_called_says_why_and_offers_nothing(awa: party.Customer, typed: str, said: str) -> None:
    answer = browser(awa).get(f"/easydialer/?to={typed}").content.decode()
    assert said in unescape(answer)
    assert "easydialer/callback/" not in answer
    assert "easydialer/prepare/" not in answer
    assert "<script>" not in answer


def test_without_a_registered_telephone_the_way_to_register_one_is_shown(teller: Told) -> None:  # noqa: F811
    page = browser(account("zoe"))
    assert "Enregistrer mon téléphone" in text(page, f"/easydialer/?to=%2B{DAKAR}")
    answer = page.post("/easydialer/prepare/", {"to": f"+{DAKAR}", "first": MOBILE}, follow=True)
    assert "Enregistrez d’abord le numéro" in answer.content.decode()


@pytest.mark.clause("KRY-4.4.1-easydialer", "KRY-4.4.1-access-cost")
def test_a_prepared_call_shows_the_numbers_to_dial_counts_down_and_can_be_withdrawn(awa: party.Customer) -> None:
    page = browser(awa)
    answer = page.post("/easydialer/prepare/", {"to": f"+{DAKAR}", "first": MOBILE})
    (made,) = queries.prepared_calls(awa.account, at=settings.CIVIL_CLOCK.now())
    assert answer.headers["Location"] == f"/easydialer/ready/{made.prepared_id}/"
    assert (made.calling, made.destination) == (MOBILE, DAKAR)
    shown = page.get(answer.headers["Location"]).content.decode()
    assert 'href="tel:+33199000100"' in shown
    assert 110 <= int(re.search(r'data-left="(\d+)"', shown)[1]) <= 120  # type: ignore[index]
    assert "Votre opérateur peut facturer" in shown
    other = browser(account("eve"))
    assert other.get(answer.headers["Location"]).status_code == 404
    other.post(f"/easydialer/ready/{made.prepared_id}/withdraw/")
    assert queries.prepared_calls(awa.account, at=settings.CIVIL_CLOCK.now())
    page.post(f"/easydialer/ready/{made.prepared_id}/withdraw/")
    assert not queries.prepared_calls(awa.account, at=settings.CIVIL_CLOCK.now())
    assert "n’est plus préparé" in text(page, answer.headers["Location"], 404)


def test_another_persons_number_prepares_nothing_for_it(awa: party.Customer) -> None:
    browser(awa).post("/easydialer/prepare/", {"to": f"+{DAKAR}", "first": "33699999999"})
    made = queries.prepared_calls(awa.account, at=settings.CIVIL_CLOCK.now())
    assert [one.calling for one in made] == [MOBILE]  # the customer's own, whatever the form says


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_callback_is_ordered_once_for_each_page_and_told_step_by_step(
    awa: party.Customer, placed: list[control.CallbackOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = browser(awa)
    key = re.search(r'name="key" value="([^"]+)"', page.get(f"/easydialer/?to=%2B{DAKAR}").content.decode())[1]  # type: ignore[index]
    asked = {"to": f"+{DAKAR}", "first": MOBILE, "key": key}
    for _ in range(2):
        answer = page.post("/easydialer/callback/", asked)
        assert answer.headers["Location"] == f"/easydialer/callback/{key}/"
    (order,) = placed
    assert (order.account, order.first, order.second) == (awa.account, MOBILE, f"+{DAKAR}")
    where = answer.headers["Location"]
    shown = page.get(where).content.decode()
    assert re.search(r'class="now" aria-current="step">\s*Votre téléphone sonne', shown)
    assert page.get(f"{where}live/").headers["Cache-Control"] == "no-store"
    for stage, words in (("ringing-them", "Votre correspondant sonne"), ("talking", "Vous êtes reliés")):
        PlacedCall.objects.update(stage=stage)
        assert re.search(rf'class="now" aria-current="step">\s*{words}', page.get(f"{where}live/").content.decode())
    PlacedCall.objects.update(stage="over", why="you-no-answer")
    assert "Vous n’avez pas décroché." in text(page, where)
    eve = browser(account("eve"))
    assert eve.get(where).status_code == 404
    assert eve.get(f"{where}live/").status_code == 404
    assert eve.post(f"{where}end/").status_code == 404


@pytest.mark.parametrize("key", ["", "x" * 65, "a/b", "a:b", "<b>"])
def test_a_callback_without_a_good_key_is_not_placed(
    awa: party.Customer, placed: list[control.CallbackOrder], key: str
) -> None:
    answer = browser(awa).post("/easydialer/callback/", {"to": f"+{DAKAR}", "first": MOBILE, "key": key})
    assert answer.status_code == 302
    assert placed == []
    assert answer.headers["Location"].startswith("/easydialer/?to=")


def test_a_forged_post_is_refused(awa: party.Customer, placed: list[control.CallbackOrder]) -> None:
    strict = Client(HTTP_HOST="kryptoow.localhost", enforce_csrf_checks=True)
    strict.cookies = browser(awa).cookies
    for path in ("/easydialer/callback/", "/easydialer/prepare/"):
        assert strict.post(path, {"to": f"+{DAKAR}", "first": MOBILE, "key": "k"}).status_code == 403
    assert placed == []


def test_the_app_installs_and_its_worker_keeps_nobodys_data(awa: party.Customer) -> None:
    anyone = browser()
    manifest = json.loads(anyone.get("/easydialer/manifest.webmanifest").content)
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == (
        "/easydialer/",
        "/easydialer/",
        "standalone",
    )
    assert {one["sizes"] for one in manifest["icons"]} == {"192x192", "512x512"}
    worker = anyone.get("/easydialer/worker.js")
    assert worker.headers["Content-Type"].startswith("text/javascript")
    kept = re.search(r"const KEPT = (\[.*?\]);", worker.content.decode())
    assert kept
    pages = [one for one in json.loads(kept[1].replace("'", '"')) if not one.startswith("/static/")]
    assert pages == ["/brand.css", "/easydialer/offline/"]
    offline = browser(awa).get("/easydialer/offline/").content.decode()
    assert "tel:+33199000100" in offline
    assert "Awa" not in offline
    assert awa.account not in offline


def test_a_brand_without_easydialer_has_none_of_its_pages() -> None:
    elsewhere = Client(HTTP_HOST="izikall.localhost")
    for path in ("manifest.webmanifest", "worker.js", "offline/"):
        assert elsewhere.get(f"/easydialer/{path}").status_code == 404


def test_a_stranger_is_asked_to_sign_in() -> None:
    answer = browser().get("/easydialer/")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/login/")


def test_the_two_minutes_of_a_prepared_call_end(awa: party.Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    page = browser(awa)
    where = page.post("/easydialer/prepare/", {"to": f"+{DAKAR}", "first": MOBILE}).headers["Location"]
    later = settings.CIVIL_CLOCK.now() + timedelta(minutes=2, seconds=1)

    class Later:
        def now(self) -> datetime:
            return later

    monkeypatch.setattr(settings, "CIVIL_CLOCK", Later())
    assert "n’est plus préparé" in text(page, where, 404)
