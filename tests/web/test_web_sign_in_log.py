"""What the log says of sign-ins: who, how, from which network, and nothing that was typed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal import auth
from django.contrib.auth import get_user_model
from django.test import Client

from cadran.web.accounts import limits, sign_in_log
from cadran.web.api import problems
from cadran.web.office import gate

pytestmark = pytest.mark.django_db(databases="__all__")
Act = Callable[[Callable[[], object]], "Lines"]
SECRET, PASSWORD = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "vent-du-large-29"


class Lines(list[dict[str, object]]):
    """A logger that keeps its lines, whatever levels other tests have set."""

    def info(self, event: str, **values: object) -> None:
        self.append({"event": event} | values)

    warning = info


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What the modules under test log."""
    kept = Lines()
    for module in (sign_in_log, limits, gate, problems):
        monkeypatch.setattr(module, "log", kept)
    return kept


@pytest.fixture
def lines_of(lines: Lines) -> Callable[[Callable[[], object]], Lines]:
    """The lines that an act leaves; never with the password."""

    def run(act: Callable[[], object]) -> Lines:
        lines.clear()
        act()
        assert PASSWORD not in json.dumps(lines, default=str)
        return Lines(lines)

    return run


def sign_in(login: str, password: str) -> Client:
    browser = Client(REMOTE_ADDR="203.0.113.9", HTTP_ACCEPT_LANGUAGE="fr")
    browser.post("/account/login/", {"login": login, "password": password})
    return browser


def test_a_sign_in_and_a_sign_out_are_logged_with_who_and_from_where(claire: Client, lines_of: Act) -> None:
    user = get_user_model().objects.get(username="claire").pk
    browser = sign_in("claire", "nothing")
    assert lines_of(lambda: sign_in("claire", PASSWORD)) == [
        {"event": "signed-in", "user": user, "network": "203.0.113.…"}
    ]
    browser = sign_in("claire@example.org", PASSWORD)
    assert lines_of(lambda: browser.post("/account/logout/")) == [
        {"event": "signed-out", "user": user, "network": "203.0.113.…"}
    ]


def test_a_refused_sign_in_names_the_account_that_exists_and_never_what_was_typed(
    claire: Client, lines_of: Act
) -> None:
    user = get_user_model().objects.get(username="claire").pk
    refused = {"event": "sign-in-refused", "network": "203.0.113.…"}
    assert lines_of(lambda: sign_in("claire", "wrong-guess-77"))[-1] == refused | {"user": user}
    assert lines_of(lambda: sign_in("claire@example.org", "wrong-guess-77"))[-1] == refused | {"user": user}
    assert lines_of(lambda: sign_in(PASSWORD, "claire"))[-1] == refused | {"user": None}


def test_both_outcomes_of_a_second_factor_are_logged(claire: Client, lines_of: Act) -> None:
    user = get_user_model().objects.get(username="claire")
    auth.TOTP.activate(user, SECRET)
    browser = sign_in("claire", PASSWORD)
    line = {"user": user.pk, "factor": "totp", "network": "203.0.113.…"}
    wrong = lines_of(lambda: browser.post("/account/2fa/authenticate/", {"code": "000000"}))
    assert wrong == [{"event": "factor-refused"} | line]
    code = auth.format_hotp_value(auth.hotp_value(SECRET, sorted(auth.yield_hotp_counters_from_time())[1]))
    right = lines_of(lambda: browser.post("/account/2fa/authenticate/", {"code": code}))
    assert {"event": "factor-shown", "again": False, "alone": False} | line in right
    assert right[-1]["event"] == "signed-in"


def test_a_customer_at_the_door_of_the_back_office_is_logged(claire: Client, lines_of: Act) -> None:
    lines = lines_of(lambda: claire.get("/office/"))
    assert [line["event"] for line in lines] == ["office-refused"]
    assert lines[0]["user"] == get_user_model().objects.get(username="claire").pk


def test_reached_limits_and_refused_keys_of_programs_are_logged(client: Client, lines_of: Act) -> None:
    def reach() -> None:
        for _ in range(7):
            client.post("/account/report/", {})

    assert [line["event"] for line in lines_of(reach)][-1] == "limit-reached"
    lines = lines_of(lambda: client.get("/api/v1/balance", headers={"Authorization": "Bearer ck_live_nothing"}))
    assert [line["event"] for line in lines] == ["api-refused"]
    assert "ck_live" not in json.dumps(lines)
    assert lines[0]["request_id"]


def test_a_changed_password_is_logged(claire: Client, lines_of: Act) -> None:
    form = {"oldpassword": PASSWORD, "password1": "un-autre-mot-7", "password2": "un-autre-mot-7"}
    lines = lines_of(lambda: claire.post("/account/password/change/", form))
    assert "password-changed" in [line["event"] for line in lines]


@pytest.mark.parametrize("old", ["", "vent-du-large-28", PASSWORD.upper(), f"{PASSWORD} "])
def test_a_password_is_changed_only_with_the_old_one_exactly_as_it_is(claire: Client, old: str) -> None:
    form = {"oldpassword": old, "password1": "un-autre-mot-7", "password2": "un-autre-mot-7"}
    assert claire.post("/account/password/change/", form).status_code == 200
    assert get_user_model().objects.get(username="claire").check_password(PASSWORD)
