"""The mailbox as the separate program that it is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A running mailbox: where its SMTP and its pages are."""

    smtp_port: int
    url: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("it did not start")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Mailbox]]:
    """Starts a mailbox on the folder of this test; again, after one was killed, on the same folder."""
    running: list[subprocess.Popen[bytes]] = []

    def run() -> Mailbox:
        smtp_port, port = free_port(), free_port()
        ports = ["--port", str(port), "--smtp-port", str(smtp_port)]
        argv = [sys.executable, "-m", "cadran_sandbox.mailbox", *ports, "--dir", str(tmp_path / "mail")]
        process = subprocess.Popen(argv, env=dict(os.environ))
        running.append(process)
        wait_for(smtp_port, process)
        wait_for(port, process)
        return Mailbox(smtp_port, f"http://127.0.0.1:{port}", process)

    yield run
    for process in running:
        process.terminate()
        process.wait(10)


@pytest.fixture
def mailbox(start: Callable[[], Mailbox]) -> Mailbox:
    return start()
