"""`cadran migrate`: bring the three database files to the shape that this version needs."""

from __future__ import annotations

import click

from cadran.commands import main


def migrate_all() -> list[str]:
    """Apply what is missing to each database; returns `database: app.migration` lines. Safe to repeat."""
    main.django_ready()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.migration import Migration

    settings.VAR.mkdir(parents=True, exist_ok=True, mode=0o700)
    applied = []
    for alias in settings.DATABASES:
        executor = MigrationExecutor(connections[alias])
        plan: list[tuple[Migration, bool]] = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            call_command("migrate", database=alias, interactive=False, verbosity=0)
            applied += [f"{alias}: {migration.app_label}.{migration.name}" for migration, _backwards in plan]
    return applied + _shared()


def _shared() -> list[str]:
    """An installation that begins shares its accounts between as many processes as it was told; a later change is asked for."""
    from django.conf import settings

    from cadran.charging.adapters import sharding

    address, wanted = settings.CHARGING_DATABASE, settings.CHARGING_SHARDS
    if wanted == 1 or sharding.count(address) == wanted or not sharding.is_fresh(address):
        return []
    sharding.raise_to(address, wanted)
    return [f"charging: shared by {wanted} processes"]


@click.command()
def command() -> None:
    """Apply the database migrations that are missing."""
    for line in migrate_all():
        click.echo(line)
