"""The report of an import, as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cadran.catalog.operations import ImportReport

SHOWN_PROBLEMS = 50


def tell(report: ImportReport, dry_run: bool) -> None:
    """Print problems, warnings and what was done."""
    for problem in report.problems[:SHOWN_PROBLEMS]:
        column = f", {problem.column}" if problem.column else ""
        file = f"{problem.file} " if problem.file else ""
        click.echo(f"{file}line {problem.line}{column}: {problem.message} [{problem.code}]", err=True)
    if report.problem_count > SHOWN_PROBLEMS:
        click.echo(f"... and {report.problem_count - SHOWN_PROBLEMS} more; --json lists 1000", err=True)
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    if report.coarser:
        click.echo(
            f"warning: {len(report.coarser)} lines count in larger steps than the terms promise ({report.coarser_clause}), "
            f"the first in line {report.coarser[0]}",
            err=True,
        )
    told = f"{report.lines} lines, {report.rates} rates, {report.problem_count} problems"
    if report.problem_count:
        click.echo(f"{told}: nothing was imported")
    elif dry_run:
        click.echo(f"{told}: dry run, nothing was imported")
    else:
        kept = "kept as a draft" if report.created else "was there already"
        activate_hint = f"cadran deck activate {report.version} --brand {report.brand} --name {report.name}"
        click.echo(f"{told}: {report.brand} {report.name} {report.version} {kept}; next: {activate_hint}")
