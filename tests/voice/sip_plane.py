"""A whole embedded plane for tests: charging, media, SIP and sandbox carriers as real processes in a state folder of their own."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
PASSWORD = "k7mq-x3dw-p9ra-t4hv"
REALM = "cadran.local"
# Two runs keep apart. Voice never shares a port, and no port is one that the system gives by itself (32768 and up):
# the planes have 10000 to 13999 for theirs, the telephones 14000 to 18199, signalling is above.
_NEXT = [int(os.environ.get("CADRAN_PORT_BASE", "24000")) + 200 + os.getpid() % 60 * 100]
_PHONES = itertools.cycle(range(14_000 + os.getpid() % 7 * 600, 14_600 + os.getpid() % 7 * 600, 20))


def free_udp(count: int = 1) -> list[int]:
    """UDP ports that nobody holds now, in steps of ten."""
    found: list[int] = []
    while len(found) < count:
        _NEXT[0] += 10
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, _NEXT[0]))
            except OSError:
                continue
        found.append(_NEXT[0])
    return found


def phone_rtp() -> tuple[int, int]:
    """First and last port for the voice of one telephone; thirty telephones at a time."""
    first = next(_PHONES)
    return first, first + 18


@dataclass
class Plane:
    """The processes of one installation. `start(name)` and `kill(name)` for charging, media, sip, carrier, carrier2."""

    var: Path
    extra: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def seed_file(self) -> Path:
        return Path(__file__).with_name("seed.py")

    def __post_init__(self) -> None:
        self.sip_port, self.carrier_port, self.carrier2_port = free_udp(3)
        self.rtp_min = 10_000 + os.getpid() % 5 * 800
        self.env = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}",
            "CADRAN_VAR": str(self.var),
            "CADRAN_SIP_PORT": str(self.sip_port),
            "CADRAN_SANDBOX_CARRIER_PORT": str(self.carrier_port),
            "CADRAN_SANDBOX_CARRIER2_PORT": str(self.carrier2_port),
            "CADRAN_RTP_PORT_MIN": str(self.rtp_min),
            "CADRAN_RTP_PORT_MAX": str(self.rtp_min + 398),
            "CADRAN_LOG": "json",
            "CADRAN_SIP_MIN_EXPIRES_S": "1",
            "CADRAN_SIP_BYE_S": "2",
            "CADRAN_SIP_CARRIERS_S": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **self.extra,
        }

    def prepare(self) -> None:
        """Databases and customers, then the processes, then wallets."""
        self.accounts = json.loads(self._seed("base"))
        self.start("charging")
        wait_until(lambda: (self.var / "run" / "charging.sock").exists(), 45, "charging")
        self._seed("wallets", json.dumps(self.accounts))
        for name in ("media", "carrier", "carrier2", "sip"):
            self.start(name)
        self.wait_ready()

    def start(self, name: str) -> None:
        """Start one process; its log goes to <var>/<name>.log."""
        if name.startswith("carrier"):
            port = self.carrier_port if name == "carrier" else self.carrier2_port
            label = "one" if name == "carrier" else "two"
            rtp = self.rtp_min + (400 if name == "carrier" else 600)
            argv = ["-m", "cadran_sandbox.carrier", "--port", str(port), "--name", label, "--rtp-min", str(rtp)]
            argv += ["--rtp-max", str(rtp + 198)]
        else:
            argv = ["-m", "cadran", name]
        log = (self.var / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen([sys.executable, *argv], env=self.env, stdout=log, stderr=log, cwd=ROOT)

    def kill(self, name: str, *, hard: bool = True) -> None:
        """kill -9, or SIGTERM and wait."""
        process = self.processes.pop(name)
        process.kill() if hard else process.terminate()
        process.wait(15)

    def wait_ready(self) -> None:
        """SIP answers OPTIONS, and calls would find media."""
        wait_until(lambda: '"media_online"' in self.log("sip") and '"sip-ready"' in self.log("sip"), 45, "sip", self)

    def stop(self) -> None:
        for name in list(self.processes):
            process = self.processes.pop(name)
            process.terminate()
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()

    def log(self, name: str) -> str:
        path = self.var / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def events(self, name: str, *, process: str = "sip") -> list[dict[str, object]]:
        """The log lines of one event."""
        found = []
        for line in self.log(process).splitlines():
            if f'"{name}"' in line and line.startswith("{"):
                entry = json.loads(line)
                if entry.get("event") == name:
                    found.append(entry)
        return found

    def wait_event(self, name: str, count: int = 1, timeout_s: float = 15, **wanted: object) -> list[dict[str, object]]:
        """Wait for log lines of an event with these values."""

        def hits() -> list[dict[str, object]]:
            return [one for one in self.events(name) if all(one.get(key) == value for key, value in wanted.items())]

        wait_until(lambda: len(hits()) >= count, timeout_s, f"{name} {wanted}", self)
        return hits()

    def shell(self, code: str) -> str:
        """Run Python in the installation, Django ready; returns what it printed."""
        prelude = "from cadran.commands.main import django_ready\ndjango_ready()\n"
        done = subprocess.run(
            [sys.executable, "-c", prelude + code], env=self.env, capture_output=True, text=True, timeout=30, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def cdrs(self, name: str) -> list[dict[str, object]]:
        """The call records of one of the seeded customers, latest first."""
        account = self.accounts[name]
        code = (
            "import msgspec\nfrom cadran.charging import queries\n"
            f"print(msgspec.json.encode(list(queries.cdrs(account={account!r}, limit=50))).decode())"
        )
        found: list[dict[str, object]] = json.loads(self.shell(code))
        return found

    def _seed(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, str(self.seed_file), *args],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=90,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def wait_until(happened: Callable[[], object], timeout_s: float, what: str, plane: Plane | None = None) -> None:
    """Poll until it is true; fails with what was waited for, and the end of the SIP log."""
    end = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > end:
            tail = plane.log("sip")[-3000:] if plane else ""
            raise AssertionError(f"{what}: not within {timeout_s} s\n{tail}")
        time.sleep(0.05)
