"""`cadran explain CDR`: the price of a call step by step."""

from __future__ import annotations

import json

import click

from cadran.commands.main import django_ready


@click.command(name="explain")
@click.argument("cdr")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--lang", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Language of the explanation."
)
def command(cdr: str, as_json: bool, lang: str) -> None:
    """Explain the charge of the call record CDR: deck line, increments, arithmetic, rounding, clause, terms, ledger entries."""
    django_ready()
    from cadran.charging import queries

    told = queries.explanation(cdr)
    click.echo(json.dumps(told.as_dict(), ensure_ascii=False, indent=2) if as_json else "\n".join(told.lines(lang)))
