"""`cadran radius`: charging for switches that speak RADIUS, a process of its own. It runs until SIGTERM."""

from __future__ import annotations

import asyncio
import signal

import click

from cadran.commands import logs, main
from cadran.units import errors


class NoRadiusClients(errors.CadranError):
    """Nobody may ask."""

    error_id = "radius-no-clients"


class RadiusPortTaken(errors.CadranError):
    """A port of RADIUS is held by another program."""

    error_id = "radius-port-taken"


@click.command()
def command() -> None:
    """Serve RADIUS for the clients that CADRAN_RADIUS_CLIENTS names."""
    main.django_ready()
    from django.conf import settings

    logs.configure("radius")
    if not settings.RADIUS_CLIENTS:
        raise NoRadiusClients("name who may ask: CADRAN_RADIUS_CLIENTS=gateway=192.0.2.10=ippi")
    asyncio.run(_serve())


async def _serve() -> None:
    from django.conf import settings

    from cadran.units.clock import BootClock
    from cadran.voice.switches import assembly
    from cadran.voice.switches.radius import codec, server

    ready = settings.VAR / "run" / "radius.ready"
    ready.unlink(missing_ok=True)
    exchange, clients = assembly.radius_exchange(), assembly.radius_clients()
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    transports = []
    for port, code in (
        (settings.RADIUS_AUTH_PORT, codec.ACCESS_REQUEST),
        (settings.RADIUS_ACCT_PORT, codec.ACCOUNTING_REQUEST),
    ):
        codes = frozenset({code, codec.STATUS_SERVER})
        endpoint = server.Endpoint(exchange, clients, codes=codes, clock=BootClock())
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda endpoint=endpoint: endpoint,  # type: ignore[misc]
                local_addr=(settings.RADIUS_HOST, port),
            )
        except OSError as error:
            raise RadiusPortTaken(
                f"UDP {settings.RADIUS_HOST}:{port} cannot be taken ({error.strerror}): set CADRAN_RADIUS_AUTH_PORT and "
                "CADRAN_RADIUS_ACCT_PORT"
            ) from error
        transports.append(transport)
    ready.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    ready.touch()
    await over.wait()
    ready.unlink(missing_ok=True)
    for transport in transports:
        transport.close()
