"""A process that has pytest, its plugins and Cadran imported already, and forks one child for each run asked of it.

Importing takes longer than most runs of the mutation check. Requests and answers are lines of JSON on standard input and output:
`{"arguments": [...], "environment": {...}, "timeout_s": n}` gives `{"code": n, "output": "..."}`. Each child is a pytest of
its own: nothing that it does stays.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time

TAIL = 4000
_ROOM_MODULES = ("models", "queries", "operations", "rules")


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed while importing is no answer
    _import_ahead()
    for line in sys.stdin:
        code, output = _run(json.loads(line))
        answers.write(json.dumps({"code": code, "output": output}) + "\n")
        answers.flush()


def _import_ahead() -> None:
    import django
    from django.apps import apps

    django.setup()
    for entry in importlib.metadata.entry_points(group="pytest11"):
        entry.load()
    for config in apps.get_app_configs():
        if config.name.startswith("cadran."):
            for name in _ROOM_MODULES:
                if importlib.util.find_spec(f"{config.name}.{name}"):
                    importlib.import_module(f"{config.name}.{name}")


def _run(request: dict[str, object]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as told:
        child = os.fork()
        if child == 0:
            _become_pytest(request, told.fileno())
        code = _wait(child, float(str(request["timeout_s"])))
        size = told.seek(0, os.SEEK_END)
        told.seek(max(0, size - TAIL))
        return code, told.read().decode("utf-8", "replace")


def _become_pytest(request: dict[str, object], told: int) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(told, 1)
    os.dup2(told, 2)
    environment, arguments = request["environment"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.update(environment)
    code = 3
    try:
        import pytest

        code = int(pytest.main(arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, timeout_s: float) -> int:
    """The child's exit code; 1 where it had to be ended, as a test that never ends is one that fails."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 1


if __name__ == "__main__":
    main()
