"""Options of the commands that read price lists of others: how the columns of a table are to be understood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cadran.catalog.price_files import ColumnMap

Command = Callable[..., Any]
NAMES = (
    *("pairs", "fixed", "per", "cents", "decimal_comma", "day_first", "no_header", "skip", "delimiter", "encoding"),
    "sheet",
)
_OPTIONS = (
    click.option("--map", "pairs", multiple=True, metavar="COLUMN=NAME", help="A column is one of ours: Code=prefix, 1=prefix."),
    click.option("--fixed", multiple=True, metavar="NAME=VALUE", help="The same in all lines: first_s=60."),
    click.option("--per", default="", help="Unit of time of the prices: min, s, or so many seconds as 30s."),
    click.option("--cents", is_flag=True, help="Amounts are in hundredths."),
    click.option("--decimal-comma", is_flag=True, help="0,09 is 0.09."),
    click.option("--day-first", is_flag=True, help="31/12/2026 is a day."),
    click.option("--no-header", is_flag=True, help="The first row is a rate already: map by number."),
    click.option("--skip", type=click.IntRange(0, 1000), default=0, help="Rows before the header."),
    click.option("--delimiter", default="", type=click.Choice(["", ",", ";", "|", "tab"]), help="Of a CSV; else found out."),
    click.option("--encoding", default="", help="utf-8, utf-16, windows-1252, latin-1; else found out."),
    click.option("--sheet", default="", help="Of a workbook; the first where not given."),
)  # fmt: skip


def table_options(command: Command) -> Command:
    """All of them, for a command that takes them as `**table`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def column_map(table: dict[str, Any]) -> ColumnMap:
    """What the options say. Raises BadMapping."""
    from cadran.catalog import price_files

    found = price_files.ColumnMap(
        columns=_pairs(table["pairs"], "--map"),
        fixed=_pairs(table["fixed"], "--fixed"),
        per=table["per"],
        cents=table["cents"],
        decimal_comma=table["decimal_comma"],
        day_first=table["day_first"],
        header=not table["no_header"],
        skip=table["skip"],
        delimiter=table["delimiter"],
        encoding=table["encoding"],
        sheet=table["sheet"],
    )
    found.check()
    return found


def stated(table: dict[str, Any]) -> bool:
    """Whether any of them was given, beyond the delimiter, which deck files of ours have too."""
    return any(table[name] for name in NAMES if name != "delimiter")


def _pairs(words: Sequence[str], name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        left, mark, right = word.rpartition("=") if name == "--map" else word.partition("=")
        if not mark or not left.strip() or not right.strip():
            raise click.UsageError(f"write {name} as NAME=NAME, not {word[:40]!r}")
        found[left.strip()] = right.strip()
    return found
