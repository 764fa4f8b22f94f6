"""Slow, endless and oversized clients against the real server, on both of its parsers."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cadran.voice.switches import wire

GOOD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


async def answering(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await asyncio.sleep(0.5 if b"wait" in body else 0)  # an answer may take longer than a request
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(params=["httptools", "h11"])
def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(wire, "REQUEST_S", 0.3)
    monkeypatch.setattr(wire, "MAX_RECEIVED", 8192)
    config = wire.config(answering, host="127.0.0.1", port=0)
    if request.param == "h11":
        config.http = wire.BoundedH11
    else:
        assert issubclass(config.http, HttpToolsProtocol)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def said(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Everything that the server says until it closes, or is silent for a while."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=1.5) as client:
        try:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause_s)
            while part := client.recv(65536):
                found += part
                if found.endswith(b"ok") and found.count(b"200 OK") >= b"".join(pieces).count(b"POST"):
                    return found
        except ConnectionError:
            return found + b"<reset>"
        except TimeoutError:
            return found + b"<silent>"
    return found + b"<closed>"


def test_a_whole_request_is_answered_however_it_is_cut_and_several_on_one_connection(port: int) -> None:
    assert said(port, GOOD[:7], GOOD[7:30], GOOD[30:], pause_s=0.02).startswith(b"HTTP/1.1 200")
    assert said(port, GOOD * 3).count(b"200 OK") == 3
    slow_answer = GOOD.replace(b"2\r\n\r\n{}", b"4\r\n\r\nwait")
    assert said(port, slow_answer).startswith(b"HTTP/1.1 200")


def test_a_request_that_never_ends_ends_its_connection(port: int) -> None:
    for pieces in (
        (),
        (b"POST /x HTT",),
        (b"POST /x HTTP/1.1\r\n", *[b"X: y\r\n"] * 8),
        (GOOD.replace(b"Length: 2", b"Length: 900"), *[b" "] * 8),
    ):
        start = time.monotonic()
        found = said(port, *pieces, pause_s=0.06)
        assert b"200 OK" not in found
        assert b"<silent>" not in found, pieces
        assert time.monotonic() - start < 1.4


def test_a_request_larger_than_any_is_cut_off(port: int) -> None:
    for piece in (b"POST /" + b"x" * 20_000, b"POST /x HTTP/1.1\r\n" + b"X: " + b"y" * 20_000):
        found = said(port, piece)
        assert b"200 OK" not in found
        assert b"<silent>" not in found


def test_keys_travel_readable_on_this_machine_alone() -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        wire.check_cleartext(host, tls=False, allowed=False)
    for host in ("0.0.0.0", "192.0.2.1", "::", "charging.example"):
        with pytest.raises(wire.NoCleartext):
            wire.check_cleartext(host, tls=False, allowed=False)
        wire.check_cleartext(host, tls=True, allowed=False)
        wire.check_cleartext(host, tls=False, allowed=True)
