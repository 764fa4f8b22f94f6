"""The check of a connection before use: speed down and up and delay against this very server, and whether the device fits."""

from __future__ import annotations

import functools
import os

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_POST, require_safe

from cadran.party import connections
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.web import serving
from cadran.web.accounts import again
from cadran.web.accounts.limits import allowed, at_most
from cadran.web.forms import client_ip

PROBE_BYTES = (16_384, 65_536, 262_144, 1_048_576)
MOST_UP_BYTES = 524_288
DOWN, UP = "network.down_kbit_s", "network.up_kbit_s"
KEPT = "connection_check"
DEVICES = ("app", "softphone", "box", "ip-phone")


def wanted(terms: Terms) -> tuple[int, int, str] | None:
    """What the terms ask for: kbit/s down, kbit/s up, clause; None where they ask for nothing."""
    if DOWN not in terms.values:
        return None
    return terms.integer(DOWN), terms.integer(UP), terms.clause(DOWN)


@carries("IPP-0-prerequisites")
@require_safe
def check(request: HttpRequest) -> HttpResponse:
    """The page that measures, and what to do without JavaScript."""
    terms = policy.terms_in_force(serving.brand_key(), settings.CIVIL_CLOCK.now())
    context = {"wanted": wanted(terms), "last": last(request), "biggest": max(PROBE_BYTES), "devices": DEVICES}
    return render(request, "accounts/connection.html", context)


@carries("IPP-0-prerequisites")
@require_safe
@at_most(120, 300, "connection-down", methods=("GET",))
def down(request: HttpRequest) -> HttpResponse:
    """Bytes that no compression shortens, of one of the sizes of a check; 1 MiB at most."""
    typed = request.GET.get("bytes", "")
    count = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
    if count not in PROBE_BYTES:
        return HttpResponse(status=400)
    response = HttpResponse(_noise()[:count], content_type="application/octet-stream")
    add_never_cache_headers(response)
    return response


@carries("IPP-0-prerequisites")
@require_POST
@at_most(120, 300, "connection-up")
def up(request: HttpRequest) -> HttpResponse:
    """Takes bytes and forgets them; 512 KiB at most."""
    length = request.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) > MOST_UP_BYTES:
        return HttpResponse(status=413)
    received = len(request.read(MOST_UP_BYTES))
    response = JsonResponse({"bytes": received})
    add_never_cache_headers(response)
    return response


@carries("IPP-0-prerequisites")
@require_POST
@at_most(30, 3600, "connection-result")
def result(request: HttpRequest) -> HttpResponse:
    """Keep what the browser measured: with the customer who is signed in, else in the browser until it registers."""
    numbers = [request.POST.get(name, "") for name in ("down_kbit_s", "up_kbit_s", "latency_ms")]
    device = request.POST.get("device", "")
    if any(not n.isascii() or not n.isdigit() or len(n) > 9 for n in numbers) or device not in DEVICES:
        return HttpResponse(status=400)
    terms = policy.terms_in_force(serving.brand_key(), settings.CIVIL_CLOCK.now())
    asked = wanted(terms)
    measured = connections.Measured(
        down_kbit_s=int(numbers[0]), up_kbit_s=int(numbers[1]), latency_ms=int(numbers[2]), device=device
    )
    answer = connections.judge(measured, down_kbit_s=asked[0] if asked else 0, up_kbit_s=asked[1] if asked else 0)
    if request.user.is_authenticated and allowed("connection-kept", client_ip(request), 30, 3600):
        connections.keep(
            user_id=again.user_id(request), measured=measured, fits=answer.fits, at=settings.CIVIL_CLOCK.now()
        )
    response = JsonResponse({"fits": answer.fits, "down": answer.down, "up": answer.up, "latency": answer.latency})
    kept = signing.dumps([*map(int, numbers), device, answer.fits], salt=KEPT)
    response.set_cookie(
        settings.CHECK_COOKIE_NAME,
        kept,
        max_age=30 * 86_400,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


@carries("IPP-0-prerequisites")
def last(request: HttpRequest) -> connections.Check | None:
    """The last check of the customer signed in, else of this browser; None where there was none."""
    if request.user.is_authenticated:
        found = connections.last(user_id=again.user_id(request))
        if found is not None:
            return found
    try:
        down_kbit_s, up_kbit_s, latency_ms, device, fits = signing.loads(
            request.COOKIES.get(settings.CHECK_COOKIE_NAME, ""), salt=KEPT, max_age=30 * 86_400
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return connections.Check(
        down_kbit_s=down_kbit_s, up_kbit_s=up_kbit_s, latency_ms=latency_ms, device=device, fits=fits, at=None
    )


@functools.cache
def _noise() -> bytes:
    return os.urandom(max(PROBE_BYTES))
