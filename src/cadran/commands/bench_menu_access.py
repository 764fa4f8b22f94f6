"""The second half of `cadran bench menu`: a hundred callers at once at a whole access number, by SIP and RTP, in the shipped menu.

Each begins a number, takes it back with star, which the menu answers by itself; dials another with hash, which the house answers
(balance, price, minutes); the called person is busy, and the next number follows. What was dialled is read from the calls that arrive.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from cadran.commands import bench_menu_load, bench_menu_seed, bench_menu_trunk, bench_plane
from cadran.commands.benchmarks import Result

CALLERS = bench_menu_seed.CALLERS
BARE_GOAL = 0.25
STAR_GOAL_MS, HASH_GOAL_MS = 100.0, 250.0
MEMORY_GOAL_KB = 300.0
LEAST_S = 12.0  # until each has dialled a number at least


def measure(seconds: float, bare_per_core: float) -> list[Result]:
    """seconds: of dialling. bare_per_core: calls that a core carries in rtp-io alone, from the same run."""
    folder = Path(tempfile.mkdtemp(prefix="cadran-bench-"))
    try:
        brands = bench_menu_seed.brands(folder)
        with bench_plane.running(bench_menu_seed.__name__, CADRAN_BRANDS=str(brands)) as plane:
            plane.wait("sip", '"access-numbers"')
            return _measured(plane, max(LEAST_S, seconds), bare_per_core)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(plane: bench_plane.BenchPlane, seconds: float, bare_per_core: float) -> list[Result]:
    trunk = bench_menu_trunk.Trunk(plane.carrier_port, plane.sip_port)
    idle_kb = _resident_kb(plane)
    with bench_menu_load.callers(CALLERS, "menu") as callers:
        try:
            trunk.call(callers)
            plan = bench_menu_trunk.Numbers(trunk, callers)
            before, began = _processor_s(plane), time.monotonic()
            heard = bench_menu_load.talk(callers, seconds, plan)
            took, used = time.monotonic() - began, _processor_s(plane) - before
            memory_kb = max(0, _resident_kb(plane) - idle_kb) / CALLERS
            plan.settle()
        finally:
            trunk.hang_up()
            trunk.close()
    wrong, missing, digits = plan.wrong()
    return [
        Result(
            name="access_calls_per_core_vs_bare_endpoint",
            value=CALLERS * took / max(used, 1e-6),
            unit="calls",
            beside="rtp-io playing and taking sound",
            yardstick=bare_per_core,
            goal=BARE_GOAL,
        ),
        Result.alone("access_star_to_prompt_p99_ms", heard.part(0.99, "*"), "ms", STAR_GOAL_MS),
        Result.alone("access_hash_to_prompt_p99_ms", heard.part(0.99, "#"), "ms", HASH_GOAL_MS),
        Result.alone("access_memory_kb_per_call", memory_kb, "kB", MEMORY_GOAL_KB),
        Result.alone("access_digits_wrong_or_lost", wrong, f"of {digits} digits", 0),
        Result.alone(
            "access_unanswered", missing + heard.unanswered, f"numbers or prompts, of {len(heard.waits)} prompts", 0
        ),
        Result.alone("access_audio_gaps", heard.gaps, f"in {heard.packets} packets", 0),
    ]


def _resident_kb(plane: bench_plane.BenchPlane) -> int:
    return sum(plane.resident_kb(name) for name in ("sip", "media"))


def _processor_s(plane: bench_plane.BenchPlane) -> float:
    return sum(bench_menu_load.processor_s(plane.processes[name].pid) for name in ("sip", "media"))
