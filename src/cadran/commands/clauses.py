"""`cadran clauses`: each clause that binds the platform, its state, and the values, code and tests that carry it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cadran.commands import mutation
from cadran.policy import evidence, files, queries
from cadran.policy.sections import Fault

BASELINE = files.HERE / "done.txt"
_DOCUMENTS = {
    "KRY": "KRYPTSYS (IZIKALL, KRYPTOOW)",
    "IPP": "IPPI",
    "KAV": "KAVKOM",
    "LAW": "Law",
}
_STYLES = {"done": "green", "part": "yellow", "planned": "bright_black"}
_SIGNS = {"done": "●", "part": "◐", "planned": "○"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON: id, state, missing, values, code, tests of each.")
@click.option(
    "--check",
    is_flag=True,
    help="Fail where a done clause lacks something, a tag points nowhere, or done became undone.",
)
@click.option(
    "--mutate", is_flag=True, help="Change each value of each done clause and fail where its tests do not notice."
)
@click.option("--quick", is_flag=True, help="With --mutate: one change for each value.")
@click.option(
    "--jobs", type=click.IntRange(1, 16), default=1, show_default=True, help="With --mutate: changes tried at once."
)
@click.option(
    "--clause", "ids", multiple=True, metavar="ID", help="Only this clause (repeatable), with all that carries it."
)
@click.option("--state", type=click.Choice(["done", "part", "planned"]), help="Only clauses in this state.")
@click.option("--record", is_flag=True, help="Write the done clauses to the baseline that --check compares with.")
@click.pass_context
def command(
    ctx: click.Context,
    as_json: bool,
    check: bool,
    mutate: bool,
    quick: bool,
    jobs: int,
    ids: tuple[str, ...],
    state: str | None,
    record: bool,
) -> None:
    """Show how far each clause of the contracts has come, and what carries it: values, code and tests."""
    every, faults = _read()
    for clause_id in ids:
        queries.clause(clause_id)
    shown = [entry for entry in every if (not ids or entry.clause.id in ids) and state in {None, entry.clause.state}]
    if record:
        done = [entry.clause.id for entry in every if entry.clause.state == "done"]
        BASELINE.write_text("".join(f"{clause_id}\n" for clause_id in sorted(done)), encoding="utf-8")
        click.echo(f"{len(done)} done clauses recorded in {BASELINE.name}", err=True)
    elif mutate:
        ctx.exit(_mutate(shown, quick, jobs, as_json))
    elif check:
        ctx.exit(_tell_faults(faults, every, as_json))
    elif as_json:
        click.echo(json.dumps([entry.as_dict() for entry in shown], ensure_ascii=False, indent=1))
    elif ids:
        _show_details(shown)
    else:
        _show_table(shown, faults)


def _read() -> tuple[tuple[evidence.Evidence, ...], list[Fault]]:
    """The evidence of every clause, and the faults. Raises PolicyError where the files themselves are wrong."""
    queries.check()
    terms = [queries.terms(f"{brand.key}/{version}") for brand in queries.brands() for version in brand.versions]
    values = evidence.values_of(terms, queries.law_values())
    source = files.HERE.parent
    project = source.parents[1]
    code, wrong_code = evidence.carrying_code(source)
    tests, wrong_tests = evidence.proving_tests(project)
    found = evidence.gather(queries.clauses(), values, code, tests)
    recorded = BASELINE.read_text(encoding="utf-8").split() if BASELINE.exists() else []
    return found, [*wrong_code, *wrong_tests, *evidence.faults(found, code, tests, recorded, f"policy/{BASELINE.name}")]


def _tell_faults(faults: list[Fault], every: Iterable[evidence.Evidence], as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"ok": not faults, "faults": [str(fault) for fault in faults]}, ensure_ascii=False))
        return 1 if faults else 0
    for fault in sorted(faults):
        click.echo(str(fault), err=True)
    done = sum(entry.clause.state == "done" for entry in every)
    click.echo(f"{len(faults)} to mend" if faults else f"{done} done clauses have their values, code and tests")
    return 1 if faults else 0


def _mutate(shown: list[evidence.Evidence], quick: bool, jobs: int, as_json: bool) -> int:
    project: Path = files.HERE.parents[2]
    planned = mutation.changes(shown, quick)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("tests without change", total=len(planned))

        def told(outcome: mutation.Outcome) -> None:
            progress.update(task, advance=1, description=outcome.change.clause)
            if not outcome.noticed:
                progress.console.print(
                    Text(f"not noticed: {outcome.change.environment} ({outcome.change.clause})", "red")
                )

        outcomes = mutation.run(planned, project, jobs, told)
    survivors = [outcome for outcome in outcomes if not outcome.noticed]
    if as_json:
        report = {
            "changes": len(outcomes),
            "noticed": len(outcomes) - len(survivors),
            "survivors": [outcome.as_dict() for outcome in survivors],
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        for outcome in survivors:
            click.echo(f"{outcome.change.clause}: {outcome.change.environment}: {outcome.why}")
        click.echo(f"{len(outcomes)} changes, {len(outcomes) - len(survivors)} noticed by the clauses' own tests")
    return 1 if survivors else 0


def _show_table(shown: list[evidence.Evidence], faults: list[Fault]) -> None:
    console = Console()
    for prefix, title in _DOCUMENTS.items():
        entries = [entry for entry in shown if entry.clause.id.startswith(f"{prefix}-")]
        if not entries:
            continue
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, expand=True)
        table.add_column("", width=1)
        table.add_column("clause", no_wrap=True, min_width=26)
        table.add_column("what the software does", ratio=1, no_wrap=True, overflow="ellipsis")
        for name in ("values", "code", "tests"):
            table.add_column(name, justify="right", width=6)
        for entry in entries:
            style = _STYLES[entry.clause.state]
            must = f"{entry.clause.must}" if not entry.clause.missing else f"missing: {entry.clause.missing}"
            table.add_row(
                Text(_SIGNS[entry.clause.state], style),
                Text(entry.clause.id, style),
                Text(must, "default" if entry.clause.state == "done" else style),
                *(Text(str(len(held) or "·"), style) for held in (entry.values, entry.code, entry.tests)),
            )
        console.print(table)
        console.print()
    _show_bars(console, shown)
    if faults:
        console.print(Text(f"{len(faults)} to mend: cadran clauses --check", "red"))


def _show_bars(console: Console, shown: list[evidence.Evidence]) -> None:
    width = max(10, min(40, console.width - 66))
    grid = Table.grid(padding=(0, 2))
    for prefix, title in (*_DOCUMENTS.items(), ("", "All")):
        entries = [entry for entry in shown if entry.clause.id.startswith(prefix)]
        if not entries:
            continue
        counts = {state: sum(entry.clause.state == state for entry in entries) for state in _STYLES}
        bar = Text()
        drawn = 0
        for state, style in _STYLES.items():
            cells = width - drawn if state == "planned" else round(counts[state] * width / len(entries))
            bar.append("━" * cells, style)
            drawn += cells
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        grid.add_row(Text(title, "bold" if not prefix else ""), bar, told)
    console.print(grid)


def _show_details(shown: list[evidence.Evidence]) -> None:
    console = Console()
    for entry in shown:
        style = _STYLES[entry.clause.state]
        console.print(Text(f"{_SIGNS[entry.clause.state]} {entry.clause.id}", f"bold {style}"))
        console.print(Text(f"  {entry.clause.kind}, {entry.clause.state}", style))
        console.print(Text(f"  {entry.clause.must}"))
        if entry.clause.missing:
            console.print(Text(f"  missing: {entry.clause.missing}", "yellow"))
        for value in entry.values:
            content = list(value.content) if isinstance(value.content, tuple) else value.content
            console.print(
                Text(f"  value  {value.name} = {json.dumps(content, ensure_ascii=False)} {value.unit}"), soft_wrap=True
            )
        for kind, tags in (("code", entry.code), ("test", entry.tests)):
            for tag in tags:
                console.print(Text(f"  {kind}   {tag.name}"), soft_wrap=True)
        console.print()
