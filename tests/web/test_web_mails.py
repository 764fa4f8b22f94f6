"""The mails of the site's own pages: queued, in the reader's language, and what their links open."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve
from web_forms import link, posted

from cadran import messaging as room
from cadran.journeys import mails
from cadran.messaging import queries

pytestmark = pytest.mark.django_db(databases="__all__")


def test_the_link_that_opens_an_account_is_shown_to_nobody_else(sign_up: Callable[..., str]) -> None:
    sign_up()
    (mail,) = queries.mails(to="claire@example.org")
    assert (mail.kind, mail.fleeting, mail.account) == ("confirm-address", True, "A000001")
    with pytest.raises(queries.MailNotKept):
        queries.content(mail.mail_id)


@pytest.mark.parametrize(
    ("language", "subject", "button"),
    [
        ("fr", "Choisissez un nouveau mot de passe", "Choisir un mot de passe"),
        ("en", "Choose a new password", "Choose a password"),
    ],
)
def test_mails_speak_the_language_of_the_page(claire: Client, language: str, subject: str, button: str) -> None:
    Client(HTTP_ACCEPT_LANGUAGE=language).post("/account/password/reset/", {"email": "claire@example.org"})
    mail = posted()[-1]
    assert mail.subject == subject
    assert button in mail.html
    assert f'lang="{language}"' in mail.html
    assert link(mail.body) in mail.html


def test_a_changed_password_is_told_with_where_it_came_from(claire: Client) -> None:
    form = {"oldpassword": "vent-du-large-29", "password1": "un-autre-mot-7", "password2": "un-autre-mot-7"}
    claire.post("/account/password/change/", form, headers={"User-Agent": "<b>Firefox</b>"})
    told = [mail for mail in posted() if mail.kind == "security"]
    assert [mail.subject for mail in told] == ["Votre mot de passe a été changé"]
    assert "127.0.0.1" in told[0].body
    assert "&lt;b&gt;Firefox" in told[0].html
    assert "<b>Firefox" not in told[0].html


@pytest.mark.parametrize("name", ["claire", "c.l-e_2"])
def test_no_mail_fetches_anything_from_anywhere(sign_up: Callable[..., str], name: str) -> None:
    sign_up(username=name)
    (mail,) = posted()
    assert not re.search(r"<(img|script|link|iframe|object|form)\b|url\(|@import", mail.html)


def test_every_address_that_mails_point_to_is_a_page_of_the_site() -> None:
    folder = Path(str(room.__file__)).parent / "templates" / "mail"
    paths = {mails.REGISTRATION_PAGE, "/topup/pay_1/", "/terms/2018-04/"}
    for template in folder.iterdir():
        source = template.read_text()
        paths |= set(re.findall(r"\{\{ url \}\}(/[a-z/-]+/)", source)) | set(
            re.findall(r'url\|add:"(/[a-z/-]+/)"', source)
        )
    assert len(paths) >= 8
    for path in paths:
        resolve(path)


def test_links_of_another_brand_lead_to_its_own_site(filled: Callable[..., dict[str, str]]) -> None:
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr", headers={"Host": f"ippi.localhost:{settings.WEB_PORT}"})
    browser.post("/account/password/reset/", {"email": "nobody@example.org"})
    assert posted() == []
    assert mails.site_url("kryptoow").startswith("http://kryptoow.localhost:")


def test_a_customer_chooses_below_how_much_credit_to_be_warned(claire: Client) -> None:
    page = claire.get("/preferences/").content.decode()
    assert '<option value="2000000" selected>' in page
    assert claire.post("/preferences/warnings/", {"threshold": "10000000"}).status_code == 302
    assert queries.low_credit_threshold("A000001") == 10_000_000
    assert '<option value="10000000" selected>' in claire.get("/preferences/").content.decode()
    claire.post("/preferences/warnings/", {"threshold": "0"})
    assert queries.low_credit_threshold("A000001") == 0


@pytest.mark.parametrize("typed", ["", "-1", "3", "1e6", "٣", "99999999999999999999", "10000000 OR 1=1"])
def test_a_threshold_that_is_not_offered_is_not_taken(claire: Client, typed: str) -> None:
    assert claire.post("/preferences/warnings/", {"threshold": typed}).status_code == 404
    assert queries.low_credit_threshold("A000001") is None
    assert Client().post("/preferences/warnings/", {"threshold": "0"}).status_code == 302  # to the sign-in
    assert queries.low_credit_threshold("A000001") is None
