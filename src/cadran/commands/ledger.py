"""`cadran ledger`: look at the books and check them."""

from __future__ import annotations

import json

import click

from cadran.commands.main import django_ready
from cadran.units.money import decimal_text


@click.group(name="ledger")
def command() -> None:
    """Check the books."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(as_json: bool) -> None:
    """Recompute every balance from the postings; exit 1 where something cannot be."""
    django_ready()
    from cadran.ledger import queries

    sums, faults = queries.sums(), queries.check()
    if as_json:
        listed = [{"where": fault.where, "what": fault.what} for fault in faults]
        click.echo(json.dumps({"ok": not faults, "sums": sums, "faults": listed}, ensure_ascii=False))
    else:
        for currency, total in sums.items():
            click.echo(f"{currency}: {decimal_text(total)}")
        for fault in faults:
            click.echo(f"{fault.where}: {fault.what}")
        click.echo("the books are right" if not faults else f"{len(faults)} faults")
    if faults:
        raise click.exceptions.Exit(1)
