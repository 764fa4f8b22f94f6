"""`cadran replay`: call records that another system has charged, charged again, and every difference with its cause."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from cadran.commands import main, rate

TAX = "20"


@click.command(name="replay")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A folder for the report and the compared files."
)
@click.option(
    "--tax", "taxes", multiple=True, default=(TAX,), show_default=True, help="Percent to try as tax; several."
)
@rate.price_options
@rate.reading_options
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), help="Of the compared files; as the input's.")
@click.option("--escape-formulas", is_flag=True, help="Put a ' before cells of a CSV that a spreadsheet would run.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    inputs: tuple[Path, ...],
    out: Path,
    taxes: tuple[str, ...],
    form: str | None,
    escape_formulas: bool,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Charge the records in INPUTS again and compare with the amount that each carries (--map amount=COLUMN): a file with both
    amounts, their difference and its cause, and a report: report.html, report.json, causes.csv."""
    main.django_ready()
    compare(inputs, out, taxes, form, escape_formulas, force, as_json, options)


def compare(
    inputs: tuple[Path, ...],
    out: Path,
    taxes: tuple[str, ...],
    form: str | None,
    escape_formulas: bool,
    force: bool,
    as_json: bool,
    options: Mapping[str, Any],
) -> None:
    """What the command does, for `cadran rate --replay` too."""
    from cadran.rating import tables
    from cadran.rating.files import engine, run, writing
    from cadran.rating.replay import report
    from cadran.rating.replay import run as replays

    prices = rate.found_prices(options)
    job = run.Job(
        inputs=run.inputs(inputs),
        out=out,
        prices=prices.mark,
        form=form or "",
        reading=rate.found_reading(options),
        force=force,
        escape=escape_formulas,
    )
    if writing.form(out):
        raise rate.WrongOptions("--out of a replay is a folder")
    kind = engine.kind(sum(path.stat().st_size for path in job.inputs))
    rater = engine.Batch(tables.compile_deck(prices.deck), kind)
    with rate.bar(job.inputs, as_json) as look:
        found = replays.replay(job, rater, prices.deck, taxes=_taxes(taxes), look=look)
    written = report.write(found, out, f"{', '.join(path.name for path in job.inputs[:3])} by {prices.told}")
    told = {**found.as_dict(), "prices": prices.told, "report": [str(path) for path in written]}
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    sums = f"{told['same']:,} the same, {told['different']:,} different, {told['rejected']:,} not rated"
    click.echo(f"{told['records']:,} records: {sums}")
    for (cause, currency), part in found.ordered():
        difference = replays.amount(part.theirs - part.ours)
        click.echo(f"  {part.records:>12,}  {cause:24} theirs - ours {difference} {currency}")
    for path in written:
        click.echo(f"  {path}")


def _taxes(texts: tuple[str, ...]) -> tuple[Fraction, ...]:
    found = []
    for text in texts:
        try:
            found.append(Fraction(text) / 100)
        except (ValueError, ZeroDivisionError):
            raise rate.WrongOptions(f"write --tax 20 or --tax 5.5, not {text!r}") from None
        if not 0 < found[-1] <= 1:
            raise rate.WrongOptions(f"a tax lies between 0 and 100 %, not {text!r}")
    return tuple(found)
