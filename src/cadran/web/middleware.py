"""What every page carries or passes through: security headers, and the gate of a required new password."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from prometheus_client import Histogram

from cadran.units.clause import carries

Answer = Callable[[HttpRequest], HttpResponse]

REQUESTS = Histogram(
    "cadran_web_request_seconds",
    "Time to answer a request, by the name of its route",
    ["route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
log = structlog.get_logger()


class SecurityHeaders:
    """Nothing is loaded from another host, nothing runs inline, nobody frames us; a form may lead to the card provider's page. In
    public, browsers come by TLS alone. On every answer of ours, those of the API and refused hosts included."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        provider = urlsplit(settings.CARD_API_BASE)
        stripe = "https://checkout.stripe.com"  # which the back office may choose at any moment
        card = f"{provider.scheme}://{provider.netloc} {stripe}" if provider.netloc else stripe
        self.policy = "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self' data:",
                "media-src 'self'",
                "font-src 'self'",
                "connect-src 'self'",
                "manifest-src 'self'",
                "worker-src 'self'",
                "object-src 'none'",
                f"form-action 'self' {card}",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            )
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        )
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if getattr(request, "signed_out", False):  # by accounts.sign_in_log
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        if settings.HSTS_S:
            response.headers["Strict-Transport-Security"] = f"max-age={settings.HSTS_S}; includeSubDomains"
        if getattr(request, "user", None) is not None and request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store")
        return response


@carries("IPP-5.3-codes")
class RequiredChange:
    """Where the operator requires a new site password, it comes before anything else."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated and getattr(user, "must_change_password", False):
            change = reverse("account_change_password")
            if request.path not in {change, reverse("account_logout"), reverse("set_language"), reverse("brand_css")}:
                messages.warning(
                    request, _("L’opérateur vous demande de choisir un nouveau mot de passe avant de continuer.")
                )
                return redirect(change)
        return self.get_response(request)


class AccessLog:
    """One line and one figure for each request: the route's name, never the address, which may hold a token of a mail."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.monotonic()
        response = self.get_response(request)
        took = time.monotonic() - start
        route = request.resolver_match.view_name if request.resolver_match else "none"
        REQUESTS.labels(route=route, status=response.status_code).observe(took)
        log.info(
            "request",
            method=request.method if request.method in {"GET", "HEAD", "POST"} else "other",
            route=route,
            status=response.status_code,
            ms=round(took * 1000, 1),
            bytes=len(response.content) if not response.streaming else None,
        )
        return response
