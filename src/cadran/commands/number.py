"""`cadran number read TEXT`: what a person dials in a country, as Cadran understands it."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cadran.numbering import rules


@click.group()
def command() -> None:
    """Read numbers as people dial them."""


@command.command()
@click.argument("text")
@click.option(
    "--country", default="FR", show_default=True, metavar="CC", help="Where it is dialled (ISO 3166 alpha-2)."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def read(text: str, country: str, as_json: bool) -> None:
    """Say what TEXT means when dialled in a country: E.164, class, use, and how it is written back."""
    dialled = rules.read_dialled(text, country)
    number = dialled.e164
    told = {
        "text": dialled.text,
        "class": dialled.number_class.value,
        "e164": number.value if number else None,
        "country": dialled.country,
        "short": dialled.short,
        "sip_uri": dialled.sip_uri,
        "use": dialled.use,
        "national": rules.national(number, country) if number else None,
        "international": rules.international(number) if number else None,
    }
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in told.items():
        if value:
            grid.add_row(Text(name, "bright_black"), Text(value))
    Console().print(grid)
