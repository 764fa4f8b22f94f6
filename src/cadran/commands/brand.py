"""`cadran brand`: make a brand of one's own from one that exists, check it, look at it."""

from __future__ import annotations

import json
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import click

from cadran.commands import main
from cadran.units import errors


class BadAnswer(errors.InvalidInput):
    """--set without an equals sign, or of a question that nobody asks."""

    error_id = "brand-answer-invalid"


@click.group()
def command() -> None:
    """Brands: one folder of values each, and no Python."""


@command.command()
@click.argument("name")
@click.option("--from", "source", default="ippi", show_default=True, help="The brand to copy from.")
@click.option("--answers", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file of answers.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="One answer, such as --set currency=USD.")
@click.option("--yes", is_flag=True, help="Ask nothing: answers, --set and the defaults are all there is.")
@click.option("--preview", is_flag=True, help="Show the new brand's site when it is made.")
@click.option("--json", "as_json", is_flag=True)
def new(
    *, name: str, source: str, answers: Path | None, given: tuple[str, ...], yes: bool, preview: bool, as_json: bool
) -> None:
    """Make the brand NAME (small letters, digits, dashes) by copying another one's folder.

    What the answers and --set do not say is asked at a terminal, and takes the copied brand's value elsewhere. Everything is checked
    before the folder has its name; every error is told at once, and nothing is left behind.
    """
    main.django_ready()
    from django.conf import settings

    from cadran.policy import founding

    known = founding.defaults(source, settings.CIVIL_CLOCK.now().date())
    read, faults = founding.read_answers(answers) if answers else ({}, [])
    read |= _set(given)
    if not (yes or as_json) and sys.stdin.isatty():
        read |= {key: _asked(key, default) for key, default in known.items() if key not in read}
    made = founding.found(key=name, source=source, answers=known | read, faults=faults)
    if as_json:
        click.echo(json.dumps({"brand": made.brand.key, "folder": str(made.folder), "terms": made.brand.terms}))
    else:
        _tell(made.brand.key, made.folder)
    if preview:
        _preview(made.brand.key, 0)


@command.command()
@click.argument("name")
@click.option("--port", default=0, help="Port of the preview; any free one where not given.")
def preview(*, name: str, port: int) -> None:
    """Serve the site of the brand NAME at NAME.localhost until Ctrl-C, to look at it. A sandbox that runs serves it as well."""
    main.django_ready()
    from cadran.policy import queries

    _preview(queries.brand(name).key, port)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True)
def list_command(*, as_json: bool) -> None:
    """Every brand of the installation, with the terms in force. Fails with every error of every folder."""
    main.django_ready()
    from django.conf import settings

    from cadran.policy import queries

    queries.check()
    at = settings.CIVIL_CLOCK.now()
    rows = []
    for one in queries.brands():
        try:
            terms = queries.terms_in_force(one.key, at).ref
        except queries.UnknownTerms:
            terms = ""
        rows.append({"brand": one.key, "name": one.name, "terms": terms, "currency": one.currency})
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for row in rows:
            click.echo(
                f"{row['brand']:<16} {row['name']:<24} {row['terms'] or 'no terms in force yet':<24} {row['currency']}"
            )


def _set(given: tuple[str, ...]) -> dict[str, object]:
    from cadran.policy import founding

    found: dict[str, object] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in founding.QUESTIONS:
            raise BadAnswer(f"write --set key=value with one of {', '.join(founding.QUESTIONS)}, not {text[:60]!r}")
        found[key] = _read(key, value)
    return found


def _read(key: str, text: str) -> object:
    """An answer typed as text, in the kind that its question has; what it cannot be stays text, and is told by the check."""
    if key in ("languages", "verify"):
        return [one.strip() for one in text.split(",") if one.strip()]
    if key == "minimum_age":
        return int(text) if text.isascii() and text.isdigit() else text
    if key == "legal_entities":
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
    if key == "effective_from":
        try:
            return date.fromisoformat(text)
        except ValueError:
            return text
    return text


def _asked(key: str, default: object) -> object:
    shown = (
        ",".join(default)
        if isinstance(default, list)
        else str(default).lower()
        if default in (True, False)
        else str(default)
    )
    typed = click.prompt(key, default=shown or None, type=str)
    return _read(key, str(typed))


def _tell(key: str, folder: Path) -> None:
    from django.conf import settings

    click.echo(f"{folder} is made and right. Now:")
    click.echo("  go through its terms: each value names its clause, and the texts are what customers accept")
    click.echo("  cadran deck load-reference             # take up the prices of its rates folder")
    click.echo(f"  cadran brand preview {key}{' ' * max(1, 18 - len(key))}# look at its site")
    if settings.SANDBOX:
        click.echo(f"  a sandbox that runs serves it already: http://{key}.localhost:{settings.WEB_PORT}/")
    else:
        click.echo(f"  set CADRAN_BRAND={key}, or name its host in CADRAN_BRAND_HOSTS, and restart")


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        return


def _preview(key: str, port: int) -> None:
    """Serve the site on loopback until Ctrl-C."""
    from django.core.wsgi import get_wsgi_application

    with make_server("127.0.0.1", port, get_wsgi_application(), handler_class=_Quiet) as server:
        click.echo(f"http://{key}.localhost:{server.server_port}/  (Ctrl-C ends it)")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(1)
        except KeyboardInterrupt:
            server.shutdown()
