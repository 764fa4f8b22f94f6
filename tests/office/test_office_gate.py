"""The gate of the back office, through real sign-ins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal import auth
from django.contrib.auth import get_user_model
from django.test import Client
from office_rig import AT, PASSWORD, SECRET, show_factor
from pytest_django import Settings

from cadran.party import queries, staff_operations
from cadran.party.staff import MAY, Permission, Role, may

pytestmark = pytest.mark.django_db(databases="__all__")


def code() -> str:
    return str(auth.format_hotp_value(auth.hotp_value(SECRET, sorted(auth.yield_hotp_counters_from_time())[1])))


def test_a_visitor_is_sent_to_the_sign_in_and_comes_back(client: Client) -> None:
    answer = client.get("/office/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/login/?next=/office/")


def test_staff_signs_in_with_password_and_code_and_lands_in_the_back_office(
    client: Client, make: Callable[..., queries.Staff]
) -> None:
    make(Role.SUPPORT, name="jeanne")
    first = client.post("/account/login/", {"login": "jeanne", "password": PASSWORD})
    assert (first.status_code, first.headers["Location"].split("?")[0]) == (302, "/account/2fa/authenticate/")
    assert client.get("/office/").status_code == 302, "the password alone opens nothing"
    assert client.get("/account/2fa/authenticate/").status_code == 200
    assert client.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.get("/office/").status_code == 302
    second = client.post("/account/2fa/authenticate/", {"code": code()})
    assert (second.status_code, second.headers["Location"]) == (302, "/office/")
    assert client.get("/office/").status_code == 200


def test_staff_without_a_second_factor_sets_one_up_first(signed_in: Callable[..., Client]) -> None:
    answer = signed_in(Role.ADMIN, totp="", factor=False).get("/office/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/2fa/totp/activate/")


def test_a_session_that_did_not_show_the_second_factor_shows_it_first(signed_in: Callable[..., Client]) -> None:
    answer = signed_in(Role.ADMIN, factor=False).get("/office/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/2fa/reauthenticate/?next=%2Foffice%2F")


def test_a_second_factor_shown_by_somebody_else_does_not_count(
    signed_in: Callable[..., Client], make: Callable[..., queries.Staff]
) -> None:
    browser = signed_in(Role.ADMIN, factor=False)
    show_factor(browser, make(Role.SUPPORT).user_id)
    assert browser.get("/office/").status_code == 302


def test_an_idle_session_ends_and_a_used_one_does_not(signed_in: Callable[..., Client], settings: Settings) -> None:
    settings.OFFICE_IDLE_S = 1800
    browser = signed_in(Role.SUPPORT)
    assert browser.get("/office/").status_code == 200
    for ago, status in ((1700, 200), (1900, 302)):
        session = browser.session
        session["office_seen"] = session["office_seen"] - ago
        session.save()
        assert browser.get("/office/").status_code == status
    assert "_auth_user_id" not in browser.session


def test_a_second_factor_of_this_morning_does_not_last_the_night(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.SUPPORT)
    user_id = int(browser.session["_auth_user_id"])
    show_factor(browser, user_id, ago_s=12 * 3600 - 60)
    assert browser.get("/office/").status_code == 200
    show_factor(browser, user_id, ago_s=12 * 3600 + 60)
    assert browser.get("/office/").headers["Location"].startswith("/account/login/")


def test_a_disabled_member_is_out_at_once(signed_in: Callable[..., Client]) -> None:
    browser = signed_in(Role.ADMIN, name="yann")
    assert browser.get("/office/").status_code == 200
    staff_operations.disable_staff(user_name="yann", at=AT)
    assert browser.get("/office/").status_code in {302, 404}
    assert not get_user_model().objects.get(username="yann").is_active


def test_every_role_has_its_permissions_and_admin_has_all() -> None:
    assert set(MAY) == set(Role)
    assert MAY[Role.ADMIN] == frozenset(Permission)
    assert not may(Role.READ_ONLY, Permission.SEE_PERSONAL_DATA)
    assert not may(Role.SUPPORT, Permission.ADJUST_CREDIT)
    assert may(Role.BILLING, Permission.APPROVE_ADJUSTMENTS)
    changes = {one for one in Permission if not one.value.startswith("see-")}
    assert not MAY[Role.READ_ONLY] & changes
