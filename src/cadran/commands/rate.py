"""`cadran rate`: files of call records in, rated files out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cadran.commands import main, memory
from cadran.units import money
from cadran.units.errors import InvalidInput

if TYPE_CHECKING:
    from cadran.rating.files.columns import Reading
    from cadran.rating.files.prices import Prices
    from cadran.rating.files.run import Job, Outcome

F = TypeVar("F", bound=Callable[..., Any])
SHOWN = 12
PLANS = ("csv", "xlsx", "cgrates", "astpp", "magnusbilling", "a2billing")
ENGINES = ("local", "scalar", "spark")


class WrongOptions(InvalidInput):
    """Options of `cadran rate` that do not go together."""

    error_id = "commands-rate-options"


_PRICES = (
    click.option(
        "--brand", default="", help="Whose activated decks price the records; ippi without this, --deck and --plan."
    ),
    click.option("--name", default="world", show_default=True, help="Which of the brand's decks."),
    click.option("--deck", type=click.Path(path_type=Path), help="A deck file instead: the installation is not read."),
    click.option("--plan", type=click.Path(path_type=Path), help="A price list of another program, likewise."),
    click.option("--plan-format", type=click.Choice(PLANS), help="Of the plan; told from its files where not given."),
    click.option("--tenant", default="cgrates.org", show_default=True, help="Of a CGRateS plan."),
    click.option("--category", default="call", show_default=True, help="Of a CGRateS plan."),
    click.option("--subject", default="*any", show_default=True, help="Of a CGRateS plan."),
    click.option("--currency", default="EUR", show_default=True, help="Of the deck file or plan."),
    click.option("--price-zone", default="UTC", show_default=True, help="Civil time of the deck file or plan."),
)
_UNITS = click.Choice(["s", "ms", "us", "ns"])
_READING = (
    click.option(
        "--map", "mapping", multiple=True, help="number=COLUMN, at=COLUMN, seconds=COLUMN: several, or with commas."
    ),
    click.option("--zone", default="", help="Of instants that state none, such as Europe/Paris."),
    click.option(
        "--ambiguous",
        type=click.Choice(["reject", "earliest", "latest"]),
        default="reject",
        show_default=True,
        help="What becomes of a time that the clock of the zone shows twice.",
    ),
    click.option(
        "--instant-unit", type=_UNITS, default="s", show_default=True, help="Of instants that are whole numbers."
    ),
    click.option("--duration-unit", type=_UNITS, help="s, where the column's name says no other."),
    click.option("--delimiter", type=click.Choice([",", ";", "tab", "|"]), help="Of CSV; found in the header."),
    click.option("--encoding", default="utf-8", show_default=True, help="Of CSV."),
)


def price_options(command: F) -> F:
    """Options that found_prices reads."""
    return _with(command, _PRICES)


def reading_options(command: F) -> F:
    """Options that found_reading reads."""
    return _with(command, _READING)


def _with(command: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="rate")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A folder, or one file for all inputs.")
@price_options
@reading_options
@click.option("--engine", type=click.Choice(ENGINES), default="local", show_default=True)
@click.option("--master", default="local[2]", show_default=True, help="Of Spark.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), help="Of the output; as its name or the input's."
)
@click.option("--escape-formulas", is_flag=True, help="Put a ' before cells of a CSV that a spreadsheet would run.")
@click.option("--replay", is_flag=True, help="Compare with the amounts that the records carry: as cadran replay.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Threads of the local engine."
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    inputs: tuple[Path, ...],
    out: Path,
    engine: str,
    master: str,
    form: str | None,
    escape_formulas: bool,
    replay: bool,
    workers: int,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Rate the call records in INPUTS (.csv, .csv.gz, .parquet, folders): the same columns and their charge to --out, what cannot be
    rated to a file of rejects beside it. A run that was interrupted goes on with the files that are not whole yet."""
    main.django_ready()
    from cadran.commands import replay as replays
    from cadran.rating.files import run

    if replay:
        taxes = (replays.TAX,)
        replays.compare(inputs, out, taxes, form, escape_formulas, force, as_json, options)
        return
    reading = found_reading(options)
    prices = found_prices(options)
    job = run.Job(
        inputs=run.inputs(inputs),
        out=out,
        prices=prices.mark,
        form=form or "",
        reading=reading,
        force=force,
        escape=escape_formulas,
        workers=1 if engine == "scalar" else workers,
    )
    run.plan(job)
    with bar(job.inputs, as_json) as look:
        outcome, peak = _rated(job, prices, engine, master, look)
    told = {**outcome.as_dict(), "engine": engine, "prices": prices.told, "memory_above_tables_mb": peak}
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        _tell(outcome, engine, peak)


def _rated(
    job: Job, prices: Prices, engine: str, master: str, look: Callable[[int], None]
) -> tuple[Outcome, float | None]:
    from cadran.rating import tables
    from cadran.rating.files import engine as engines
    from cadran.rating.files import run, spark

    if engine == "scalar":
        rater: engines.Engine = engines.Scalar(prices.deck)
    else:
        compiled = tables.compile_deck(prices.deck)
        if engine == "spark":
            return spark.run(job, compiled, master=master, look=look), None
        rater = engines.Batch(compiled, engines.kind(sum(path.stat().st_size for path in job.inputs)))
    gauge = memory.Gauge()
    return run.run(job, rater, look=look), gauge.above_mb()


def found_reading(options: Mapping[str, Any]) -> Reading:
    """How the records are to be read. Raises WrongColumns, WrongOptions."""
    from cadran.rating.files import columns

    delimiter = options["delimiter"] or ""
    return columns.Reading(
        mapping=mapped(options["mapping"]),
        zone=options["zone"],
        instant_unit=options["instant_unit"],
        duration_unit=options["duration_unit"] or "",
        ambiguous=options["ambiguous"],
        encoding=options["encoding"],
        delimiter="\t" if delimiter == "tab" else delimiter,
    )


def mapped(texts: tuple[str, ...]) -> dict[str, str]:
    """`number=dst,at=answer` to a mapping. Raises WrongOptions."""
    found: dict[str, str] = {}
    for text in texts:
        for part in text.split(","):
            what, sign, column = part.partition("=")
            if not sign or not column or what.strip() in found:
                raise WrongOptions(f"write --map number=COLUMN,at=COLUMN,seconds=COLUMN, each once, not {text!r}")
            found[what.strip()] = column.strip()
    return found


def found_prices(options: Mapping[str, Any]) -> Prices:
    """The prices that the options name."""
    from cadran.catalog import price_files
    from cadran.catalog.operations import DeckRefused
    from cadran.policy import queries as policy
    from cadran.rating.files import prices

    deck: Path | None = options["deck"]
    plan: Path | None = options["plan"]
    if sum(map(bool, (deck, plan, options["brand"]))) > 1:
        raise WrongOptions("name one of --brand, --deck and --plan")
    path = deck or plan
    if path is None:
        return prices.of_brand(policy.brand(options["brand"] or "ippi").key, options["name"])
    currency, zone = options["currency"], options["price_zone"]
    try:
        if deck is not None:
            return prices.of_file(deck, currency=currency, zone=zone)
        profile = price_files.PlanProfile(
            tenant=options["tenant"], category=options["category"], subject=options["subject"], zone=zone
        )
        return prices.of_plan(path, options["plan_format"] or "", profile, currency=currency)
    except DeckRefused as refused:
        first = refused.report.problems[0]
        raise WrongOptions(
            f"{path.name} has {refused.report.problem_count} problems, the first in line {first.line}: {first.message}; "
            "cadran deck import FILE --dry-run lists them all"
        ) from None


@contextmanager
def bar(inputs: tuple[Path, ...], quiet: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar over the bytes of the inputs, on the standard error where that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    total = sum(path.stat().st_size for path in inputs)
    with click.progressbar(length=max(total, 1), label="rating", file=sys.stderr, show_pos=False) as shown:
        last = [time.monotonic(), 0.0]

        def look(count: int) -> None:
            last[1] += count
            if time.monotonic() - last[0] > 0.1:
                shown.update(int(last[1]))
                last[:] = [time.monotonic(), 0.0]

        yield look
        shown.update(int(last[1]))


def _tell(outcome: Outcome, engine: str, peak: float | None) -> None:
    sums = outcome.sums
    click.echo(f"{sums.records:,} records: {sums.rated:,} rated, {sums.rejected:,} rejected")
    for reason, count in sums.rejects.most_common():
        click.echo(f"  {count:>12,}  {reason}")
    found = sorted(sums.micros.items(), key=lambda item: (-item[1], item[0]))
    for key, micros in found[:SHOWN]:
        click.echo(
            f"  {money.decimal_text(micros):>20} {key[1]}  {key[0]}: {sums.calls[key]:,} calls, {sums.billed_s[key]:,} s"
        )
    if len(found) > SHOWN:
        click.echo(f"  ... and {len(found) - SHOWN} destinations more: --json lists all")
    by_currency: dict[str, int] = {}
    for (_, currency), micros in found:
        by_currency[currency] = by_currency.get(currency, 0) + micros
    for currency, total in sorted(by_currency.items()):
        click.echo(f"  {money.decimal_text(total):>20} {currency}  in all")
    if outcome.earlier:
        click.echo(f"{outcome.earlier} files were whole already")
    if outcome.fresh_records:
        rate = outcome.fresh_records / outcome.seconds
        above = "" if peak is None else f", {peak:.0f} MB of memory above the tables"
        click.echo(f"{outcome.seconds:.1f} s, {rate:,.0f} records a second, engine {engine}{above}")
    for path in (*outcome.outputs[:SHOWN], *outcome.rejects[:SHOWN]):
        click.echo(f"  {path}")
