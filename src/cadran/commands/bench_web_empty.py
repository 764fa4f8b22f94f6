"""The yardstick of `cadran bench web`: the framework's empty page, one view and no middleware, behind the same server with the same
workers and threads. `python -m cadran.commands.bench_web_empty PORT`."""

from __future__ import annotations

import sys
from typing import Any

from cadran.commands import web


def application() -> Any:
    """A Django application whose one page is empty."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def empty(request: HttpRequest) -> HttpResponse:
        return HttpResponse("")

    if not settings.configured:
        settings.configure(
            SECRET_KEY="of-an-empty-page",  # noqa: S106
            ALLOWED_HOSTS=["127.0.0.1"],
            ROOT_URLCONF=__name__,
            MIDDLEWARE=[],
        )
    globals()["urlpatterns"] = [path("", empty)]
    return get_wsgi_application()


def serve(port: int) -> None:
    from granian.constants import Interfaces
    from granian.server import Server

    Server(
        "cadran.commands.bench_web_empty:application",
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        websockets=False,
        workers=web.MAX_WORKERS,
        blocking_threads=web.THREADS,
        backpressure=web.WAITING,
        backlog=web.BACKLOG,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
