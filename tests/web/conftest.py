"""A visitor with a browser of sorts, and customers who registered through the real form."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.test import Client
from web_forms import link, posted

from web.browser_rig import chromium, open_page, site  # noqa: F401 - fixtures

PASSWORD, SIP_PASSWORD = "vent-du-large-29", "k7mq-x3dw-p9ra-t4hv"
Form = dict[str, str]


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    """Each test begins with no counted attempt."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        cache.clear()


@pytest.fixture
def visitor(db: None) -> Client:
    """A browser in French that signed in nowhere."""
    return Client(HTTP_ACCEPT_LANGUAGE="fr")


@pytest.fixture
def filled(db: None) -> Callable[..., Form]:
    """The sign-up form as a careful visitor fills it; keyword arguments replace fields, None empties one."""

    def fill(**changes: str | None) -> Form:
        page = Client(HTTP_ACCEPT_LANGUAGE="fr").get("/account/signup/").content.decode()
        ticks = dict(re.findall(r'name="(accept_\w+)"[^>]*?value="([^"]+)"', page)) or {
            name: value for value, name in re.findall(r'value="([^"]+)"[^>]*?name="(accept_\w+)"', page)
        }
        assert len(ticks) == 5
        form: dict[str, str | None] = {
            "kind": "person",
            "first_names": "Claire",
            "name": "Le Gall",
            "country": "FR",
            "email": "claire@example.org",
            "username": "claire",
            "password1": PASSWORD,
            "sip_password": SIP_PASSWORD,
            "adult": "on",
            **ticks,
            **changes,
        }
        return {name: value for name, value in form.items() if value is not None}

    return fill


@pytest.fixture
def sign_up(visitor: Client, filled: Callable[..., Form]) -> Callable[..., str]:
    """Registers through the form, in the visitor's browser or another, and returns the path of the link in the mail."""

    def run(browser: Client = visitor, **changes: str | None) -> str:
        before = len(posted())
        answer = browser.post("/account/signup/", filled(**changes))
        assert answer.status_code == 302, answer.content.decode()
        assert len(posted()) == before + 1
        return link(posted()[-1].body)

    return run


@pytest.fixture
def claire(visitor: Client, sign_up: Callable[..., str]) -> Client:
    """A browser in which the validated customer claire is signed in."""
    visitor.post(sign_up())
    assert visitor.get("/dashboard/").status_code == 200
    return visitor


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hasher with the least work: what is tested is not how long a guess takes."""
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)
