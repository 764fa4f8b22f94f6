"""`cadran soak`: many calls through an installation of its own, and how much each process grew."""

from __future__ import annotations

import json
import time

import click

from cadran.commands import bench_load, bench_plane, bench_sip, benchmarks

MOST_GROWTH = 0.02
WARM_UP = 2_000  # as many as live or linger at a time: memory that was once needed is not given back
LINGER_S = 35.0  # sippy's user agents are kept for 32 s after a call
AT_ONCE = 20


@click.command("soak")
@click.option("--calls", type=click.IntRange(100, 1_000_000), default=20_000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(calls: int, as_json: bool) -> None:
    """Make so many calls with digest, charging and media, and compare the memory of each process before and after."""
    results = grow(calls)
    if as_json:
        told = {"results": [result.as_dict() for result in results], "machine": benchmarks.machine()}
        click.echo(json.dumps(told))
    else:
        for one in results:
            click.echo(
                f"{one.name}: {one.yardstick:,.0f} kB before, {one.value:,.0f} kB after: {'met' if one.met else 'NOT met'}"
            )
    if not all(one.met for one in results):
        raise SystemExit(1)


def grow(calls: int) -> list[benchmarks.Result]:
    """Memory of each process after the calls beside the memory before, a quarter as many (2,000 at least) having warmed it up."""
    with bench_plane.running() as plane, bench_load.called_side(plane.carrier_port):
        _calls(plane, max(WARM_UP, calls // 4))
        before = {name: plane.resident_kb(name) for name in plane.processes}
        _calls(plane, calls)
        after = {name: plane.resident_kb(name) for name in plane.processes}
    return [
        benchmarks.Result(
            name=f"memory_{name}",
            value=after[name],
            unit="kB",
            beside=f"before {calls} calls",
            yardstick=before[name],
            goal=1 + MOST_GROWTH,
            at_most=True,
        )
        for name in after
    ]


def _calls(plane: bench_plane.BenchPlane, calls: int) -> None:
    bench_sip.good(bench_load.call(plane.sip_port, digest=True, calls=calls, at_once=AT_ONCE, limit_s=3600))
    time.sleep(LINGER_S)
