from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from web_forms import link, posted

from cadran.party import operations, queries

pytestmark = pytest.mark.django_db(databases="__all__")
AT = datetime(2026, 3, 1, tzinfo=UTC)
RIGHT, WRONG = "vent-du-large-29", "not-the-password-1"


def _login(browser: Client, login: str, password: str) -> str:
    answer = browser.post("/account/login/", {"login": login, "password": password}, follow=True)
    return answer.content.decode()


@pytest.mark.parametrize("login", ["claire", "CLAIRE", "claire@example.org", "Claire@Example.org"])
def test_a_customer_signs_in_by_name_or_address_in_any_case(claire: Client, login: str) -> None:
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr")
    assert "Bonjour Claire Le Gall" in _login(browser, login, RIGHT)


def test_an_unknown_name_and_a_wrong_password_get_the_same_words(claire: Client) -> None:
    pages = []
    for login in ("claire", "nobody"):
        page = _login(Client(HTTP_ACCEPT_LANGUAGE="fr"), login, WRONG).replace(login, "LOGIN")
        pages.append(re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("login", ["' OR 1=1 --", 'claire" --', "claire\0", "%", "cl%", "a" * 5000])
def test_hostile_logins_sign_nobody_in(claire: Client, login: str) -> None:
    assert "Bonjour" not in _login(Client(HTTP_ACCEPT_LANGUAGE="fr"), login, RIGHT)


def test_guessing_a_password_is_stopped_after_five_attempts_even_from_other_addresses(claire: Client) -> None:
    for number in range(5):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post("/account/login/", {"login": "claire", "password": WRONG})
    stranger = Client(REMOTE_ADDR="192.0.2.99", HTTP_ACCEPT_LANGUAGE="fr")
    assert "Bonjour" not in _login(stranger, "claire", RIGHT)
    assert stranger.get("/dashboard/").status_code == 302


def test_trying_many_names_from_one_address_is_stopped(claire: Client) -> None:
    stranger = Client(REMOTE_ADDR="198.51.100.1")
    answers = [
        stranger.post("/account/login/", {"login": f"name{n}", "password": WRONG}).status_code for n in range(31)
    ]
    assert answers[-1] == 429
    assert "Bonjour" not in _login(stranger, "claire", RIGHT)


def test_the_session_of_before_signing_in_is_worth_nothing_after(claire: Client) -> None:
    browser = Client()
    session = browser.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    _login(browser, "claire", RIGHT)
    assert browser.session.session_key != planted


def test_signing_out_ends_the_session_that_a_thief_copied(claire: Client) -> None:
    thief = Client()
    thief.cookies.update(claire.cookies)
    assert thief.get("/dashboard/").status_code == 200
    claire.post("/account/logout/")
    assert thief.get("/dashboard/").status_code == 302


def test_signing_out_takes_a_deliberate_post(claire: Client) -> None:
    claire.get("/account/logout/")
    assert claire.get("/dashboard/").status_code == 200


def test_after_signing_in_nobody_is_led_to_another_site(claire: Client) -> None:
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = Client().post("/account/login/", {"login": "claire", "password": RIGHT, "next": target})
        assert answer.headers["Location"] == "/dashboard/"


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(claire: Client) -> None:
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr")
    browser.post("/account/password/reset/", {"email": "claire@example.org"})
    path = link(posted()[-1].body)
    form = browser.get(path, follow=True)
    target = form.redirect_chain[-1][0]
    browser.post(target, {"password1": "un-autre-mot-7", "password2": "un-autre-mot-7"})
    assert "Bonjour" in _login(Client(HTTP_ACCEPT_LANGUAGE="fr"), "claire", "un-autre-mot-7")
    assert "Ce lien ne vaut plus" in Client(HTTP_ACCEPT_LANGUAGE="fr").get(path, follow=True).content.decode()
    assert claire.get("/dashboard/").status_code == 302  # older sessions end


def test_a_reset_for_an_unknown_address_answers_alike_and_writes_to_nobody(claire: Client) -> None:
    before = len(posted())
    answers = [
        Client().post("/account/password/reset/", {"email": email}).headers["Location"]
        for email in ("nobody@example.org", "claire@example.org")
    ]
    assert answers[0] == answers[1]
    assert [message.to for message in posted()[before:]] == [["claire@example.org"]]


@pytest.mark.clause("IPP-5.3-codes")
def test_a_required_change_comes_before_anything_else_and_is_met_by_a_new_password(claire: Client) -> None:
    operations.require_change(user_name="claire", site=True, reason="seen in a leak", at=AT)
    assert claire.get("/dashboard/").headers["Location"] == "/account/password/change/"
    claire.post(
        "/account/password/change/",
        {"oldpassword": RIGHT, "password1": "un-autre-mot-7", "password2": "un-autre-mot-7"},
    )
    assert claire.get("/dashboard/").status_code == 200


@pytest.mark.parametrize("weak", ["court1", "quedeslettres", "claire-claire-1"])
def test_a_changed_password_keeps_the_same_rules(claire: Client, weak: str) -> None:
    answer = claire.post("/account/password/change/", {"oldpassword": RIGHT, "password1": weak, "password2": weak})
    assert answer.status_code == 200
    assert "Bonjour" in _login(Client(HTTP_ACCEPT_LANGUAGE="fr"), "claire", RIGHT)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/login/", {"login": "claire", "password": RIGHT}),
        ("/account/signup/", {"username": "x"}),
        ("/account/logout/", {}),
        ("/account/password/change/", {}),
        ("/sip/", {"username": "claire", "sip_password": "stolen-by-csrf-99"}),
        ("/preferences/", {"duration": "raised"}),
        ("/language/", {"language": "en"}),
    ],
)
def test_a_form_from_elsewhere_does_nothing(claire: Client, path: str, form: dict[str, str]) -> None:
    victim = Client(enforce_csrf_checks=True)
    victim.cookies.update(claire.cookies)
    before = queries.sip_user("claire")
    assert victim.post(path, form).status_code == 403
    assert queries.sip_user("claire") == before
    assert claire.get("/dashboard/").status_code == 200


@pytest.mark.clause("IPP-5.2-validation")
def test_a_blocked_customer_sees_no_page_of_its_account(claire: Client) -> None:
    from cadran.party import models

    models.Customer.objects.update(state="blocked")
    assert claire.get("/dashboard/").status_code == 403


def test_a_sign_up_by_somebody_else_cannot_take_over_an_address(claire: Client, sign_up: Callable[..., str]) -> None:
    mallory = Client()
    mallory.post(sign_up(mallory, username="mallory", email="mallory@example.org"))
    assert queries.customer_named("mallory").email == "mallory@example.org"
    assert queries.customer_named("claire").email == "claire@example.org"
