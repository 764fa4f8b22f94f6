"""uvicorn for switches: uvloop and httptools where they are installed, and a bound on how long and how large a request may be while
it arrives. uvicorn itself waits for a header's end for ever."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cadran.units.errors import CadranError
from cadran.voice.switches import figures

REQUEST_S = 10.0
MAX_RECEIVED = 65_536
MAX_CONNECTIONS = 1024
KEEP_ALIVE_S = 65
BACKLOG = 512


class NoCleartext(CadranError):
    """Keys would travel readable: outside the machine itself the API speaks TLS."""

    error_id = "switch-no-cleartext"


class Bounded:
    """Mixed into uvicorn's protocols: a request that is not whole REQUEST_S after its first byte (or the connection), or that has
    more than MAX_RECEIVED bytes, ends the connection."""

    _deadline: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        self._arm()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)  # type: ignore[misc]
        cycle = self.cycle  # type: ignore[attr-defined]
        if cycle is not None and not cycle.more_body and not cycle.response_complete:
            self._disarm()
        elif self._received > MAX_RECEIVED:
            self._close("size")
        elif self._deadline is None:
            self._arm()

    def connection_lost(self, error: Exception | None) -> None:
        self._disarm()
        super().connection_lost(error)  # type: ignore[misc]

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_S, self._close, "slow")  # type: ignore[attr-defined]

    def _disarm(self) -> None:
        self._received = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self, why: str) -> None:
        figures.TURNED.labels(why).inc()
        self.transport.close()  # type: ignore[attr-defined]


class BoundedH11(Bounded, H11Protocol):
    """For an installation without httptools."""


def http_protocol() -> type[asyncio.Protocol]:
    """The bounded protocol on httptools, or on h11 where that is not installed."""
    if importlib.util.find_spec("httptools") is None:
        return BoundedH11
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    return type("BoundedHttpTools", (Bounded, HttpToolsProtocol), {})


def config(
    application: Any, *, host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> uvicorn.Config:
    """How the API is served."""
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        http=http_protocol(),
        ws="none",
        interface="asgi3",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
        backlog=BACKLOG,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def check_cleartext(host: str, *, tls: bool, allowed: bool) -> None:
    """Raises NoCleartext."""
    if not (tls or allowed or host in ("localhost", "::1") or host.startswith("127.")):
        raise NoCleartext(
            f"{host} is not this machine alone: give CADRAN_CHARGING_API_CERTIFICATE and CADRAN_CHARGING_API_CERTIFICATE_KEY, or "
            "set CADRAN_CHARGING_API_CLEARTEXT=1 where a proxy with TLS stands before it"
        )
