"""A code of the second factor is good once, for as long as a clock in tolerance would take it."""

from __future__ import annotations

import time
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from django.contrib.auth import get_user_model
from django.test import Client

from cadran.web.accounts import codes

pytestmark = pytest.mark.django_db(databases="__all__")
SECRET, PASSWORD = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "vent-du-large-29"


def second(code: str) -> Client:
    """A browser that gave the password, then this code."""
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr")
    browser.post("/account/login/", {"login": "claire", "password": PASSWORD})
    browser.post("/account/2fa/authenticate/", {"code": code})
    return browser


def test_a_code_that_was_seen_opens_nothing_though_its_own_clock_still_takes_it(claire: Client) -> None:
    user = get_user_model().objects.get(username="claire")
    auth.TOTP.activate(user, SECRET)
    start = int(time.time()) // 30 * 30
    code = auth.format_hotp_value(auth.hotp_value(SECRET, start // 30))
    with mock.patch.object(auth.time, "time", return_value=start - 20):  # a phone whose clock runs ahead
        assert second(code).get("/dashboard/").status_code == 200
    from django.core.cache import cache

    used = [f"allauth.mfa.totp.used?user={user.pk}&code={code}"]
    cache.delete_many(used)  # what allauth forgets after 30 seconds
    for later in (15, 45):
        with mock.patch.object(auth.time, "time", return_value=start + later):
            assert auth.validate_totp_code(SECRET, code), "the clock would take it"
            assert second(code).get("/dashboard/").status_code == 302
            cache.delete_many(used)


def test_another_user_or_another_code_is_not_kept_out(claire: Client) -> None:
    assert codes.first_use(user_id=1, code="123456")
    assert not codes.first_use(user_id=1, code="123 456")
    assert codes.first_use(user_id=2, code="123456")
    assert codes.first_use(user_id=1, code="123457")


def test_a_recovery_code_works_once(claire: Client) -> None:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    user = get_user_model().objects.get(username="claire")
    auth.TOTP.activate(user, SECRET)
    code = RecoveryCodes.activate(user).get_unused_codes()[0]
    assert Authenticator.objects.filter(user=user).count() == 2
    assert second(code).get("/dashboard/").status_code == 200
    assert second(code).get("/dashboard/").status_code == 302
