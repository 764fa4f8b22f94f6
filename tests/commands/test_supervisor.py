"""Processes are started in order, watched, started again with a bound, and stopped in the reverse order; none is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cadran.commands import supervisor

SLEEPER = "import signal, sys, time; open(sys.argv[1], 'w').write('up'); time.sleep(60)"
STUBBORN = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER.partition("; ")[2]


class Ear:
    """Remembers what the supervisor reports, log lines aside."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.lines: list[str] = []

    def __call__(self, name: str, event: str, detail: str) -> None:
        if event == "log":
            self.lines.append(f"{name}: {detail}")
        else:
            self.heard.append((name, event))


def service(var: Path, name: str, code: str = SLEEPER, *, stage: int = 1, stop_s: float = 5) -> supervisor.Service:
    mark = var / f"{name}.up"
    return supervisor.Service(
        name=name,
        argv=(sys.executable, "-c", code, str(mark)),
        ready=mark.exists,
        stage=stage,
        stop_s=stop_s,
        start_s=10,
    )


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_stages_start_in_order_and_stop_in_the_reverse_order(tmp_path: Path) -> None:
    async def story() -> Ear:
        ear = Ear()
        keeper = supervisor.Supervisor(
            [service(tmp_path, "second", stage=2), service(tmp_path, "first", stage=1)], var=tmp_path, report=ear
        )
        await keeper.start()
        pids = [one.process.pid for one in keeper.running.values() if one.process]
        await keeper.stop()
        assert all(map(gone, pids))
        return ear

    assert asyncio.run(story()).heard == [
        ("first", "ready"),
        ("second", "ready"),
        ("second", "stopped"),
        ("first", "stopped"),
    ]


def test_a_process_that_was_killed_is_started_again(tmp_path: Path) -> None:
    async def story() -> Ear:
        ear = Ear()
        keeper = supervisor.Supervisor([service(tmp_path, "one")], var=tmp_path, report=ear)
        await keeper.start()
        process = keeper.running["one"].process
        assert process
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: ("one", "restarted") in ear.heard)
        state = json.loads((tmp_path / "run" / "processes.json").read_text())["services"]["one"]
        assert state["restarts"] == 1
        assert state["pid"] != process.pid
        await keeper.stop()
        return ear

    assert asyncio.run(story()).heard[1:4] == [("one", "crashed"), ("one", "ready"), ("one", "restarted")]


def test_the_children_of_a_process_that_was_killed_go_before_it_is_started_again(tmp_path: Path) -> None:
    """They hold its output and, as the workers of a web server do, its port."""
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open(sys.argv[1] + '.child', 'w').write(str(child.pid)); exec({SLEEPER!r})"
    )

    async def story() -> None:
        ear = Ear()
        keeper = supervisor.Supervisor([service(tmp_path, "one", code)], var=tmp_path, report=ear)
        await keeper.start()
        process = keeper.running["one"].process
        assert process
        child = int((tmp_path / "one.up.child").read_text())
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: ("one", "restarted") in ear.heard)
        await until(lambda: gone(child) or "zombie" in Path(f"/proc/{child}/status").read_text())
        await keeper.stop()

    asyncio.run(story())


def test_a_process_that_keeps_crashing_is_told_of_and_tried_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(supervisor, "CRASH_PAUSE_S", 0.5)
    code = "import sys, time; open(sys.argv[1], 'w').write('up'); time.sleep(0.3); sys.exit('no luck')"

    async def story() -> Ear:
        ear = Ear()
        keeper = supervisor.Supervisor([service(tmp_path, "one", code)], var=tmp_path, report=ear)
        await keeper.start()
        await until(lambda: ("one", "crash-loop") in ear.heard)
        assert keeper.running["one"].state == "crash-loop"
        assert ear.heard.count(("one", "crashed")) == 8
        await until(lambda: ear.heard.count(("one", "crashed")) == 9)
        await keeper.stop()
        return ear

    ear = asyncio.run(story())
    assert "one: no luck" in ear.lines


def test_a_process_that_ends_while_starting_stops_the_start_with_its_last_lines(tmp_path: Path) -> None:
    async def story() -> None:
        keeper = supervisor.Supervisor(
            [service(tmp_path, "one", "import sys; sys.exit('the port is taken')")], var=tmp_path, report=Ear()
        )
        try:
            with pytest.raises(supervisor.StartFailed, match="the port is taken"):
                await keeper.start()
        finally:
            await keeper.stop()

    asyncio.run(story())


def test_what_ignores_the_order_to_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open(sys.argv[1] + '.child', 'w').write(str(child.pid)); exec({STUBBORN!r})"
    )

    async def story() -> None:
        ear = Ear()
        keeper = supervisor.Supervisor([service(tmp_path, "one", code, stop_s=0.3)], var=tmp_path, report=ear)
        await keeper.start()
        process = keeper.running["one"].process
        assert process
        child = int((tmp_path / "one.up.child").read_text())
        await keeper.stop()
        assert ("one", "killed") in ear.heard
        assert gone(process.pid)
        await until(lambda: gone(child) or "zombie" in Path(f"/proc/{child}/status").read_text())

    asyncio.run(story())


def test_logs_are_bounded_and_the_oldest_goes_first(tmp_path: Path) -> None:
    log = supervisor.LogFile(tmp_path / "one.log", limit=100)
    for number in range(60):
        log.write(f"line {number:04d}\n".encode())
    log.close()
    names = sorted(path.name for path in tmp_path.glob("one.log*"))
    assert names == ["one.log", "one.log.1", "one.log.2", "one.log.3"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.glob("one.log*"))
    assert (tmp_path / "one.log").read_text().endswith("line 0059\n")


def test_a_second_cadran_on_the_same_folder_is_refused_and_named(tmp_path: Path) -> None:
    first = supervisor.Lock(tmp_path)
    first.take()
    assert supervisor.is_running(tmp_path)
    second = supervisor.Lock(tmp_path)
    with pytest.raises(supervisor.AlreadyRunning, match=f"process {os.getpid()}"):
        second.take()
    second.free()
    first.free()
    assert not supervisor.is_running(tmp_path)
    third = supervisor.Lock(tmp_path)
    third.take()
    third.free()
