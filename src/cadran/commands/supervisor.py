"""Keeps a set of processes running: starts them in stages, waits until each is ready, files what they print, starts the
crashed ones again (later each time), and stops them all in the reverse order."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cadran.commands import probes
from cadran.units import errors

CRASHES, CRASH_WINDOW_S, CRASH_PAUSE_S = 8, 60.0, 60.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 10.0
LOG_BYTES, LOG_FILES = 5_000_000, 3
LAST_LINES = 15
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1

Report = Callable[[str, str, str], None]


class StartFailed(errors.CadranError):
    """A process ended, or was not ready in time, while Cadran was starting."""

    error_id = "serve-start-failed"


class AlreadyRunning(errors.CadranError):
    """Another Cadran runs on the same state folder."""

    error_id = "serve-already-running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process: how to start it, how to see that it is ready, and in which stage (lower ones first)."""

    name: str
    argv: tuple[str, ...]
    ready: probes.Probe
    stage: int
    env: Mapping[str, str] = field(default_factory=dict)
    start_s: float = 60.0
    stop_s: float = 8.0


@dataclass(slots=True)
class Running:
    """What is known of a service now. state: starting | running | stopped | crash-loop."""

    service: Service
    state: str = "starting"
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    crashes: deque[float] = field(default_factory=lambda: deque(maxlen=CRASHES))
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    output: asyncio.Task[None] | None = None
    watcher: asyncio.Task[None] | None = None


class LogFile:
    """A file of bounded size: at LOG_BYTES it becomes `name.log.1`, and the oldest of LOG_FILES is dropped."""

    def __init__(self, path: Path, limit: int = LOG_BYTES) -> None:
        self.path, self.limit = path, limit
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = path.open("ab", buffering=0)

    def write(self, line: bytes) -> None:
        if self._file.tell() + len(line) > self.limit:
            self._rotate()
        self._file.write(line)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(LOG_FILES - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.rename(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.rename(self.path.with_name(f"{self.path.name}.1"))
        self.path.with_name(f"{self.path.name}.{LOG_FILES + 1}").unlink(missing_ok=True)
        self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        self._file.close()


class Lock:
    """One Cadran for each state folder: an advisory lock on var/run/serve.lock, which holds the process id for people."""

    def __init__(self, var: Path) -> None:
        self.path = var / "run" / "serve.lock"
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> None:
        """Raises AlreadyRunning."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = os.pread(self._handle, 20, 0).decode(errors="replace").strip()
            raise AlreadyRunning(
                f"Cadran already runs on {self.path.parents[1]} (process {pid or 'unknown'}): stop it with Ctrl-C or kill "
                f"{pid or 'PID'}, or give another state folder in CADRAN_VAR and another CADRAN_PORT_BASE"
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def free(self) -> None:
        os.close(self._handle)


def is_running(var: Path) -> bool:
    """Whether a Cadran holds that state folder."""
    if not (var / "run" / "serve.lock").exists():
        return False
    lock = Lock(var)
    try:
        fcntl.flock(lock._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        lock.free()
    return False


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


async def _ended(process: asyncio.subprocess.Process) -> int:
    """Wait for the process itself. `process.wait()` waits for whoever holds its output as well, such as its orphaned children."""
    while process.returncode is None:
        await asyncio.sleep(0.05)
    return process.returncode


class Supervisor:
    """Runs `services` until `stop` is called. `report(name, event, detail)` hears: ready, log, crashed, restarted, crash-loop,
    stopped, killed."""

    def __init__(self, services: Sequence[Service], *, var: Path, report: Report) -> None:
        self.var, self.report = var, report
        self.running = {service.name: Running(service) for service in services}
        self.stopping = asyncio.Event()
        self._logs = {service.name: LogFile(var / "log" / f"{service.name}.log") for service in services}

    async def start(self) -> None:
        """Start each stage once the one before it is ready. Raises StartFailed; the caller then stops the rest."""
        for stage in sorted({one.service.stage for one in self.running.values()}):
            wave = [one for one in self.running.values() if one.service.stage == stage]
            for one in wave:
                await self._spawn(one)
            await asyncio.gather(*(self._until_ready(one) for one in wave))
            if self.stopping.is_set():
                return
            for one in wave:
                one.watcher = asyncio.create_task(self._watch(one))

    async def stop(self) -> None:
        """Stop all, the last stage first; what does not end in its time is killed with all its children."""
        self.stopping.set()
        for stage in sorted({one.service.stage for one in self.running.values()}, reverse=True):
            await asyncio.gather(*(self._end(one) for one in self.running.values() if one.service.stage == stage))
        for log in self._logs.values():
            log.close()
        self._write_state()

    async def _spawn(self, one: Running) -> None:
        one.state = "starting"
        one.process = await asyncio.create_subprocess_exec(
            *one.service.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **one.service.env},
            start_new_session=True,
            preexec_fn=_die_with_parent,
            limit=2**20,
        )
        one.output = asyncio.create_task(self._file_output(one, one.process))
        self._write_state()

    async def _file_output(self, one: Running, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        log = self._logs[one.service.name]
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line beyond the limit: what follows is read as new lines
                continue
            if not line:
                return
            log.write(line)
            text = line.decode(errors="replace").rstrip()
            one.last.append(text)
            self.report(one.service.name, "log", text)

    async def _until_ready(self, one: Running) -> None:
        deadline = time.monotonic() + one.service.start_s
        assert one.process
        while not self.stopping.is_set():
            if one.process.returncode is not None:
                await self._drain(one)
                raise StartFailed(
                    self._why(one, f"{one.service.name} ended with code {one.process.returncode} while starting")
                )
            if await asyncio.to_thread(one.service.ready):
                one.state = "running"
                self._write_state()
                self.report(one.service.name, "ready", "")
                return
            if time.monotonic() > deadline:
                raise StartFailed(self._why(one, f"{one.service.name} was not ready after {one.service.start_s:.0f} s"))
            await asyncio.sleep(0.05)

    def _why(self, one: Running, what: str) -> str:
        tail = "\n  ".join(one.last) or "(it printed nothing)"
        return f"{what}. Its last lines, of {self.var / 'log' / (one.service.name + '.log')}:\n  {tail}\n"

    async def _watch(self, one: Running) -> None:
        """Start a crashed service again, later each time; after CRASHES within CRASH_WINDOW_S say so, pause, and try again."""
        while True:
            assert one.process
            code = await _ended(one.process)
            if self.stopping.is_set():
                return
            self._signal(one, signal.SIGKILL)  # its children, who would hold its port
            now = time.monotonic()
            one.crashes.append(now)
            self.report(one.service.name, "crashed", str(code))
            if len(one.crashes) == CRASHES and now - one.crashes[0] < CRASH_WINDOW_S:
                one.state = "crash-loop"
                self._write_state()
                self.report(
                    one.service.name, "crash-loop", self._why(one, f"{CRASHES} crashes within {CRASH_WINDOW_S:.0f} s")
                )
                one.crashes.clear()
                await asyncio.sleep(CRASH_PAUSE_S)
            recent = sum(1 for at in one.crashes if now - at < CRASH_WINDOW_S)
            await asyncio.sleep(min(FIRST_BACKOFF_S * 2 ** max(recent - 1, 0), LONGEST_BACKOFF_S))
            if self.stopping.is_set():
                return
            one.restarts += 1
            await self._spawn(one)
            try:
                await self._until_ready(one)
                self.report(one.service.name, "restarted", str(one.restarts))
            except StartFailed:
                if one.process.returncode is None:
                    self._signal(one, signal.SIGKILL)

    async def _end(self, one: Running) -> None:
        process = one.process
        if process is not None and process.returncode is None:
            self._signal(one, signal.SIGTERM, group=False)
            try:
                await asyncio.wait_for(_ended(process), one.service.stop_s)
                self.report(one.service.name, "stopped", str(process.returncode))
            except TimeoutError:
                self.report(one.service.name, "killed", f"did not stop within {one.service.stop_s:.0f} s")
        if process is not None:
            self._signal(one, signal.SIGKILL)  # what it left behind in its group
            await _ended(process)
        if one.watcher:
            one.watcher.cancel()
        await self._drain(one)
        one.state = "stopped"

    async def _drain(self, one: Running) -> None:
        if one.output:
            await asyncio.wait([one.output], timeout=1)
            one.output.cancel()

    def _signal(self, one: Running, number: signal.Signals, *, group: bool = True) -> None:
        assert one.process
        try:
            if group:
                os.killpg(one.process.pid, number)
            else:
                os.kill(one.process.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _write_state(self) -> None:
        """var/run/processes.json, for doctor and for tests: who runs under which process id, and how often it crashed."""
        state = {
            name: {"pid": one.process.pid if one.process else None, "state": one.state, "restarts": one.restarts}
            for name, one in self.running.items()
        }
        path = self.var / "run" / "processes.json"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(".tmp")
        fresh.write_text(json.dumps({"supervisor": os.getpid(), "services": state}, indent=1))
        os.replace(fresh, path)
