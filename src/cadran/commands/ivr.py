"""`cadran ivr`: the voice menus of access numbers: draw, check, say, walk."""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path
from typing import Any

import click
import numpy as np
from django.conf import settings

from cadran.voice.media import prompts
from cadran.voice.menu import checking, drawing, menus, reading_aloud, rehearsal, texts
from cadran.voice.menu.table import LANGUAGES, TABLES, Table, TableWrong

_LANGUAGE = click.option("--language", type=click.Choice(LANGUAGES), default="fr", show_default=True)
_TABLE = click.option("--table", "name", default=menus.CALLING_CARD, show_default=True, help="Which menu.")
_BRAND = click.option("--brand", default="", metavar="KEY", help="Its own table and recordings come first.")


@click.group()
def command() -> None:
    """The voice menus of access numbers: draw, check, say and walk them."""


@command.command()
@_BRAND
@_TABLE
@_LANGUAGE
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the SVG goes; else it is printed.")
def draw(brand: str, name: str, language: str, out: Path | None) -> None:
    """Draw a menu as SVG: its states, what they say, where they lead."""
    picture = drawing.svg(_loaded(name, brand), language)
    if out is None:
        click.echo(picture, nl=False)
    else:
        out.write_text(picture)
        click.echo(f"{out}: {len(picture):,} characters")


@command.command()
@_BRAND
@click.option("--table", "name", default="", help="Which menu; else every one that is shipped or of the brand.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(ctx: click.Context, brand: str, name: str, as_json: bool) -> None:
    """Say what is wrong with menus, and exit 1 if anything is."""
    told: list[dict[str, Any]] = []
    for one in [name] if name else _names(brand):
        try:
            table = _loaded(one, brand)
        except TableWrong as wrong:
            found = [{"code": p.code, "where": p.where, "text": p.text} for p in wrong.details["problems"]]  # type: ignore[attr-defined]
            told.append({"table": one, "problems": found, "file": str(wrong.details["path"])})
        else:
            told.append(
                {"table": one, "problems": [], "states": len(table.states), "unreached": checking.unreached(table)}
            )
    if as_json:
        click.echo(json.dumps({"menus": told}, ensure_ascii=False))
    for entry in [] if as_json else told:
        _say_checked(entry)
    ctx.exit(1 if any(entry["problems"] for entry in told) else 0)


@command.command()
@click.argument("text")
@_LANGUAGE
@_BRAND
@click.option(
    "--as", "form", default="", help="amount, credit, price, minutes, duration, number, digits, phone, date or calls."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A WAV with what is said.")
def say(text: str, language: str, brand: str, form: str, out: Path | None) -> None:
    """Say TEXT with the recordings, as a menu would: 1 234,50 EUR, 21 min, 61 s, 2026-03-01, +33612345678, names of prompts."""
    names = tuple(
        f"{brand}/{language}/{one}" if brand else f"{language}/{one}"
        for one in reading_aloud.aloud(text, language, form)
    )
    click.echo(texts.heard(names))
    if out is not None:
        shelf = prompts.Shelf(out.parent, *_brands(), published=Path(settings.PUBLISHED))
        samples = np.concatenate([prompts.read_wav(shelf.find(one)) for one in names])
        with wave.open(str(out), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(prompts.SAMPLES_PER_S)
            file.writeframes(samples.astype("<i2").tobytes())
        click.echo(f"{out}: {len(samples) / prompts.SAMPLES_PER_S:.1f} s")


@command.command()
@_BRAND
@_TABLE
@_LANGUAGE
@click.option("--begin", default="", metavar="STATE", help="Where the call begins: pin, prepared, refused-unknown...")
def walk(brand: str, name: str, language: str, begin: str) -> None:
    """Play a menu in the terminal. Type digits, * and #; an empty line waits; + the other hangs up; - the other is busy; q hangs up.

    The house is made up: 5.21 EUR, PIN 1234, voucher 123456789012, speed dial 1 and 21.
    """
    played = rehearsal.Rehearsal(_loaded(name, brand), language)
    values = {"destination": "33612345678"} if begin == "prepared" else None
    _tell(played.begin(values, begin) + played.settle())
    for typed in sys.stdin:
        if typed.strip() == "q" or played.over:
            break
        _step(played, typed.strip())


def _step(played: rehearsal.Rehearsal, typed: str) -> None:
    if typed in ("+", "-"):
        _tell(played.other_hangs_up("over" if typed == "+" else "busy"))
    elif typed.strip("0123456789*#"):
        click.echo("digits, * and #; an empty line waits; + and - end the other leg; q hangs up", err=True)
    else:
        _tell(played.dial(typed) if typed else played.wait())


def _tell(lines: list[rehearsal.Line]) -> None:
    marks = {"hears": "»", "dials": "⌨", "state": "·", "call": "☎", "ends": "■"}
    for line in lines:
        told = f"{marks[line.what]} {line.text}"
        click.secho(told, dim=line.what == "state", bold=line.what == "hears")


def _brands() -> tuple[Path]:
    return (Path(settings.BRANDS),)


def _loaded(name: str, brand: str) -> Table:
    return menus.of_brand(name, brand) if brand else menus.load(name)


def _names(brand: str) -> list[str]:
    shipped = {path.stem for path in TABLES.glob("*.toml")}
    own = {path.stem for path in (_brands()[0] / brand / "menus").glob("*.toml")} if brand else set()
    return sorted(shipped | own)


def _say_checked(entry: dict[str, Any]) -> None:
    problems = entry["problems"]
    if not problems:
        click.echo(f"{entry['table']}: {entry['states']} states, all in order")
        if entry["unreached"]:
            click.echo(f"  nothing leads to: {', '.join(entry['unreached'])}")
        return
    click.echo(f"{entry['table']}: {len(problems)} to put right in {entry['file']}")
    for one in problems:
        click.echo(f"  {one['where']}: {one['text']} ({one['code']})")
