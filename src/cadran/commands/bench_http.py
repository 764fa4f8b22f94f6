"""The charging API: an HTTP request to its durable reservation, beside a raw ASGI application that only sends the body back, under the
same server, the same settings and the same load from a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import json
import multiprocessing
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from cadran.commands import bench_charging
from cadran.commands.benchmarks import Result
from cadran.party.queries import SipUser
from cadran.units.clock import BootClock
from cadran.voice.directory.lookups import Lookups
from cadran.voice.switches import rules, wire
from cadran.voice.switches.callers import Callers
from cadran.voice.switches.desk import Desk
from cadran.voice.switches.http import Application
from cadran.voice.switches.keyring import Keyring
from cadran.voice.switches.pipe import PipedCharging

T = TypeVar("T")
CONNECTIONS = 128
PIPELINED = 2
ACCOUNTS = 500
HOST = "127.0.0.1"
KEY = "sk_000000000000_" + "a" * 43
WARM = 0.25
_FORK = multiprocessing.get_context("fork")


def measure(seconds: float) -> list[Result]:
    """All figures of the group; `seconds` for each measurement."""
    with tempfile.TemporaryDirectory(prefix="cadran-bench-") as name:
        folder = Path(name)
        with bench_charging._serving(folder / "c", bench_charging._engine) as charging:
            bench_charging._fill(charging.socket, ACCOUNTS)
            with _served(lambda: _application(charging.socket)) as port:
                ours = _load(port, seconds)
        with _served(lambda: _echo) as port:
            echo = _load(port, seconds)
    return [
        Result(
            name="durable_vs_echo",
            value=ours,
            unit="requests/s",
            beside="raw ASGI echo",
            yardstick=echo,
            goal=0.6,
        )
    ]


class _Clock:
    """The civil clock stands where the bench's credit is valid."""

    def now(self) -> datetime:
        return bench_charging.AT


class _Kept(Lookups):
    """What a busy installation has in memory: every customer that the load names."""

    def __init__(self) -> None:
        super().__init__(BootClock())
        self._users = {f"acc{number}": _user(f"acc{number}") for number in range(ACCOUNTS)}

    def kept(self, kind: str, key: str) -> Any:
        return self._users.get(key) if kind == "payer" else "" if kind == "shown" else None


def _user(account: str) -> SipUser:
    return SipUser(
        username=account,
        account=account,
        brand="ippi",
        terms=bench_charging.TERMS,
        ha1={},
        active=True,
        state="active",
        raised_duration=False,
        country="FR",
        language="fr",
    )


def _application(socket_path: Path) -> Application:
    switch = rules.Switch(
        name="bench",
        prefix="0" * 12,
        scopes=frozenset({"calls"}),
        brands=frozenset({"ippi"}),
        rate=rules.MOST_RATE,
        event_limit_micros=0,
        expires_at=datetime.max.replace(tzinfo=UTC),
    )

    async def read(_work: Callable[[], object]) -> rules.Switch:
        return switch

    callers = Callers(
        BootClock(), realm="bench", country="FR", private_targets=False, own=(HOST, 5060), lookups=_Kept()
    )
    desk = Desk(PipedCharging(socket_path), callers, _Clock())
    return Application(desk, Keyring(read, clock=BootClock(), civil=_Clock()))


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """The yardstick: reads the body whole and sends it back."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def _served(make: Callable[[], Any]) -> Iterator[int]:
    """An application in a process of its own; yields its port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    child = _FORK.Process(target=_serve, args=(make, port))
    child.start()
    try:
        _wait(port)
        yield port
    finally:
        child.terminate()
        child.join(10)
        if child.is_alive():
            child.kill()
            child.join()


def _serve(make: Callable[[], Any], port: int) -> None:
    import gc

    import uvicorn

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    uvicorn.Server(wire.config(make(), host=HOST, port=port)).run()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _load(port: int, seconds: float) -> float:
    """Requests answered a second, with 200 each, asked for by a process of its own over kept-alive connections."""
    ours, theirs = _FORK.Pipe()
    child = _FORK.Process(target=_ask, args=(port, seconds, theirs))
    child.start()
    try:
        if not ours.poll(seconds * 2 + 30):
            raise TimeoutError("the load did not end")
        answered, failed = ours.recv()
    finally:
        child.join(10)
        if child.is_alive():
            child.kill()
    if failed:
        raise RuntimeError(f"{failed} requests were not answered with 200")
    return float(answered)


def _ask(port: int, seconds: float, told: Connection) -> None:
    if importlib.util.find_spec("uvloop"):
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            told.send(runner.run(_all(port, seconds)))
    else:
        told.send(asyncio.run(_all(port, seconds)))


async def _all(port: int, seconds: float) -> tuple[float, int]:
    loop, numbers = asyncio.get_running_loop(), itertools.count()
    clients = [_Client(numbers) for _ in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, HOST, port)  # type: ignore[misc]
    await asyncio.sleep(seconds * WARM)
    before, start = sum(client.answered for client in clients), time.perf_counter()
    await asyncio.sleep(seconds)
    after, took = sum(client.answered for client in clients), time.perf_counter() - start
    for client in clients:
        client.over = True
    while any(client.under_way for client in clients) and time.perf_counter() < start + took + 10:
        await asyncio.sleep(0.01)
    failed = sum(client.failed for client in clients)
    for client in clients:
        client.stop()
    return (after - before) / took, failed


class _Client(asyncio.Protocol):
    """One connection with PIPELINED requests under way: each answer is followed by the next request."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers, self._received, self.answered, self.failed = numbers, b"", 0, 0
        self.over, self.under_way = False, 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send(PIPELINED)

    def data_received(self, data: bytes) -> None:
        received, done = self._received + data, 0
        while (head := received.find(b"\r\n\r\n")) >= 0:
            at = received.find(b"content-length: ")
            end = head + 4 + int(received[at + 16 : received.find(b"\r", at)])
            if len(received) < end:
                break
            done += 1
            self.failed += not received.startswith(b"HTTP/1.1 200")
            received = received[end:]
        self._received = received
        self.answered += done
        self.under_way -= done
        if done and not self.over:
            self._send(done)

    def _send(self, count: int) -> None:
        assert self._transport is not None
        self.under_way += count
        self._transport.write(b"".join(_request(next(self._numbers)) for _ in range(count)))

    def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


def _request(number: int) -> bytes:
    body = json.dumps({"session": f"s{number}", "account": f"acc{number * 7919 % ACCOUNTS}", "to": "+33142000001"})
    return (
        f"POST /v1/authorise HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
