"""A whole installation for tests: `cadran serve` on free ports and a state folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from cadran.commands import probes

START_S, STOP_S = 90, 40


class Installation:
    """One state folder and one port base; started and stopped as often as a test likes."""

    def __init__(self, var: Path) -> None:
        self.var, self.base = var, probes.free_base()
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("CADRAN_")}
        self.env |= {"CADRAN_VAR": str(var), "CADRAN_PORT_BASE": str(self.base)}
        self.process: subprocess.Popen[str] | None = None

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.base}"

    def start(self, *options: str) -> str:
        """Start and wait until it is ready; returns what was printed until then."""
        out = (self.var.parent / f"{self.var.name}.out").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cadran", "serve", "--lang", "en", *options],
            env=self.env,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_S
        while not (self.var / "run" / "ready.json").exists():
            said = Path(out.name).read_text()
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        return Path(out.name).read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop as Ctrl-C or `kill` do; returns the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def processes(self) -> dict[str, dict[str, Any]]:
        """The services as var/run/processes.json tells them."""
        found: dict[str, dict[str, Any]] = json.loads((self.var / "run" / "processes.json").read_text())["services"]
        return found

    def left_behind(self) -> list[str]:
        """Processes of this state folder that still run."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline"]):
            with contextlib.suppress(psutil.Error):
                if process.environ().get("CADRAN_VAR") == str(self.var) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.info["cmdline"] or []))
        return found

    def cadran(self, *words: str, code: int = 0, **env: str) -> str:
        """Run a `cadran` command on this installation; returns its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "cadran", "--", *words],
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def json(self, *words: str, code: int = 0, **env: str) -> Any:
        """Run a `cadran` command with --json and read what it says."""
        return json.loads(self.cadran(*words, "--json", code=code, **env))


@contextlib.contextmanager
def running(var: Path) -> Iterator[Installation]:
    """An installation that runs, and is stopped at the end whatever happened."""
    one = Installation(var)
    try:
        one.start()
        yield one
    finally:
        if one.process and one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def until(true: Callable[[], Any], what: str, *, timeout_s: float = 30) -> Any:
    """Wait until `true()` is; returns its value."""
    deadline = time.monotonic() + timeout_s
    while not (value := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return value
