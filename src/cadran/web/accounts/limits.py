"""How often one address may ask for something: counted in the cache that the workers share, in fixed windows."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from cadran.web.forms import client_ip, client_network

log = structlog.get_logger()
View = Callable[..., HttpResponseBase]


def at_most(count: int, window_s: int, name: str, *, methods: tuple[str, ...] = ("POST",)) -> Callable[[View], View]:
    """The view, at most `count` times in `window_s` seconds from one address; beyond that the page says to wait (429)."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method in methods and not allowed(name, client_ip(request), count, window_s):
                log.warning("limit-reached", limit=name, network=client_network(request))
                return render(request, "429.html", status=429)
            return view(request, *args, **kwargs)

        return limited

    return decorate


def allowed(name: str, key: str, count: int, window_s: int) -> bool:
    """Count one use by `key`; false beyond `count` in the window of now."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    slot = f"limit:{name}:{digest}:{int(time.time()) // window_s}"
    if cache.add(slot, 1, window_s):
        return True
    try:
        return cache.incr(slot) <= count
    except ValueError:  # it lapsed between the two
        return True
