from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.test import Client
from web_forms import link, posted

from cadran.party import queries
from cadran.party.models import User
from cadran.units.clock import FixedClock
from cadran.web.accounts import security

pytestmark = pytest.mark.django_db(databases="__all__")
RIGHT, OTHER = "vent-du-large-29", "un-autre-mot-7"
SENSITIVE = ["email/", "data/", "close/", "2fa/totp/activate/", "2fa/webauthn/add/"]
PAGES = ["security/", "report/", "cases/", "cases/follow/", "terms/", "connection/", "2fa/", "2fa/webauthn/"]


def sign_in(login: str = "claire", password: str = RIGHT, **headers: str) -> Client:
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr", **headers)  # type: ignore[arg-type]
    browser.post("/account/login/", {"login": login, "password": password})
    return browser


def signed_in(browser: Client) -> bool:
    return browser.get("/dashboard/").status_code == 200


def confirm_again(browser: Client, target: str = "/account/security/") -> None:
    answer = browser.post("/account/reauthenticate/", {"password": RIGHT, "next": target})
    assert answer.headers["Location"] == target


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_security_page_answers_with_a_strict_policy_and_no_inline_script(claire: Client, language: str) -> None:
    confirm_again(claire)
    for page in PAGES + SENSITIVE:
        answer = claire.get(f"/account/{page}", headers={"Accept-Language": language})
        text = answer.content.decode()
        assert answer.status_code == 200, page
        assert "style=" not in text, page
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        for script in re.findall(r"<script[^>]*>", text):
            assert 'src="/static/' in script or 'type="application/json"' in script, script
        assert "no-store" in answer.headers["Cache-Control"], page


@pytest.mark.parametrize("page", SENSITIVE)
def test_a_sensitive_change_asks_who_it_is_again(claire: Client, page: str) -> None:
    answer = claire.get(f"/account/{page}")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/reauthenticate/")


@pytest.mark.clause("KRY-4.2.2-session-safety")
def test_signing_out_everywhere_ends_every_session_and_every_copy_of_one(claire: Client) -> None:
    elsewhere, thief = sign_in(), Client()
    thief.cookies.update(elsewhere.cookies)
    assert signed_in(elsewhere)
    assert signed_in(thief)
    assert "Se déconnecter partout" in claire.get("/account/logout/").content.decode()
    claire.post("/account/security/sign-out-everywhere/")
    assert [signed_in(browser) for browser in (claire, elsewhere, thief)] == [False, False, False]
    assert signed_in(sign_in())


def test_the_list_shows_each_device_with_a_shortened_address_and_one_can_be_ended(claire: Client) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    phone = sign_in(HTTP_USER_AGENT=agent, REMOTE_ADDR="203.0.113.77")
    assert signed_in(phone)
    claire.get("/dashboard/")
    page = claire.get("/account/security/").content.decode()
    assert "Firefox, Linux" in page
    assert "203.0.113.…" in page
    assert "203.0.113.77" not in page
    (path,) = set(re.findall(r"/account/security/sign-ins/\d+/end/", page))
    assert claire.post(path).status_code == 302
    assert not signed_in(phone)
    assert signed_in(claire)
    assert claire.post(path).status_code == 404


def test_another_customers_session_cannot_be_ended(claire: Client, sign_up: Callable[..., str]) -> None:
    zoe = Client()
    zoe.post(sign_up(zoe, username="zoe", email="zoe@example.org"))
    zoe.get("/dashboard/")
    claire.get("/dashboard/")
    other = sign_in()
    other.get("/dashboard/")
    (path,) = set(re.findall(r"/account/security/sign-ins/\d+/end/", other.get("/account/security/").content.decode()))
    assert zoe.post(path).status_code == 404
    assert signed_in(claire)


@pytest.mark.clause("KRY-4.2.2-session-safety")
def test_a_new_password_ends_every_other_session(claire: Client) -> None:
    elsewhere = sign_in()
    assert signed_in(elsewhere)
    claire.post("/account/password/change/", {"oldpassword": RIGHT, "password1": OTHER, "password2": OTHER})
    assert signed_in(claire)
    assert not signed_in(elsewhere)


def test_a_session_planted_before_signing_in_opens_nothing(claire: Client) -> None:
    victim = Client()
    planted = victim.session
    planted["seen"] = 1
    planted.save()
    attacker = Client()
    attacker.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    victim.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    victim.post("/account/login/", {"login": "claire", "password": RIGHT})
    assert signed_in(victim)
    assert not signed_in(attacker)


def test_guessing_locks_strangers_out_but_not_the_browser_that_the_customer_used_before(claire: Client) -> None:
    claire.post("/account/logout/")
    for number in range(6):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post("/account/login/", {"login": "claire", "password": "wrong-1234"})
    assert not signed_in(sign_in(REMOTE_ADDR="192.0.2.99"))
    claire.post("/account/login/", {"login": "claire", "password": RIGHT})
    assert signed_in(claire)


def test_a_known_browser_is_stopped_too_after_five_failures_and_a_forged_mark_gives_nothing(claire: Client) -> None:
    claire.post("/account/logout/")
    for _ in range(6):
        claire.post("/account/login/", {"login": "claire", "password": "wrong-1234"})
    claire.post("/account/login/", {"login": "claire", "password": RIGHT})
    assert not signed_in(claire)
    cache.clear()
    for number in range(6):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post("/account/login/", {"login": "claire", "password": "wrong-1234"})
    forged = Client()
    forged.cookies["cadran_known"] = "WzEsImFhIl0:1abc:forged"
    forged.post("/account/login/", {"login": "claire", "password": RIGHT})
    assert not signed_in(forged)


@pytest.mark.clause("KRY-4.2.1-account")
def test_a_new_address_counts_once_its_link_is_followed_and_the_old_one_is_told(claire: Client) -> None:
    confirm_again(claire)
    before = len(posted())
    claire.post("/account/email/", {"email": "Claire@New.example.org"})
    assert queries.customer_named("claire").email == "claire@example.org"
    (message,) = posted()[before:]
    assert message.to == ["claire@new.example.org"]
    path = link(message.body)
    assert "claire@new.example.org" in Client(HTTP_ACCEPT_LANGUAGE="fr").get(path).content.decode()
    assert queries.customer_named("claire").email == "claire@example.org"  # reading changes nothing
    claire.post(path)
    assert queries.customer_named("claire").email == "claire@new.example.org"
    assert posted()[-1].to == ["claire@example.org"]
    assert claire.post(path).status_code == 410
    assert signed_in(sign_in("claire@new.example.org"))
    assert not signed_in(sign_in("claire@example.org"))


def test_an_address_that_has_an_account_is_told_to_its_owner_alone(claire: Client, sign_up: Callable[..., str]) -> None:
    zoe = Client()
    zoe.post(sign_up(zoe, username="zoe", email="zoe@example.org"))
    confirm_again(claire)
    pages = [
        claire.post("/account/email/", {"email": email}).content.decode().replace(email, "ADDRESS")
        for email in ("zoe@example.org", "nobody@example.org")
    ]
    pages = [re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page) for page in pages]
    assert pages[0] == pages[1]
    newest = [message for message in posted() if message.to == ["zoe@example.org"]][-1]
    assert "confirm" not in newest.body


@pytest.mark.parametrize("token", ["x", "a:b:c", "WzEsImEiLCJiIl0:1abc:zzz"])
def test_a_forged_link_of_an_address_changes_nothing(claire: Client, token: str) -> None:
    assert claire.post(f"/account/email/confirm/{token}/").status_code == 410
    assert queries.customer_named("claire").email == "claire@example.org"


@pytest.mark.clause("KRY-4.2.1-account")
@pytest.mark.parametrize("brand", ["kryptoow", "izikall"])
@pytest.mark.parametrize(("age_days", "asked"), [(179, 0), (180, 180), (400, 400)])
def test_a_customer_is_asked_to_change_a_password_of_180_days(
    claire: Client, monkeypatch: pytest.MonkeyPatch, brand: str, age_days: int, asked: int
) -> None:
    now = settings.CIVIL_CLOCK.now()
    User.objects.update(password_changed_at=now - timedelta(days=age_days, seconds=1))
    monkeypatch.setattr(settings, "CIVIL_CLOCK", FixedClock(now))
    customer = replace(queries.customer_named("claire"), brand=brand)
    assert security.password_prompt(customer) == asked
    assert security.password_prompt(queries.customer_named("claire")) == 0  # ippi's terms ask for nothing


@pytest.mark.clause("KRY-4.2.1-account")
@pytest.mark.parametrize("wrong", ["court-1", "que-des-lettres", "1234567890123", "claire-2026-x"])
def test_a_password_mixes_letters_and_digits_with_sufficient_length(claire: Client, wrong: str) -> None:
    form = {"oldpassword": RIGHT, "password1": wrong, "password2": wrong}
    assert claire.post("/account/password/change/", form).status_code == 200
    assert signed_in(sign_in())


@pytest.mark.parametrize(
    "path",
    [
        *("security/sign-out-everywhere/", "security/sign-ins/1/end/", "email/", "report/", "cases/", "cases/follow/"),
        *("terms/approval/", "connection/up/", "connection/result/", "data/", "close/", "reauthenticate/"),
        *("2fa/totp/activate/", "2fa/webauthn/add/", "2fa/recovery-codes/generate/", "2fa/webauthn/login/"),
    ],
)
def test_no_form_of_the_account_takes_a_post_from_elsewhere(claire: Client, path: str) -> None:
    confirm_again(claire)
    victim = Client(enforce_csrf_checks=True)
    victim.cookies.update(claire.cookies)
    assert victim.post(f"/account/{path}", {"word": "FERMER", "kind": "abuse", "key": "k"}).status_code == 403
    assert signed_in(claire)
    assert queries.customer_named("claire").active


def test_a_wrong_login_costs_the_same_hashing_whether_the_name_is_known_or_not(
    claire: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    kept = Argon2PasswordHasher.encode

    def encode(self: Argon2PasswordHasher, password: str, salt: str) -> str:
        counted.append("encode")
        return kept(self, password, salt)

    verify = Argon2PasswordHasher.verify

    def verified(self: Argon2PasswordHasher, password: str, encoded: str) -> bool:
        counted.append("verify")
        return verify(self, password, encoded)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", encode)
    monkeypatch.setattr(Argon2PasswordHasher, "verify", verified)
    costs = []
    for login in ("claire", "nobody", "claire@example.org", "nobody@example.org"):
        counted.clear()
        Client().post("/account/login/", {"login": login, "password": "wrong-1234"})
        costs.append(len(counted))
    assert costs == [1, 1, 1, 1]
