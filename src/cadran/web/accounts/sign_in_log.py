"""One line of log for each sign-in, refused or not, second factor, sign-out and change of a way in: who (the number of the sign-in,
never what was typed: people type passwords into the wrong field), how, and from which network."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account import signals as account
from allauth.mfa import signals as mfa
from django.contrib.auth import get_user_model
from django.contrib.auth import signals as auth
from django.http import HttpRequest

from cadran.web.forms import client_network

log = structlog.get_logger()


def connect() -> None:
    """Listen; once for each process."""
    for signal, listener in (
        (auth.user_logged_in, _signed_in),
        (auth.user_login_failed, _refused),
        (auth.user_logged_out, _signed_out),
        (mfa.authenticator_used, _factor_used),
        (mfa.authentication_failed, _factor_refused),
    ):
        signal.connect(listener, dispatch_uid=f"cadran.{listener.__name__}")
    for name, signal in (
        ("password-changed", account.password_changed),
        ("password-reset", account.password_reset),
        ("factor-added", mfa.authenticator_added),
        ("factor-removed", mfa.authenticator_removed),
        ("factor-reset", mfa.authenticator_reset),
    ):
        signal.connect(_change(name), weak=False, dispatch_uid=f"cadran.{name}")


def _signed_in(sender: object, request: HttpRequest | None, user: Any, **_more: object) -> None:
    log.info("signed-in", user=user.pk, network=client_network(request))


def _refused(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_more: object) -> None:
    typed = str(credentials.get("username") or credentials.get("email") or "").strip().lower()
    field = "email" if "@" in typed else "username"
    found = get_user_model().objects.filter(**{field: typed}).values_list("pk", flat=True).first() if typed else None
    log.warning("sign-in-refused", user=found, network=client_network(request))


def _signed_out(sender: object, request: HttpRequest | None, user: Any, **_more: object) -> None:
    if request is not None:
        request.signed_out = True  # type: ignore[attr-defined]  # middleware.SecurityHeaders has the browser forget its pages
    if user is not None:
        log.info("signed-out", user=user.pk, network=client_network(request))


def _factor_used(sender: object, request: HttpRequest, user: Any, authenticator: Any, **more: object) -> None:
    again, alone = bool(more.get("reauthenticated")), bool(more.get("passwordless"))
    log.info(
        "factor-shown",
        user=user.pk,
        factor=str(authenticator.type),
        again=again,
        alone=alone,
        network=client_network(request),
    )


def _factor_refused(sender: object, request: HttpRequest, user: Any, authenticator: Any, **_more: object) -> None:
    log.warning("factor-refused", user=user.pk, factor=str(authenticator.type), network=client_network(request))


def _change(name: str) -> Any:
    def tell(sender: object, request: HttpRequest | None, user: Any, **more: Any) -> None:
        factor = more.get("authenticator")
        log.info(
            name, user=user.pk, factor=str(factor.type) if factor is not None else None, network=client_network(request)
        )

    return tell
