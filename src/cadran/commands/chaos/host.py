"""The processes of a run, real ones, in a state folder of their own: founded, started, killed, paused, measured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from cadran.commands.chaos import founding, plan, store
from cadran.commands.chaos.failure import ChaosFailed
from cadran.commands.chaos.postgresql import Postgresql
from cadran.units.clock import OffsetClock

START_S = 30.0
POLL_S = 0.01


@dataclass(slots=True)
class Host:
    """A state folder and what runs on it. lease_s: how long charging waits for a report before it settles a call; database: where the
    money lies, if not in a file of the folder."""

    folder: Path
    lease_s: int
    database: Postgresql | None = None
    peak_kb: int = 0
    charging: subprocess.Popen[bytes] | None = None
    sealer: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "charging.sock"

    @property
    def clock(self) -> OffsetClock:
        return OffsetClock(self.folder / "clock.json")

    @property
    def env(self) -> dict[str, str]:
        """Of every process of the run: the caller's own settings play no part."""
        known = {name: value for name, value in os.environ.items() if not name.startswith("CADRAN_")}
        return known | {
            "CADRAN_VAR": str(self.folder),
            "CADRAN_BRANDS": str(self.folder / "reference"),
            "CADRAN_SANDBOX": "1",
            "DJANGO_SETTINGS_MODULE": "cadran.settings",
            "OPENBLAS_NUM_THREADS": "1",
            **({"CADRAN_CHARGING_DATABASE": self.database.address} if self.database else {}),
        }

    def found(self, brands: Path, markets: tuple[plan.Market, ...], at: datetime) -> None:
        """Make the state folder: brands in their currencies, decks, tables, and the civil clock at that instant."""
        for name in ("run", "log", founding.DECKS):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        for market in markets:
            kept = self.folder / "reference" / market.brand
            shutil.copytree(brands / market.brand, kept, ignore=shutil.ignore_patterns("rates"))
            described = kept / "brand.toml"
            described.write_text(described.read_text().replace('currency = "EUR"', f'currency = "{market.currency}"'))
            (self.folder / founding.DECKS / f"{market.brand}.csv").write_text(plan.deck(market))
        self.clock.advance_to(at)
        if self.database is not None:
            self.database.found()
        self.run("-m", "cadran.commands.chaos.founding", str(self.folder), at.isoformat())

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program of the house to its end. Raises ChaosFailed."""
        done = subprocess.run([sys.executable, *words], env=self.env, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise ChaosFailed(f"{' '.join(words[:3])} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done

    def verify(self) -> dict[str, object]:
        """What `cadran evidence verify` says."""
        done = self.run("-m", "cadran", "evidence", "verify", "--json", check=False)
        try:
            told = json.loads(done.stdout)
        except ValueError:
            raise ChaosFailed(f"the evidence could not be verified: {done.stderr[-2000:]}") from None
        return {**told, "exit": done.returncode}

    def spawn(self) -> None:
        """Start charging; it serves when `serving` is true."""
        words = ("-m", "cadran", "charging", "--lease-s", str(self.lease_s))
        self.charging = self._start("charging", *words)

    def spawn_sealer(self) -> None:
        self.sealer = self._start("sealing", "-m", "cadran.commands.chaos.sealing", "0.5")

    async def serving(self) -> None:
        """Wait until charging answers at its socket. Raises ChaosFailed."""
        until = time.monotonic() + START_S
        while not self._listens():
            assert self.charging is not None
            if self.charging.poll() is not None or time.monotonic() > until:
                raise ChaosFailed(f"charging did not start: {self.last_words()}")
            await asyncio.sleep(POLL_S)

    def kill(self, which: str = "charging") -> None:
        """kill -9, and wait until it is gone."""
        process = self.sealer if which == "sealing" else self.charging
        if process is None:
            return
        if which == "charging":
            self.measure()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)

    async def pause(self, seconds: float) -> None:
        """Stop charging for a while, as a machine that swaps does, and let it go on."""
        assert self.charging is not None
        self.charging.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.charging.send_signal(signal.SIGCONT)

    async def fill_disk(self, seconds: float) -> None:
        """For a while every write of charging to a file fails, as on a full disk."""
        assert self.charging is not None
        process = psutil.Process(self.charging.pid)
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
        try:
            await asyncio.sleep(seconds)
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, before)

    def stop(self) -> int:
        """End charging in order; its exit code."""
        assert self.charging is not None
        self.measure()
        self.charging.terminate()
        return self.charging.wait(20)

    def close(self) -> None:
        """Nothing of the run goes on."""
        for process in (self.charging, self.sealer):
            if process is not None and process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)
        if self.database is not None:
            self.database.close()

    def reader(self) -> store.Reader:
        """Reads the money's database."""
        if self.database is not None:
            return store.PostgresqlReader(self.database.address)
        return store.SqliteReader(self.folder / "charging.db")

    @property
    def ended(self) -> bool:
        """Charging ended by itself."""
        return self.charging is not None and self.charging.poll() is not None

    def measure(self) -> None:
        """Take the peak of the resident memory of charging and what it started."""
        if self.charging is None:
            return
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{self.charging.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.peak_kb = max(self.peak_kb, int(line.split()[1]))

    def last_words(self) -> str:
        log = self.folder / "log" / "charging.log"
        return log.read_text(errors="replace")[-1500:] if log.exists() else ""

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *words],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._keep, args=(process, self.folder / "log" / f"{name}.log"), daemon=True).start()
        return process

    @staticmethod
    def _keep(process: subprocess.Popen[bytes], path: Path) -> None:
        """Write down what a process says, as `cadran serve` does: its own disk may be full."""
        assert process.stdout is not None
        with path.open("ab") as log, process.stdout as said:
            shutil.copyfileobj(said, log)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True
