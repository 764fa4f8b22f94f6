"""The doorway of the API: requests under /api/v1/ go straight to it, past sessions, cookies, forms and languages, which are for pages.
Whatever goes wrong comes back as a problem."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http.response import HttpResponseNotAllowed
from django.urls import Resolver404, resolve

from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.web.api import access, problems

PREFIX = "/api/v1/"
log = structlog.get_logger()
_QUALITY = re.compile(r";\s*q=0(\.0{1,3})?\s*$")


class Doorway:
    """Middleware: answers what is under PREFIX, and passes everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not f"{request.path_info}/".startswith(PREFIX):
            return self.get_response(request)
        request.api_request_id = ids.new_id("req")  # type: ignore[attr-defined]
        head = request.method == "HEAD"
        if head:
            request.method = "GET"
        response = _answered(request)
        if head and isinstance(response, HttpResponse):
            request.method = "HEAD"
            response.headers["Content-Length"] = str(len(response.content))
            response.content = b""
        _dress(request, response)
        return response


def _answered(request: HttpRequest) -> HttpResponseBase:
    try:
        _check(request)
        match = resolve(request.path_info, urlconf="cadran.web.api.v1")
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    except (Resolver404, Http404):
        return problems.answer(request, problems.NotFound("there is nothing at this address"))
    except CadranError as error:
        return problems.answer(request, error)
    except Exception:  # an edge: whatever it is, the caller gets a problem with an id that the log knows
        log.exception("api-failed", request_id=request.api_request_id)  # type: ignore[attr-defined]
        return problems.answer(request, problems.Failed("this failed on our side: tell us the request's id"))
    if isinstance(response, HttpResponseNotAllowed):
        allow = response.headers["Allow"]
        refused = problems.MethodNotAllowed(f"this address takes {allow}")
        return problems.answer(request, refused, headers={"Allow": allow})
    return response


def _check(request: HttpRequest) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise problems.Malformed("Content-Length is a number of bytes")
    most = access.most_bytes(request.path_info)
    if len(length) > 12 or int(length) > most:
        raise problems.TooLarge(f"a body has {most} bytes at most here")
    if not _acceptable(request.headers.get("accept", "")):
        raise problems.NotAcceptable("answers are application/json: send Accept: application/json")


def _acceptable(accept: str) -> bool:
    if not accept.strip():
        return True
    wanted = (part.strip() for part in accept.lower().split(",") if not _QUALITY.search(part))
    return any(
        part.partition(";")[0].strip()
        in {"*/*", "application/*", "application/json", "application/zip", problems.MEDIA_TYPE}
        for part in wanted
    )


def _dress(request: HttpRequest, response: HttpResponseBase) -> None:
    """The headers of every answer."""
    headers = response.headers
    headers["Request-Id"] = request.api_request_id  # type: ignore[attr-defined]
    headers.setdefault("Cache-Control", "no-store")
    headers["Content-Security-Policy"] = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    if (counted := getattr(request, "api_left", None)) is not None:
        quota, left = counted
        headers["RateLimit-Policy"] = quota.policy
        headers["RateLimit"] = f'"{quota.name}";r={left.remaining};t={left.reset_s}'
