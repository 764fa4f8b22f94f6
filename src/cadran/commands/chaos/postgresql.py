"""A private PostgreSQL of a run: made in a folder of its own, reached by a socket there alone, killed and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cadran.commands.chaos.failure import ChaosFailed

START_S = 30.0
CATCH_S = 0.5
PORT = 5432  # only a part of the socket's name: no network is listened to
OWNER = "postgres"  # who runs it where Cadran is root, which PostgreSQL refuses to be
# Recovery asks the kernel once to write everything, instead of opening each file: a second instead of five.
SETTINGS = ("-c", "listen_addresses=", "-c", "recovery_init_sync_method=syncfs")
_NO_WRITERS = (
    "startup",
    "initializing",
    "authentication",
    "idle",
    "SELECT",
)  # what the title of such a process ends with
_PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt")


def programs() -> Path:
    """The folder of `initdb` and `postgres`, the newest one. Raises ChaosFailed."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).parent
    for place in _PLACES:
        known = sorted(Path(place).glob("*/bin/initdb"), key=lambda path: (len(path.parts[-3]), path.parts[-3]))
        if known:
            return known[-1].parent
    raise ChaosFailed("no PostgreSQL server is installed: install its package, or choose --backend sqlite")


@dataclass(slots=True)
class Postgresql:
    """One server. `folder` belongs to whoever runs it."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="cadran-pg-")))
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"postgresql://{self.user or _me()}@/postgres?host={self.folder}&port={PORT}"

    def found(self) -> None:
        """Make the files, start the server."""
        if os.geteuid() == 0:
            self.user = OWNER
            known = pwd.getpwnam(OWNER)
            os.chown(self.folder, known.pw_uid, known.pw_gid)
        done = subprocess.run(
            [programs() / "initdb", "-D", self._data, "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"],
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ChaosFailed(f"initdb ended with {done.returncode}: {done.stderr[-1000:]}")
        self.start()

    def start(self) -> None:
        """Start the server, through recovery where it was killed, until it takes connections. Raises ChaosFailed."""
        until = time.monotonic() + START_S
        while True:
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    [programs() / "postgres", "-D", self._data, "-k", self.folder, "-p", str(PORT), *SETTINGS],
                    user=self.user,
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            while self.process.poll() is None:
                if self._takes():
                    return
                if time.monotonic() > until:
                    raise ChaosFailed(f"PostgreSQL did not start: {self.last_words()}")
                time.sleep(0.02)
            if time.monotonic() > until:  # it may find the shared memory of the dead one for a moment
                raise ChaosFailed(f"PostgreSQL did not start: {self.last_words()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of the server and all that it started."""
        assert self.process is not None
        dying = []
        with contextlib.suppress(psutil.NoSuchProcess):
            dying = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for one in dying:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        self.process.wait(20)
        psutil.wait_procs(dying, timeout=20)

    def kill_backend(self, chance: float) -> None:
        """kill -9 of one of its processes: the server ends the others and recovers by itself."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.process.pid).children()
            if found:
                found[int(chance * len(found))].kill()

    def stall_a_writer(self) -> psutil.Process | None:
        """Stop one of its processes in the middle of a transaction, as a disk that does not answer does; None if none was caught."""
        assert self.process is not None
        until = time.monotonic() + CATCH_S
        while time.monotonic() < until:
            with contextlib.suppress(psutil.NoSuchProcess):
                for one in psutil.Process(self.process.pid).children():
                    title = " ".join(one.cmdline())
                    if "[local] " in title and not title.strip().endswith(_NO_WRITERS):
                        one.suspend()
                        return one
        return None

    def close(self) -> None:
        """Nothing of it is left."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def last_words(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-1000:]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _takes(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.address, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
