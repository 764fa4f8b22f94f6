from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta

import argon2.low_level
import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from web_forms import link, posted

from cadran.journeys import mails
from cadran.messaging import operations as messaging
from cadran.messaging import queries as mail_queries
from cadran.party import models, queries

pytestmark = pytest.mark.django_db(databases="__all__")
Form = dict[str, str]
CUSTOMER_PAGES = ["/dashboard/", "/calls/", "/sip/", "/numbers/", "/preferences/"]


@pytest.mark.clause("IPP-5.2-validation", "IPP-5.1-activation")
def test_a_registration_leads_by_the_link_of_the_mail_to_the_dashboard(
    visitor: Client, sign_up: Callable[..., str]
) -> None:
    path = sign_up()
    assert posted()[0].to == ["claire@example.org"]
    assert "Confirmer votre adresse" in visitor.get(path).content.decode()
    assert visitor.post(path).status_code == 302
    page = visitor.get("/dashboard/").content.decode()
    assert "Bonjour Claire Le Gall" in page
    assert "0,00" in page
    user = queries.sip_user("claire")
    assert user is not None
    assert user.active


@pytest.mark.clause("IPP-5.2-validation")
@pytest.mark.parametrize("page", CUSTOMER_PAGES)
def test_nothing_opens_before_the_address_is_validated(visitor: Client, sign_up: Callable[..., str], page: str) -> None:
    sign_up()
    assert visitor.get(page).status_code == 302
    answer = visitor.post("/account/login/", {"login": "claire", "password": "vent-du-large-29"})
    assert answer.headers["Location"] == "/account/confirm-email/"
    assert visitor.get(page).status_code == 302


@pytest.mark.clause("IPP-5.2-validation")
def test_opening_the_link_without_confirming_validates_nothing(visitor: Client, sign_up: Callable[..., str]) -> None:
    path = sign_up()
    visitor.get(path)
    visitor.head(path)
    assert queries.customer_named("claire").state == "registered"


@pytest.mark.clause("IPP-5.2-validation")
def test_a_link_works_once(visitor: Client, sign_up: Callable[..., str]) -> None:
    path = sign_up()
    visitor.post(path)
    other = Client()
    assert "Ce lien ne vaut plus" in other.get(path, headers={"Accept-Language": "fr"}).content.decode()
    assert other.post(path).status_code == 404
    assert other.get("/dashboard/").status_code == 302


@pytest.mark.clause("IPP-5.2-validation")
@pytest.mark.parametrize(("days", "valid"), [(3, True), (3 + 1 / 86_400, False)])
def test_a_link_is_valid_three_days(
    visitor: Client, sign_up: Callable[..., str], monkeypatch: pytest.MonkeyPatch, days: float, valid: bool
) -> None:
    path, now = sign_up(), time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + days * 86_400 - (1.5 if valid else -1))
    visitor.post(path)
    assert (queries.customer_named("claire").state == "active") is valid


@pytest.mark.parametrize(
    "change", [lambda key: key[:-2] + "xx", lambda key: "AB" + key, lambda key: key.replace(":", "-")]
)
def test_an_altered_link_is_refused(visitor: Client, sign_up: Callable[..., str], change: Callable[[str], str]) -> None:
    path = sign_up()
    key = path.split("/")[-2]
    assert visitor.post(path.replace(key, change(key))).status_code == 404
    assert queries.customer_named("claire").state == "registered"


@pytest.mark.parametrize("email", ["claire@example.org", "Claire@Example.ORG"])
def test_a_known_address_gets_the_same_answer_as_a_new_one_and_the_truth_by_mail(
    sign_up: Callable[..., str], filled: Callable[..., Form], email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up()
    cache.clear()  # minutes pass
    hashed: list[bytes] = []
    original = argon2.low_level.hash_secret
    monkeypatch.setattr(argon2.low_level, "hash_secret", lambda *a, **k: hashed.append(b"") or original(*a, **k))
    pages = []
    for name, address in (("other", email), ("newone", "fresh@example.org")):
        stranger = Client(HTTP_ACCEPT_LANGUAGE="fr")
        answer = stranger.post("/account/signup/", filled(email=address, username=name))
        page = stranger.get(answer.headers["Location"]).content.decode().replace(address.lower(), "ADDRESS")
        pages.append((answer.status_code, re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)))
    assert pages[0] == pages[1]
    assert len(hashed) == 2, "one hash each, so that the time of the answer tells nothing"
    assert "Vous avez déjà un compte" in posted()[1].subject
    assert not queries.taken(username="other")


@pytest.mark.parametrize("name", ["claire", "CLAIRE", " Claire "])
def test_a_user_name_taken_in_any_case_is_told_beside_its_field(
    visitor: Client, sign_up: Callable[..., str], filled: Callable[..., Form], name: str
) -> None:
    sign_up()
    page = visitor.post("/account/signup/", filled(username=name, email="new@example.org"))
    assert page.status_code == 200
    assert "déjà pris" in page.content.decode()
    assert get_user_model().objects.count() == 1


@pytest.mark.clause("IPP-5.2-validation")
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("username", "\u0441laire", "De 3 à 32 lettres"),
        ("username", "ｃlaire", "De 3 à 32 lettres"),
        ("username", "a'; DROP TABLE party_user;--", "De 3 à 32 lettres"),
        ("username", "admin", "réservé"),
        ("email", "claire@exam\u0440le.org", "adresse"),
        ("email", "claire@example.org\r\nBcc: all@example.org", "adresse"),
        ("first_names", "<script>alert(1)</script>", "Écrivez un nom"),
        ("first_names", "Claire\u202egnihton", "Écrivez un nom"),
        ("password1", "onlyletters", "lettres et chiffres"),
        ("password1", "claire-2018", "nom d’utilisateur"),
        ("password1", "password1234", "courant"),
        ("sip_password", "vent-du-large-29", "différer"),
        ("sip_password", "court1", "12 à 64"),
        ("sip_password", 'avec"guillemets12', "lettres sans accent"),
        ("country", "XX", "choix"),
        ("adult", None, "Cochez cette case pour continuer"),
        ("accept_legal", None, "Cochez"),
        ("accept_terms", None, "Cochez"),
        ("accept_prices", None, "Cochez"),
        ("accept_terms", "ippi/2018-04 " + "0" * 64, "a changé"),
        ("kind", "company", "Écrivez un nom"),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_nothing_is_kept(
    visitor: Client, filled: Callable[..., Form], field: str, value: str | None, sentence: str
) -> None:
    answer = visitor.post("/account/signup/", filled(**{field: value}))
    assert answer.status_code == 200
    page = answer.content.decode()
    assert sentence in page
    assert 'aria-invalid="true"' in page
    assert "<script>alert" not in page
    assert not get_user_model().objects.exists()
    assert not posted()


@pytest.mark.clause("IPP-0-acceptance")
def test_each_tick_keeps_the_version_and_hash_of_what_was_shown(visitor: Client, sign_up: Callable[..., str]) -> None:
    sign_up()
    customer = queries.customer_named("claire")
    kept = {one.document: one for one in queries.acceptances(customer_id=customer.id)}
    assert set(kept) == {"terms", "legal", "descriptions", "prices", "offers"}
    assert kept["terms"].ref == "ippi/2018-04"
    assert kept["terms"].text_sha256 in visitor.get("/terms/").content.decode()
    assert kept["terms"].language == "fr"
    assert kept["terms"].ip == "127.0.0.1"


@pytest.mark.clause("IPP-5.3-codes")
def test_without_javascript_another_sip_password_is_proposed_and_the_rest_is_kept(
    visitor: Client, filled: Callable[..., Form]
) -> None:
    page = visitor.post("/account/signup/", filled() | {"propose": "1"})
    text = page.content.decode()
    proposed = re.search(r'name="sip_password" value="([^"]+)"', text)
    assert proposed is not None
    assert proposed[1] != "k7mq-x3dw-p9ra-t4hv"
    assert 'value="claire@example.org"' in text
    assert "no-store" in page.headers["Cache-Control"]
    assert not get_user_model().objects.exists()


def test_proposals_differ_and_are_never_cached(visitor: Client) -> None:
    first, second = visitor.get("/sip/proposal"), visitor.get("/sip/proposal")
    assert first.content != second.content
    assert "no-store" in first.headers["Cache-Control"]


def test_a_company_name_is_shown_as_text_whatever_it_holds(visitor: Client, sign_up: Callable[..., str]) -> None:
    visitor.post(sign_up(kind="company", company="Bâti & Fils (Ouest)", siren="552 008 443", binds="on"))
    assert "Bonjour Bâti &amp; Fils (Ouest)" in visitor.get("/dashboard/").content.decode()


def test_hostile_text_in_the_database_is_shown_as_text(claire: Client) -> None:
    models.Customer.objects.update(first_names="<img src=x onerror=alert(1)>", name='"><script>alert(2)</script>')
    page = claire.get("/dashboard/").content.decode()
    assert "<img" not in page
    assert "<script>alert" not in page
    assert "&lt;img src=x" in page


def test_links_in_mails_do_not_follow_the_host_that_the_visitor_claims(
    visitor: Client, sign_up: Callable[..., str]
) -> None:
    visitor.post(sign_up())
    Client().post("/account/password/reset/", {"email": "claire@example.org"}, headers={"Host": "localhost"})
    assert link(posted()[-1].body).startswith("/account/password/reset/key/")
    assert "localhost" not in posted()[-1].body
    assert Client().get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_mail_server_that_is_away_keeps_nobody_waiting_and_the_link_comes_later(
    visitor: Client, filled: Callable[..., Form], settings: Settings
) -> None:
    settings.EMAIL_PORT = 1
    at = settings.CIVIL_CLOCK.now()
    assert visitor.post("/account/signup/", filled()).status_code == 302
    assert queries.customer_named("claire").state == "registered"
    assert messaging.deliver_due(at=at + timedelta(minutes=1), transport=mails.transport()) == 0
    (waiting,) = mail_queries.mails(to="claire@example.org")
    assert (waiting.state, waiting.attempts, waiting.kind) == ("queued", 1, "confirm-address")


def test_the_site_is_closed_to_registrations_after_twenty_in_a_minute(
    visitor: Client, filled: Callable[..., Form]
) -> None:
    form = filled(username="x")
    answers = [visitor.post("/account/signup/", form).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]
    assert "Trop d’essais" in visitor.post("/account/signup/", form).content.decode()


@pytest.mark.clause("IPP-0-acceptance")
@pytest.mark.parametrize(("proxies", "kept"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_the_address_kept_is_believed_from_our_own_proxy_only(
    filled: Callable[..., Form], settings: Settings, proxies: int, kept: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    visitor = Client(headers={"X-Forwarded-For": "198.51.100.66, 203.0.113.9"})
    visitor.post("/account/signup/", filled())
    customer = queries.customer_named("claire")
    assert {one.ip for one in queries.acceptances(customer_id=customer.id)} == {kept}
