"""`cadran charging-shards`: how many processes share the accounts, and sharing them between more."""

from __future__ import annotations

import click

from cadran.commands.main import django_ready


@click.command(name="charging-shards")
@click.argument("number", type=click.IntRange(1, 16), required=False)
def command(number: int | None) -> None:
    """Say how many charging processes share the database, or share it between NUMBER of them while none runs."""
    django_ready()
    from django.conf import settings

    from cadran.charging.adapters import sharding

    if not settings.CHARGING_DATABASE:
        if number not in (None, 1):
            raise sharding.ShardsNotRaised(
                "charging.db has one writer: keep the money in PostgreSQL first (CADRAN_CHARGING_DATABASE)"
            )
        click.echo("1 (charging.db has one writer)")
        return
    if number is None:
        click.echo(str(sharding.count(settings.CHARGING_DATABASE)))
        return
    before = sharding.raise_to(settings.CHARGING_DATABASE, number)
    click.echo(
        f"{before} before, {number} now: set CADRAN_CHARGING_SHARDS={number} for every process, and start Cadran"
    )
