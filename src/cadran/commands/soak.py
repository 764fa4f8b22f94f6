"""`cadran soak`: many calls through an installation of its own, and how much each process grew."""

from __future__ import annotations

import json
import time

import click

from cadran.commands import bench_load, bench_plane, bench_sip, benchmarks

MOST_GROWTH = 0.02
WARM_UP = 5_000  # by then every table that has a limit is full: used nonces, answers to retransmissions, pages of the databases
CALLS_PER_S = 40.0  # the same in both phases: what lingers after a call grows with the rate, and is no growth
LINGER_S = 8.0  # user agents are kept for 6 s after a call
AT_ONCE = 200


@click.command("soak")
@click.option("--calls", type=click.IntRange(100, 1_000_000), default=20_000, show_default=True)
@click.option("--warm-up", type=click.IntRange(0, 1_000_000), default=WARM_UP, show_default=True, help="Calls before.")
@click.option("--rate", type=click.FloatRange(1, 1000), default=CALLS_PER_S, show_default=True, help="Calls a second.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(calls: int, warm_up: int, rate: float, as_json: bool) -> None:
    """Make so many calls with digest, charging and media, and compare the memory of each process before and after."""
    results = grow(calls, warm_up, rate)
    if as_json:
        told = {"results": [result.as_dict() for result in results], "machine": benchmarks.machine()}
        click.echo(json.dumps(told))
    else:
        for one in results:
            growth = ((one.ratio or 1) - 1) * 100
            verdict = "met" if one.met else "NOT met"
            click.echo(
                f"{one.name}: {one.yardstick:,.0f} kB before, {one.value:,.0f} kB after ({growth:+.2f} %): {verdict}"
            )
    if not all(one.met for one in results):
        raise SystemExit(1)


def grow(calls: int, warm_up: int = WARM_UP, rate: float = CALLS_PER_S) -> list[benchmarks.Result]:
    """Memory of each process after the calls beside the memory before, when `warm_up` calls at the same rate have been made."""
    with bench_plane.running() as plane, bench_load.called_side(plane.carrier_port):
        if warm_up:
            _calls(plane, warm_up, rate)
        before = {name: plane.resident_kb(name) for name in plane.processes}
        _calls(plane, calls, rate)
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


def _calls(plane: bench_plane.BenchPlane, calls: int, rate: float) -> None:
    limit_s = 120 + 4 * calls / rate
    load = bench_load.call(plane.sip_port, digest=True, calls=calls, at_once=AT_ONCE, limit_s=limit_s, rate=rate)
    bench_sip.good(load)
    time.sleep(LINGER_S)
