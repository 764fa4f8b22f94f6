"""`cadran access-number add|close|list|calls`: the numbers that a brand's customers dial to reach its menu."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from cadran.commands import main
from cadran.numbering.access.rules import LANGUAGES, Service


@click.group()
def command() -> None:
    """Open, close and list access numbers, and show the calls at them."""
    main.django_ready()


@command.command()
@click.argument("number")
@click.option("--brand", required=True)
@click.option("--place", required=True, metavar="FR", help="Where it is a local call, in French.")
@click.option("--place-en", default="", metavar="EN", help="The same in English; the French name if left out.")
@click.option("--language", type=click.Choice(LANGUAGES), default="fr", show_default=True, help="Of the voice.")
@click.option("--service", type=click.Choice([one.value for one in Service]), default=Service.CALLING_CARD.value)
@click.option("--from", "opens", default="", metavar="DATE", help="The day on which it opens; now if left out.")
@click.option("--json", "as_json", is_flag=True)
def add(
    *, number: str, brand: str, place: str, place_en: str, language: str, service: str, opens: str, as_json: bool
) -> None:
    """Open NUMBER (+33...) as an access number of a brand: it is published at once."""
    from django.conf import settings

    from cadran.numbering.access import operations, queries, rules

    at = settings.CIVIL_CLOCK.now()
    opens_at = _day(opens, brand, at)
    described = rules.published(
        number=number, place_fr=place, place_en=place_en or place, language=language, service=service
    )
    operations.open_number(brand=brand, described=described, by="command", opens_at=opens_at, at=at)
    _tell(queries.access_number(described.number.digits, opens_at), as_json)


@command.command()
@click.option("--brand", default="", help="Of that brand alone.")
@click.option("--json", "as_json", is_flag=True)
def calls(*, brand: str, as_json: bool) -> None:
    """Show the calls in progress: since when, who, and where in the menu."""
    from cadran.voice.access import queries

    found = queries.live(brands=(brand,) if brand else ())
    if as_json:
        rows = [
            {
                "session": one.session,
                "brand": one.brand,
                "number": one.access_number,
                "account": one.account,
                "began_at": one.began_at.isoformat(),
                "answered": one.answered_at is not None,
                "state": one.state,
                "dialled": one.dialled,
                "talked": one.talked,
            }
            for one in found
        ]
        click.echo(json.dumps(rows))
        return
    table = Table("Since", "Number", "Account", "State", "Calls")
    for one in found:
        state = one.refused or one.state
        table.add_row(f"{one.began_at:%H:%M:%S}Z", f"+{one.access_number}", one.account, state, str(one.talked))
    Console().print(table if found else "No call at an access number is in progress.")


@command.command()
@click.argument("number")
@click.option("--brand", required=True)
@click.option("--from", "closes", default="", metavar="DATE", help="The day on which it closes; now if left out.")
@click.option("--json", "as_json", is_flag=True)
def close(*, number: str, brand: str, closes: str, as_json: bool) -> None:
    """Answer NUMBER no longer: whoever calls it hears why."""
    from django.conf import settings

    from cadran.numbering.access import operations, queries

    at = settings.CIVIL_CLOCK.now()
    closes_at = max(at, _day(closes, brand, at))
    operations.close_number(brand=brand, digits=number, by="command", closes_at=closes_at, at=at)
    _tell(queries.access_number(number, at), as_json)


@command.command("list")
@click.option("--brand", default="", help="Of one brand alone.")
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@click.option("--json", "as_json", is_flag=True)
def list_numbers(*, brand: str, every: bool, as_json: bool) -> None:
    """The access numbers, by brand and country."""
    from django.conf import settings

    from cadran.numbering.access import queries
    from cadran.policy import queries as policy

    at = settings.CIVIL_CLOCK.now()
    keys = [policy.brand(brand).key] if brand else policy.brand_keys()
    read = queries.every_access_number if every else lambda key: queries.access_numbers(key, at)
    found = [one for key in keys for one in read(key)]
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for title in ("brand", "number", "country", "place", "language", "service", "opened", "closed"):
        table.add_column(title, no_wrap=title in ("brand", "number"))
    for one in found:
        closed = f"{one.closed_at:%Y-%m-%d}" if one.closed_at else ""
        table.add_row(
            *(one.brand, f"+{one.digits}", one.country, one.place_fr, one.language, one.service),
            *(f"{one.opened_at:%Y-%m-%d}", closed),
        )
    Console().print(table)


def _day(text: str, brand: str, at: datetime) -> datetime:
    """The first instant of a day in the brand's zone; `at` where nothing was given."""
    from cadran.policy import queries as policy

    zone = ZoneInfo(policy.brand(brand).zone)
    if not text:
        return at
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise click.UsageError(f"write a day as 2026-03-01, not {text[:20]!r}") from None


def _plain(one: object) -> dict[str, object]:
    import dataclasses

    assert dataclasses.is_dataclass(one)
    assert not isinstance(one, type)
    told = dataclasses.asdict(one)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


def _tell(one: object, as_json: bool) -> None:
    assert one is not None
    told = _plain(one)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo("  ".join(f"{name} {value}" for name, value in told.items() if value))
