"""What the tests of the phone and of the sandbox carrier stand on: the carrier as a process, phones inside the test."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadran.voice.phone import engine
from cadran.voice.phone.handset import Handset


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Carrier:
    process: subprocess.Popen[str]
    port: int
    control: int
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def get(self, path: str = "/calls") -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}{path}", timeout=5) as answer:
            return json.load(answer)

    def post(self, path: str, body: object) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.control}{path}", data=data)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def last(self) -> dict[str, Any]:
        return dict(self.get()[-1])

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(5)
        finally:
            self.process.kill()
            self.log.unlink()


def start_carrier(name: str = "one", *more: str) -> Carrier:
    port, control, rtp = free_port(), free_port(socket.SOCK_STREAM), 30_000 + free_port() % 20_000 // 2 * 2
    command = [sys.executable, "-m", "cadran_sandbox.carrier", "--name", name, "--port", str(port)]
    command += ["--control-port", str(control), "--rtp-min", str(rtp), "--rtp-max", str(rtp + 400), *more]
    log = Path(tempfile.mkstemp(prefix="carrier-", suffix=".log")[1])
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)
    limit = time.monotonic() + 20
    while "ready" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < limit, "the carrier does not start"
        time.sleep(0.05)
    return Carrier(process, port, control, log)


@dataclass
class Phone:
    """A handset with its events remembered, and a way to wait for one."""

    handset: Handset = field(init=False)
    events: list[engine.Event] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: engine.Event) -> None:
        self.events.append(event)
        self.news.set()

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    async def until(self, name: str, *, timeout: float = 8.0, after: int = 0) -> engine.Event:
        async with asyncio.timeout(timeout):
            while True:
                for event in self.events[after:]:
                    if event.name == name:
                        return event
                self.news.clear()
                await self.news.wait()

    async def until_tone(self, hertz: int, *, key: str = "", timeout: float = 5.0) -> None:
        limit = time.monotonic() + timeout
        heard: object = None
        while time.monotonic() < limit:
            heard = self.handset.figures(key).tone_hz
            if heard is not None and abs(heard - hertz) <= 5:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"heard {heard} Hz, not {hertz}")


async def open_phone(server: tuple[str, int], user: str = "alice", **line: Any) -> Phone:
    phone = Phone()
    known = {name: line.pop(name) for name in ("microphone", "record", "port") if name in line}
    account = engine.Line(user=user, password=line.pop("password", "secret"), server=server, **line)
    phone.handset = await Handset(account, listener=phone.hear, **known).open()
    return phone
