"""Which brand a request is served under: told by its host name, the installation's default where the host names none."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.utils import timezone

from cadran.policy import queries as policy

_serving: contextvars.ContextVar[str] = contextvars.ContextVar("cadran_brand")
LOOPBACK = ".localhost"


def brand_key() -> str:
    """The brand of the request being answered, else the installation's default (a command, a job, a test)."""
    return _serving.get("") or str(settings.BRAND)


def brand_of_host(host: str) -> str:
    """The brand that a host names: by CADRAN_BRAND_HOSTS, or `<brand>.localhost` in a sandbox; else the default."""
    name = split_domain_port(host)[0].lower()
    if found := settings.BRAND_HOSTS.get(name):
        return str(found)
    if settings.SANDBOX and name.endswith(LOOPBACK) and (key := name.removesuffix(LOOPBACK)) in policy.brand_keys():
        return key
    return str(settings.BRAND)


class ServedBrand:
    """The brand of the request's host, for everything that answers it, and dates in that brand's civil zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _serving.set(brand_of_host(request.get_host()))
        try:
            with timezone.override(policy.brand(brand_key()).zone):
                return self.get_response(request)
        finally:
            _serving.reset(token)
