"""`cadran bench GROUP`: each figure beside its yardstick, in one run."""

from __future__ import annotations

import importlib
import importlib.util
import json

import click

from cadran.commands import benchmarks, logs
from cadran.commands.main import django_ready

# A group NAME is the module cadran.commands.bench_NAME with `measure(seconds) -> list of Result`, imported when it is asked for.
GROUPS = ("charging", "deck", "http", "menu", "rating", "sip", "web")


def groups() -> tuple[str, ...]:
    """The groups that this installation has."""
    return tuple(name for name in GROUPS if importlib.util.find_spec(f"cadran.commands.bench_{name}"))


@click.command(name="bench")
@click.argument("group", type=click.Choice(groups()), nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--seconds", type=click.FloatRange(0.05, 600), default=3.0, show_default=True, help="Length of each measurement."
)
@click.option("--quick", is_flag=True, help="A short run that only shows that everything works.")
@click.option(
    "--records",
    type=click.IntRange(1),
    help="With the group rating: only compare so many random calls in the whole tariff language with the exact oracle.",
)
def command(group: tuple[str, ...], as_json: bool, seconds: float, quick: bool, records: int | None) -> None:
    """Run the benchmarks of GROUP (all of them by default). Ratios count; absolute figures drift with the machine."""
    django_ready()
    logs.configure("bench", level="ERROR")
    results: list[benchmarks.Result] = []
    for name in group or groups():
        measure = importlib.import_module(f"cadran.commands.bench_{name}").measure
        more = {"records": records} if records and name == "rating" else {}
        results += measure(0.2 if quick else seconds, **more)
    if as_json:
        told = {"results": [result.as_dict() for result in results], "machine": benchmarks.machine()}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for result in results:
        click.echo(_line(result))


def _line(result: benchmarks.Result) -> str:
    bound = "at most" if result.at_most else "at least"
    verdict = "met" if result.met else "NOT met"
    if result.ratio is None:
        return f"{result.name}: {result.value:g} {result.unit} (goal {bound} {result.goal:g}: {verdict})"
    measured = f"{result.value:,.1f} {result.unit}, {result.beside} {result.yardstick:,.1f}"
    return f"{result.name}: {measured}; ratio {result.ratio:.3f}, goal {bound} {result.goal:g}: {verdict}"
