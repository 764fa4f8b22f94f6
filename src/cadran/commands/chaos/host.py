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
from dataclasses import dataclass, field
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
    shards: int = 1
    peak_kb: int = 0
    owners: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    sealer: subprocess.Popen[bytes] | None = None

    @property
    def sockets(self) -> tuple[Path, ...]:
        """Of every process of charging, by shard."""
        names = ("charging.sock", *(f"charging-{shard}.sock" for shard in range(1, self.shards)))
        return tuple(self.folder / "run" / name for name in names)

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
            "CADRAN_CHARGING_SHARDS": str(self.shards),
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

    def spawn(self, shard: int = 0) -> None:
        """Start a process of charging; it serves when `serving` is true."""
        words = ("-m", "cadran", "charging", "--lease-s", str(self.lease_s), "--shard", str(shard))
        self.owners[shard] = self._start(self.sockets[shard].stem, *words)

    def spawn_all(self) -> None:
        """Start every process of charging that does not run."""
        for shard in range(self.shards):
            if shard not in self.owners or self.owners[shard].poll() is not None:
                self.spawn(shard)

    def spawn_sealer(self) -> None:
        self.sealer = self._start("sealing", "-m", "cadran.commands.chaos.sealing", "0.5")

    async def serving(self) -> None:
        """Wait until every process of charging answers at its socket. Raises ChaosFailed."""
        until = time.monotonic() + START_S
        for shard, path in enumerate(self.sockets):
            while not _listens(path):
                if self.owners[shard].poll() is not None or time.monotonic() > until:
                    raise ChaosFailed(f"charging did not start: {self.last_words(shard)}")
                await asyncio.sleep(POLL_S)

    def kill(self, shard: int = 0) -> None:
        """kill -9 a process of charging, and wait until it is gone."""
        self.measure()
        _kill(self.owners[shard])

    def kill_all(self) -> None:
        """The same for every process of charging."""
        for shard in self.owners:
            self.kill(shard)

    def kill_sealer(self) -> None:
        if self.sealer is not None:
            _kill(self.sealer)

    async def pause(self, seconds: float, shard: int = 0) -> None:
        """Stop a process of charging for a while, as a machine that swaps does, and let it go on."""
        owner = self.owners[shard]
        owner.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            owner.send_signal(signal.SIGCONT)

    async def fill_disk(self, seconds: float) -> None:
        """For a while every write of charging to a file fails, as on a full disk."""
        process = psutil.Process(self.owners[0].pid)
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
        try:
            await asyncio.sleep(seconds)
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, before)

    def stop(self) -> int:
        """End charging in order; the first exit code that is not 0."""
        self.measure()
        for owner in self.owners.values():
            owner.terminate()
        return next((code for code in [owner.wait(20) for owner in self.owners.values()] if code), 0)

    def close(self) -> None:
        """Nothing of the run goes on."""
        for process in (*self.owners.values(), self.sealer):
            if process is not None and process.poll() is None:
                _kill(process)
        if self.database is not None:
            self.database.close()

    def reader(self) -> store.Reader:
        """Reads the money's database."""
        if self.database is not None:
            return store.PostgresqlReader(self.database.address)
        return store.SqliteReader(self.folder / "charging.db")

    @property
    def ended(self) -> tuple[int, ...]:
        """The shards whose process ended by itself."""
        return tuple(shard for shard, owner in self.owners.items() if owner.poll() is not None)

    def measure(self) -> None:
        """Take the peak of the resident memory of the processes of charging."""
        for owner in self.owners.values():
            with contextlib.suppress(OSError, ValueError):
                for line in Path(f"/proc/{owner.pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self.peak_kb = max(self.peak_kb, int(line.split()[1]))

    def last_words(self, shard: int = 0) -> str:
        log = self.folder / "log" / f"{self.sockets[shard].stem}.log"
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


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
