"""`cadran phone --control` as separate programs: what a story says to them and hears from them."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from cadran.commands.demo import teller

Event = dict[str, Any]


class Phone:
    """One phone program. Events are kept in the order in which they came; `wait` looks for one that nobody has taken yet."""

    def __init__(self, user: str, password: str, server: str, *options: str) -> None:
        self.user = user
        self._program = subprocess.Popen(
            [sys.executable, "-m", "cadran", "phone", "--control", "--user", user, "--server", server, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            env={**os.environ, "CADRAN_PHONE_PASSWORD": password},
        )
        self._events: queue.Queue[Event] = queue.Queue()
        self._kept: list[Event] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._program.stdout
        for line in self._program.stdout:
            self._events.put(json.loads(line))

    def do(self, what: str, **fields: object) -> None:
        """Send a command."""
        assert self._program.stdin
        self._program.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self._program.stdin.flush()

    def wait(self, *names: str, timeout: float = 15, **fields: object) -> Event:
        """The first event of one of those names, with those fields. Raises StepFailed, naming what came instead."""
        deadline = time.monotonic() + timeout
        while True:
            for place, event in enumerate(self._kept):
                if event.get("event") in names and all(event.get(key) == value for key, value in fields.items()):
                    return self._kept.pop(place)
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise queue.Empty
                self._kept.append(self._events.get(timeout=left))
            except queue.Empty:
                came = ", ".join(str(event.get("event")) for event in self._kept[-6:]) or "nothing"
                raise teller.StepFailed(
                    f"{self.user}: no {' or '.join(names)} within {timeout:.0f} s; came: {came}"
                ) from None

    def register(self) -> None:
        """Register and wait for it. Raises StepFailed."""
        self.do("register")
        event = self.wait("registered", "register_failed")
        if event["event"] != "registered":
            raise teller.StepFailed(f"{self.user} could not register: {event.get('code')} {event.get('reason', '')}")

    def call(self, to: str, name: str) -> None:
        """Call; `name` tells the call from others."""
        self.do("call", to=to, call=name)

    def stats(self, call: str = "") -> Event:
        """Packets and level of a call now."""
        self.do("stats", **({"call": call} if call else {}))
        return self.wait("stats", timeout=5)

    def leave(self) -> None:
        """End the program."""
        try:
            self.do("quit")
            self._program.wait(5)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self._program.kill()
            self._program.wait()


def leave_all(phones: Mapping[str, Phone]) -> None:
    """End every phone."""
    for phone in phones.values():
        phone.leave()
