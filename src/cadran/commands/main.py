"""`cadran`: one command line for everything. Each sub-command is a module of its own, imported when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sqlite3
from importlib import metadata
from typing import NoReturn

import click

from cadran.commands import logs
from cadran.units import errors

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cadran.settings")

# The module of cadran.commands that holds each sub-command, as `command`. An underscore becomes a dash.
COMMANDS = (
    "access_number",
    "backup",
    "bench",
    "bench_plot",
    "brand",
    "chaos",
    "charging",
    "charging_api",
    "charging_shards",
    "clauses",
    "clock",
    "credit",
    "customer",
    "deck",
    "doctor",
    "documents",
    "evidence",
    "explain",
    "ivr",
    "jobs",
    "ledger",
    "media",
    "migrate",
    "number",
    "payment",
    "phone",
    "radius",
    "quote",
    "rate",
    "replay",
    "rerate",
    "restore",
    "serve",
    "sip",
    "soak",
    "staff",
    "upgrade",
    "voucher",
    "web",
)


class InvalidUsage(errors.InvalidInput):
    """A command line that names no command, lacks an argument, or has one too many or of a wrong form."""

    error_id = "commands-usage"


class DatabaseUnusable(errors.CadranError):
    """A database of the state folder is missing, locked, read-only or broken."""

    error_id = "commands-database-unusable"


def django_ready() -> None:
    """Load Django's settings and models, once. Commands that touch the database call it first."""
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()


def version() -> str:
    """Of the installed distribution."""
    try:
        return metadata.version("cadran")
    except metadata.PackageNotFoundError:
        return "0+source"


class Cadran(click.Group):
    """Finds its commands by module; an expected failure is one clear line (or one JSON object) and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            name.replace("_", "-") for name in COMMANDS if importlib.util.find_spec(f"cadran.commands.{name}")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"cadran.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = {"json": "--json" in args}
        if unreadable := [arg for arg in args if not _is_text(arg)]:
            raise click.UsageError(f"{unreadable[0]!r} is not UTF-8: write arguments in UTF-8")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except errors.CadranError as error:
            _refuse(ctx, error)
        except click.UsageError as error:
            if not ctx.obj["json"]:
                raise
            _refuse(ctx, InvalidUsage(error.format_message()))
        except sqlite3.Error as error:
            _refuse(ctx, _database_error(error))
        except Exception as error:
            if not isinstance(error.__cause__, sqlite3.Error):
                raise
            _refuse(ctx, _database_error(error))


def _is_text(arg: str) -> bool:
    try:
        arg.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(ctx: click.Context, error: errors.CadranError) -> NoReturn:
    if ctx.obj["json"]:
        click.echo(json.dumps({"error": {"id": error.error_id, "message": error.message}}, ensure_ascii=False))
    else:
        click.echo(f"cadran: {error}", err=True)
    ctx.exit(2)


def _database_error(error: Exception) -> DatabaseUnusable:
    if "no such table" in str(error) or "no such column" in str(error):
        return DatabaseUnusable(f"the databases are not ready ({error}): run cadran migrate, or start Cadran once")
    return DatabaseUnusable(f"the databases cannot be used: {error}; cadran doctor says more")


@click.group(cls=Cadran, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(version(), message="cadran %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """An operator in a box: sells, delivers, charges and enforces retail telecom services under published terms."""
    logs.configure(
        ctx.invoked_subcommand or "cadran", level="WARNING"
    )  # daemons set their own; never on the standard output
