"""`cadran bench sip`: calls a second with digest, charging and media against sippy's bare B2BUA, in one run.

The same load asks both for calls, as many at a time, in turn; the better of two rounds counts for each. A call is set up, answered
and hung up; of the yardstick nobody asks who calls, what it costs, or where the sound goes.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

from cadran.commands import bench_load, bench_plane, benchmarks

GOAL = 0.8
AT_ONCE = 20
CALLS_PER_S = 150


def measure(seconds: float) -> list[benchmarks.Result]:
    """Calls through Cadran beside calls through the bare B2BUA, each for about so many seconds, twice."""
    calls = max(40, int(seconds * CALLS_PER_S))
    ours = bare = 0.0
    with (
        bench_plane.running() as plane,
        bench_load.called_side(plane.carrier_port),
        _bare(plane.carrier_port) as bare_port,
    ):
        for _ in range(2 if seconds >= 1 else 1):
            bare = max(bare, good(bench_load.call(bare_port, digest=False, calls=calls, at_once=AT_ONCE)))
            ours = max(ours, good(bench_load.call(plane.sip_port, digest=True, calls=calls, at_once=AT_ONCE)))
    return [
        benchmarks.Result(
            name="calls_vs_bare_b2bua",
            value=ours,
            unit="calls/s",
            beside="sippy's bare B2BUA",
            yardstick=bare,
            goal=GOAL,
        )
    ]


def good(load: bench_load.Load) -> float:
    """Calls a second. Raises BenchCannotRun when more than one call in a hundred failed."""
    if load.failed * 100 > load.calls:
        raise bench_plane.BenchCannotRun(f"{load.failed} calls failed, {load.calls} did not: no figure comes of that")
    return load.per_s


@contextlib.contextmanager
def _bare(next_port: int) -> Iterator[int]:
    port = bench_plane.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "cadran.commands.bench_b2bua", str(port), str(next_port)], stdout=subprocess.DEVNULL
    )
    try:
        time.sleep(1)
        yield port
    finally:
        process.kill()
        process.wait()
