"""`cadran` as people run it: a process of its own, with its exit code, its output and its errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def cadran(
    *args: str | bytes,
    var: Path,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.PIPE,
    timeout_s: float = 60,
) -> Done:
    """Run `cadran ARGS` on a state folder."""
    argv: Sequence[str | bytes] = (sys.executable, "-m", "cadran", *args)
    done = subprocess.run(
        argv,
        env={**os.environ, "CADRAN_VAR": str(var), **(env or {})},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
