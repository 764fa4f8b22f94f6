"""`cadran charging-api`: charging for outside switches over HTTP, a process of its own; and the keys by which switches ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cadran.commands import logs, main
from cadran.voice.switches.rules import Scope

if TYPE_CHECKING:
    from cadran.voice.switches.queries import Key

RATE, DAYS, EVENT_LIMIT = 200, 730, 50_000_000


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Serve the charging API for outside switches, or manage their keys."""
    main.django_ready()
    if ctx.invoked_subcommand is None:
        serve()


def serve() -> None:
    """Serve until SIGTERM, and finish what is being answered. Raises NoCleartext."""
    import uvicorn
    from django.conf import settings

    from cadran.voice.switches import assembly, wire

    logs.configure("charging-api")
    certificate, key = settings.CHARGING_API_CERTIFICATE, settings.CHARGING_API_CERTIFICATE_KEY
    wire.check_cleartext(
        settings.CHARGING_API_HOST, tls=bool(certificate and key), allowed=settings.CHARGING_API_CLEARTEXT
    )
    config = wire.config(
        assembly.application(),
        host=settings.CHARGING_API_HOST,
        port=settings.CHARGING_API_PORT,
        certificate=Path(certificate) if certificate and key else None,
        key=Path(key) if certificate and key else None,
    )
    uvicorn.Server(config).run()


@command.group()
def key() -> None:
    """Keys of switches."""


@key.command()
@click.argument("name")
@click.option("--brand", "brands", multiple=True, required=True, help="Whose customers; may be given again.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    default=(Scope.CALLS.value,),
    show_default=True,
    help="What it may do; may be given again.",
)
@click.option("--rate", type=int, default=RATE, show_default=True, help="Requests a second.")
@click.option("--event-limit", type=int, default=EVENT_LIMIT, show_default=True, help="Micros of the dearest event.")
@click.option("--days", type=int, default=DAYS, show_default=True, help="How long it holds.")
@click.option("--json", "as_json", is_flag=True)
def add(
    *,
    name: str,
    brands: tuple[str, ...],
    scopes: tuple[str, ...],
    rate: int,
    event_limit: int,
    days: int,
    as_json: bool,
) -> None:
    """Make a key for the switch NAME and print it, once. Keys of one name are of one switch: add the new, then revoke the old."""
    from django.conf import settings

    from cadran.voice.switches import operations

    made = operations.make_key(
        name=name,
        brands=brands,
        scopes=scopes,
        rate=rate,
        event_limit_micros=event_limit,
        days=days,
        at=settings.CIVIL_CLOCK.now(),
    )
    if as_json:
        click.echo(json.dumps({**_public(made.key), "key": made.text}, ensure_ascii=False))
    else:
        click.echo(made.text)


@key.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_(*, as_json: bool) -> None:
    """Every key, newest first; the secret itself is kept nowhere."""
    from cadran.voice.switches import queries

    found = [_public(one) for one in queries.all_keys()]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo("  ".join(str(one[name]) for name in ("prefix", "switch", "state", "brands", "scopes", "rate")))


@key.command()
@click.argument("prefix")
@click.option("--json", "as_json", is_flag=True)
def revoke(*, prefix: str, as_json: bool) -> None:
    """End the key that begins with sk_PREFIX: within five seconds it opens nothing."""
    from django.conf import settings

    from cadran.voice.switches import operations

    found = _public(operations.revoke_key(prefix=prefix, at=settings.CIVIL_CLOCK.now()))
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else f"{found['prefix']} {found['state']}")


def _public(one: Key) -> dict[str, object]:
    from django.conf import settings

    switch = one.switch
    return {
        "prefix": f"sk_{switch.prefix}",
        "switch": switch.name,
        "state": one.state(settings.CIVIL_CLOCK.now()),
        "brands": sorted(switch.brands),
        "scopes": sorted(switch.scopes),
        "rate": switch.rate,
        "event_limit_micros": switch.event_limit_micros,
        "expires_at": switch.expires_at.isoformat(),
    }
