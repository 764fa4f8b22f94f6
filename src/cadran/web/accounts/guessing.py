"""Guessing of passwords: five failures for one name in five minutes close that name to strangers, never to the customer's own browser.

A browser in which somebody signed in keeps a signed cookie that names the user. Its attempts for that user are counted apart, so
that whoever fills the common count keeps out strangers alone.
"""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cadran.party import queries as party
from cadran.party import sign_ins
from cadran.units.clause import carries
from cadran.units.errors import CadranError

KNOWN = "cadran_known"  # the salt of its signature
KNOWN_DAYS = 365
PENDING = "_known_browser"


class KnownBrowser(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's adapter, which tells a customer's own browsers from strangers, and lets nobody in where the sign-in is locked."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """An address is tried as an address alone: tried as a user name too, a known one would take twice the time."""
        if "@" in str(credentials.get("username", "")):
            credentials.setdefault("email", credentials["username"])
            del credentials["username"]
        return super().authenticate(request, **credentials)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        key = str(super()._get_login_attempts_cache_key(request, **credentials))
        login = str(credentials.get("username") or credentials.get("email") or "")
        browser = known_browser(request, login)
        return f"{key}:{browser}" if browser else key

    @carries("IPP-5.3-codes", "KRY-4.2.2-session-safety")
    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        if sign_ins.locked(user.pk):
            return redirect("account_locked")
        return super().pre_login(request, user, **kwargs)  # type: ignore[no-any-return]

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        remember(response, user_id=user.pk)
        return response

    def logout(self, request: HttpRequest) -> None:
        """Also strikes the browser from the list of where the user is signed in."""
        key = request.session.session_key
        super().logout(request)
        if key:
            sign_ins.forget(session_key=key)


def remember(response: HttpResponse, *, user_id: int) -> None:
    """The browser is one of that user's from now on."""
    token = signing.dumps([user_id, secrets.token_hex(8)], salt=KNOWN)
    response.set_cookie(
        settings.KNOWN_COOKIE_NAME,
        token,
        max_age=KNOWN_DAYS * 86_400,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def known_browser(request: HttpRequest, login: str) -> str:
    """The mark of this browser, where the user that `login` names signed in here before; "" elsewhere."""
    try:
        user_id, mark = signing.loads(
            request.COOKIES.get(settings.KNOWN_COOKIE_NAME, ""), salt=KNOWN, max_age=KNOWN_DAYS * 86_400
        )
        customer = party.customer_named(login)
    except (signing.BadSignature, CadranError, ValueError, TypeError):
        return ""
    return str(mark) if customer.user_id == user_id else ""
