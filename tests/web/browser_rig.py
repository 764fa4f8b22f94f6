"""The real `cadran web` and mailbox in processes of their own, and Chromium to look at them: once for all tests of a run."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


@dataclass(frozen=True, slots=True)
class Site:
    """A running site, its mailbox, and the environment of its programs."""

    url: str
    mails: str
    env: dict[str, str] = field(default_factory=dict)

    def link(self, to: str) -> str:
        """The link of the newest mail to that address."""
        deadline = time.monotonic() + 30
        while not (found := httpx.get(self.mails, params={"to": to}).json()) and time.monotonic() < deadline:
            time.sleep(0.2)
        (mail, *_) = found
        (found,) = [word for word in mail["text"].split() if word.startswith(self.url + "/account/")]
        return str(found)


def free_base() -> int:
    """A port from which eight are free; sites that start at the same time look in different places."""
    first = 27_100 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2 * 400
    for base in range(first, first + 400, 10):
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            try:
                one.bind(("127.0.0.1", base))
                two.bind(("127.0.0.1", base + 3))
                three.bind(("127.0.0.1", base + 4))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    base, var = free_base(), tmp_path_factory.mktemp("site")
    env = {name: value for name, value in os.environ.items() if not name.startswith("CADRAN_")}
    env |= {"CADRAN_VAR": str(var), "CADRAN_PORT_BASE": str(base), "CADRAN_LOG": "json"}
    cadran = [sys.executable, "-m", "cadran"]
    subprocess.run([*cadran, "migrate"], env=env, check=True, capture_output=True, timeout=120)
    ports = ["--port", str(base + 3), "--smtp-port", str(base + 4), "--dir", str(var / "mail")]
    with (var / "out.log").open("wb") as out:
        running = [
            subprocess.Popen(argv, env=env, stdout=out, stderr=out)
            for argv in (
                [*cadran, "web", "--workers", "1"],
                [*cadran, "jobs"],
                [sys.executable, "-m", "cadran_sandbox.mailbox", *ports],
            )
        ]
        try:
            for port in (base, base + 3, base + 4):
                _wait(port, running, var / "out.log")
            yield Site(f"http://127.0.0.1:{base}", f"http://127.0.0.1:{base + 3}/mails", env)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(20)


def _wait(port: int, running: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in running), log.read_text()[-3000:]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


_RUNNING: list[Any] = []  # Playwright runs once in a process, for whoever asks first


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A Chromium of one's own. Playwright's loop stays in this thread, where Django would take the reads of later tests for those of a
    coroutine."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not _RUNNING:
        _RUNNING.append(sync_api.sync_playwright().start())
        atexit.register(_RUNNING[0].stop)
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "yes"
    found = _RUNNING[0].chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser of its own; fails the test for an error in its console or a request to another host."""
    contexts, faults = [], []

    def run(site: Site, **options: Any) -> Any:
        context = chromium.new_context(**({"locale": "fr-FR", "viewport": {"width": 360, "height": 780}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: faults.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(site.url) else faults.append(r.url))
        return page

    yield run
    for context in contexts:
        context.close()
    assert not faults
