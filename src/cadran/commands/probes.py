"""Is it there? One question to a port, a socket or a page, answered within half a second; and which ports are taken by whom."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

Probe = Callable[[], bool]
_WAIT_S = 0.5


def tcp(host: str, port: int) -> Probe:
    """Somebody accepts connections there."""

    def probe() -> bool:
        try:
            socket.create_connection((host, port), timeout=_WAIT_S).close()
        except OSError:
            return False
        return True

    return probe


def unix(path: Path) -> Probe:
    """Somebody accepts connections at that socket file."""

    def probe() -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(_WAIT_S)
            try:
                sock.connect(str(path))
            except OSError:
                return False
        return True

    return probe


def http(url: str) -> Probe:
    """The page answers with a status below 500."""

    def probe() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=_WAIT_S * 4) as answer:  # noqa: S310 - our own loopback address
                return int(answer.status) < 500
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    return probe


def sip(host: str, port: int) -> Probe:
    """A SIP stack answers OPTIONS over UDP, whatever it answers."""

    def probe() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_WAIT_S)
            try:
                sock.connect((host, port))
                mine, my_port = sock.getsockname()[:2]
                mark = f"{time.monotonic_ns():x}"
                sock.send(
                    f"OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {mine}:{my_port};rport;branch=z9hG4bK{mark}\r\n"
                    f"Max-Forwards: 70\r\nFrom: <sip:ready@{mine}>;tag={mark}\r\nTo: <sip:{host}:{port}>\r\nCall-ID: {mark}\r\n"
                    f"CSeq: 1 OPTIONS\r\nContact: <sip:ready@{mine}:{my_port}>\r\nContent-Length: 0\r\n\r\n".encode()
                )
                return sock.recv(4096).startswith(b"SIP/2.0")
            except OSError:
                return False

    return probe


def port_is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    """Nobody holds that port (SOCK_STREAM or SOCK_DGRAM) of that address."""
    with socket.socket(socket.AF_INET, kind) as sock:
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int, kind: socket.SocketKind) -> str:
    """Who holds a port, as `name (pid 12)`; empty where the system does not say."""
    try:
        found = psutil.net_connections("tcp" if kind is socket.SOCK_STREAM else "udp")
    except psutil.Error:
        return ""
    for connection in found:
        listening = kind is socket.SOCK_DGRAM or connection.status == psutil.CONN_LISTEN
        if listening and connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return ""


def free_base(host: str = "127.0.0.1") -> int:
    """A port base whose first hundred ports are all free; its media ports then lie apart from them, and below the system's range.

    Where to look first differs from call to call, so that two that start together seldom meet.
    """
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    hundreds = tuple(range(11_000, 18_000, 100))
    first = time.monotonic_ns() // 1000 % len(hundreds)
    for base in (*hundreds[first:], *hundreds[:first]):
        if all(port_is_free(host, base + offset, kind) for offset in range(100) for kind in kinds):
            return base
    raise OSError("no hundred free ports between 11000 and 18000")
