"""`cadran bench menu`: callers in a menu beside the bare media endpoint, in one run.

The callers talk and dial at the pace of life; each digit is answered by a prompt of its own, which every packet shows, so that the
time from the digit to its sound, wrong digits and gaps are seen from outside. Calls on a core come from the processor time of the
media process and of the one that commands it; the yardstick is rtp-io with as many sessions that play and take sound, no more.
Then the same is asked of a whole access number: see bench_menu_access.py.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cadran import settings
from cadran.commands import bench_child, bench_menu_access, bench_menu_host, bench_menu_load, bench_plane
from cadran.commands.benchmarks import Result

CALLERS, QUICK_CALLERS = 100, 20
LONGEST_S, QUICK_S = 20.0, 0.8
BARE_GOAL = 0.6
INBAND_GOAL = 0.5
P50_GOAL_MS, P99_GOAL_MS = 40.0, 100.0
MEMORY_GOAL_KB = 150.0


def measure(seconds: float) -> list[Result]:
    """All figures of the group. Less than a second: a few callers, which only shows that everything works."""
    callers = CALLERS if seconds >= 1 else QUICK_CALLERS
    lasts_s = min(LONGEST_S, max(QUICK_S, seconds))
    with _running() as plane:
        idle_kb = plane.resident_kb()
        menu = plane.run("menu", callers, lasts_s)
        memory_kb = max(0, plane.most_kb - idle_kb) / callers
        bare = plane.run("bare", callers, lasts_s)
        tones = plane.run("tones", callers, lasts_s)
    heard = menu.heard
    found = [
        Result(
            name="menu_calls_per_core_vs_bare_endpoint",
            value=menu.calls_per_core,
            unit="calls",
            beside="rtp-io playing and taking sound",
            yardstick=bare.calls_per_core,
            goal=BARE_GOAL,
        ),
        Result(
            name="inband_calls_per_core_vs_rfc4733",
            value=tones.calls_per_core,
            unit="calls",
            beside="callers with telephone-event",
            yardstick=menu.calls_per_core,
            goal=INBAND_GOAL,
        ),
        Result.alone("digit_to_prompt_p50_ms", heard.part(0.5), "ms", P50_GOAL_MS),
        Result.alone("digit_to_prompt_p99_ms", heard.part(0.99), "ms", P99_GOAL_MS),
        Result.alone("memory_kb_per_call", memory_kb, "kB", MEMORY_GOAL_KB),
        Result.alone(
            "digits_wrong_or_lost", heard.wrong + tones.heard.wrong, f"of {heard.digits + tones.heard.digits} digits", 0
        ),
        Result.alone("audio_gaps", heard.gaps, f"in {heard.packets} packets", 0),
    ]
    return found + (bench_menu_access.measure(lasts_s, bare.calls_per_core) if seconds >= 1 else [])


@dataclass(frozen=True, slots=True)
class _Run:
    calls_per_core: float
    heard: bench_menu_load.Heard


@dataclass(slots=True)
class _Plane:
    """The two processes under load, and the wire to the second."""

    media: Any
    host: Any
    wire: Connection
    most_kb: int = 0

    def run(self, kind: str, count: int, seconds: float) -> _Run:
        """So many callers of a kind for so long, from their calling to their hanging up."""
        with bench_menu_load.callers(count, kind) as callers:
            self.wire.send((kind, [one.offer for one in callers]))
            ports = self._told()
            if None in ports:
                raise bench_plane.BenchCannotRun(f"{ports.count(None)} of {count} callers were not answered")
            bench_menu_load.connect(callers, ports)
            bench_menu_load.talk(callers, min(1.0, seconds / 4), bench_menu_load.Silent())
            before, began = self._processor_s(), time.monotonic()
            plan = bench_menu_load.Silent() if kind == "bare" else bench_menu_load.Echoes()
            heard = bench_menu_load.talk(callers, seconds, plan)
            took, used = time.monotonic() - began, self._processor_s() - before
            self.most_kb = max(self.most_kb, self.resident_kb())
            self.wire.send(("digits", []))
            heard.judge(callers, self._told())
            self.wire.send(("close", []))
            self._told()
        return _Run(count * took / max(used, 1e-6), heard)

    def resident_kb(self) -> int:
        return sum(_resident_kb(one.pid) for one in (self.media, self.host))

    def _processor_s(self) -> float:
        return sum(bench_menu_load.processor_s(one.pid) for one in (self.media, self.host))

    def _told(self) -> list[Any]:
        if not self.wire.poll(bench_plane.START_S):
            raise bench_plane.BenchCannotRun("the process that commands the relay does not answer")
        return list(self.wire.recv())


@contextlib.contextmanager
def _running() -> Iterator[_Plane]:
    folder = Path(tempfile.mkdtemp(prefix="cadran-bench-"))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    module = bench_menu_host.__name__
    ports = (settings.RTP_PORT_MIN, settings.RTP_PORT_MAX)
    media = context.Process(target=bench_child.run, args=(module, "relay_process", folder, *ports), daemon=True)
    host = context.Process(target=bench_child.run, args=(module, "serve", folder, *ports, theirs), daemon=True)
    try:
        bench_menu_host.write_prompts(folder / "brands")
        media.start()
        host.start()
        plane = _Plane(media, host, ours)
        plane._told()
        yield plane
    finally:
        for process in (host, media):
            if process.pid is not None:
                process.kill()
                process.join()
        shutil.rmtree(folder, ignore_errors=True)


def _resident_kb(pid: int | None) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
