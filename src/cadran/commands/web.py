"""`cadran web`: the pages, served by granian with two workers at most. It runs until SIGTERM and finishes what it answers."""

from __future__ import annotations

from typing import Any

import click

from cadran.commands import logs, main

MAX_WORKERS = 2
THREADS = 8
WAITING = 64
BACKLOG = 256


@click.command()
@click.option("--workers", type=click.IntRange(1, MAX_WORKERS), default=MAX_WORKERS, show_default=True)
def command(*, workers: int) -> None:
    """Serve the customers' site."""
    main.django_ready()
    from django.conf import settings
    from django.core.checks import run_checks
    from granian.constants import Interfaces
    from granian.server import Server

    from cadran.policy import queries as policy

    logs.configure("web")
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    policy.check()  # fail at the start, with every error, rather than at the first page
    errors = [str(found) for found in run_checks() if found.is_serious()]
    if errors:
        raise click.ClickException("; ".join(errors))
    server = Server(
        "cadran.commands.web:application",
        factory=True,
        address=settings.HOST,
        port=settings.WEB_PORT,
        interface=Interfaces.WSGI,
        websockets=False,
        workers=workers,
        blocking_threads=THREADS,
        backpressure=WAITING,
        backlog=BACKLOG,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
        log_dictconfig=_log_config(),
    )
    server.serve()


def application() -> Any:
    """The WSGI application of one worker process, its logs set up first."""
    logs.configure("web")
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def _log_config() -> dict[str, Any]:
    """granian's own lines go the way of all others; requests are logged by cadran.web.middleware.AccessLog."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "loggers": {"_granian": {"level": "WARNING", "propagate": True}},
    }
