"""An installation for one story: `cadran serve` in a process of its own, on free ports and a temporary state folder, unless
CADRAN_VAR and CADRAN_PORT_BASE are given."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from cadran.commands import probes
from cadran.units import errors

START_S, STOP_S = 90.0, 30.0


class StageFailed(errors.CadranError):
    """The installation of a story did not start."""

    error_id = "demo-stage-failed"


class Stage:
    """A running installation. Its environment is also this process's, so that settings, reads and clients mean that one.

    As a context manager it starts and stops; a temporary folder is removed unless `keep` was set or the story
    broke: then it stays for whoever looks.
    """

    def __init__(self, *, tell: Callable[[str, str], None]) -> None:
        self._tell, self._log = tell, Path()
        self._process: subprocess.Popen[bytes] | None = None
        self.keep = False
        self.given = "CADRAN_VAR" in os.environ
        self.var = Path(os.environ.get("CADRAN_VAR") or tempfile.mkdtemp(prefix="cadran-demo-"))
        os.environ["CADRAN_VAR"] = str(self.var)
        os.environ.setdefault("CADRAN_PORT_BASE", str(probes.free_base()))
        os.environ["CADRAN_SANDBOX"] = "1"
        os.environ["CADRAN_DEMO_CUSTOMERS"] = "0"
        self.stopping_took_s = 0.0

    def __enter__(self) -> Stage:
        self._tell("Démarrage d'une installation à part…", "Starting an installation of its own...")
        self.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log = self.var / "serve.out"
        ready = self.var / "run" / "ready.json"
        ready.unlink(missing_ok=True)
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cadran", "serve", "--lang", "en"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace")[-2000:]
                self.stop()
                raise StageFailed(f"Cadran did not start; it said:\n{said}")
            time.sleep(0.1)
        from cadran.commands import main

        main.django_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
        with contextlib.suppress(ImportError):
            from django.db import connections

            connections.close_all()
        if self.given:
            return
        if kind is None and not self.keep:
            shutil.rmtree(self.var, ignore_errors=True)
        else:
            self._tell(f"L'état est gardé dans {self.var}", f"The state is kept in {self.var}")

    def stop(self) -> int:
        """Stop the installation as Ctrl-C does; returns its exit code. Harmless when it has stopped."""
        process = self._process
        if process is None:
            return 0
        began = time.monotonic()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.stopping_took_s = time.monotonic() - began
        return int(process.returncode)
