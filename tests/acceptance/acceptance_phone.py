"""A real phone for the acceptance tests: `cadran phone --control`, driven by JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class Phone:
    """One phone, registered unless told otherwise. Leaves at the end of a with block."""

    def __init__(self, *, user: str, password: str, server: str, var: Path, register: bool = True) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            (sys.executable, "-m", "cadran", "phone", "--control", "--user", user, "--server", server),
            env={**os.environ, "CADRAN_VAR": str(var), "CADRAN_PHONE_PASSWORD": password},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait("ready")
        if register:
            self.do("register")
            self.wait("registered")

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def do(self, what: str, **fields: object) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self._process.stdin.flush()

    def wait(self, name: str, timeout_s: float = 20, **fields: object) -> Event:
        """The first event of that name and those fields, come already or to come."""
        return self.wait_until(lambda one: one["event"] == name and fields.items() <= one.items(), timeout_s)

    def wait_until(self, wanted: Callable[[Event], bool], timeout_s: float = 20) -> Event:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for one in self.events:
                    if wanted(one):
                        return one
                left = deadline - time.monotonic()
                assert left > 0, f"not heard in {timeout_s} s; heard {self.events[-8:]}"
                self._changed.wait(left)

    def call(self, to: str, *, key: str, answered: bool = True, timeout_s: float = 20) -> Event:
        """Dial; returns the event `answered`, or the event `ended` of a call that does not come to be."""
        self.do("call", to=to, call=key)
        names = ("answered", "ended") if answered else ("ended",)
        return self.wait_until(lambda one: one.get("call") == key and one["event"] in names, timeout_s)

    def hang_up(self, key: str) -> Event:
        self.do("hangup", call=key)
        return self.wait("ended", call=key)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
