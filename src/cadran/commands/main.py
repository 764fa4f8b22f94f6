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
    "backup",
    "bench",
    "brand",
    "charging",
    "clauses",
    "clock",
    "credit",
    "customer",
    "deck",
    "doctor",
    "documents",
    "evidence",
    "explain",
    "jobs",
    "ledger",
    "media",
    "migrate",
    "number",
    "payment",
    "phone",

                raise
            _refuse(ctx, InvalidUsage(error.format_message()))
            _refuse(ctx, _database_error(error))
            _refuse(ctx, error)
            if not ctx.obj["json"]:
            if not isinstance(error.__cause__, sqlite3.Error):
            name.replace("_", "-") for name in COMMANDS if importlib.util.find_spec(f"cadran.commands.{name}")
            raise click.UsageError(f"{unreadable[0]!r} is not UTF-8: write arguments in UTF-8")
            return None
            return super().invoke(ctx)
        )
        arg.encode()
        assert isinstance(command, click.Command)
        click.echo(f"cadran: {error}", err=True)
        click.echo(json.dumps({"error": {"id": error.error_id, "message": error.message}}, ensure_ascii=False))
        command = importlib.import_module(f"cadran.commands.{cmd_name.replace('-', '_')}").command
        ctx.invoked_subcommand or "cadran", level="WARNING"
        ctx.obj = {"json": "--json" in args}
        django.setup()
        except Exception as error:
        except click.UsageError as error:
        except errors.CadranError as error:
        except sqlite3.Error as error:
        if cmd_name not in self.list_commands(ctx):
        if unreadable := [arg for arg in args if not _is_text(arg)]:
        return "0+source"
        return DatabaseUnusable(f"the databases are not ready ({error}): run cadran migrate, or start Cadran once")
        return False
        return command
        return metadata.version("cadran")
        return sorted(
        return super().parse_args(ctx, args)
        try:
    """A command line that names no command, lacks an argument, or has one too many or of a wrong form."""
    """A database of the state folder is missing, locked, read-only or broken."""
    """An operator in a box: sells, delivers, charges and enforces retail telecom services under published terms."""
    """Finds its commands by module; an expected failure is one clear line (or one JSON object) and exit code 2."""
    """Load Django's settings and models, once. Commands that touch the database call it first."""
    """Of the installed distribution."""
    "quote",
    "rate",
    "rerate",
    "restore",
    "serve",
    "sip",
    "soak",
    "staff",
    "upgrade",
    "web",
    )  # daemons set their own; never on the standard output
    ctx.exit(2)
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
    def invoke(self, ctx: click.Context) -> object:
    def list_commands(self, ctx: click.Context) -> list[str]:
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
    else:
    error_id = "commands-database-unusable"
    error_id = "commands-usage"
    except UnicodeEncodeError:
    except metadata.PackageNotFoundError:
    from django.apps import apps
    if "no such table" in str(error) or "no such column" in str(error):
    if ctx.obj["json"]:
    if not apps.ready:
    import django
    logs.configure(
    return DatabaseUnusable(f"the databases cannot be used: {error}; cadran doctor says more")
    return True
    try:
)
@click.group(cls=Cadran, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.pass_context
@click.version_option(version(), message="cadran %(version)s")
class Cadran(click.Group):
class DatabaseUnusable(errors.CadranError):
class InvalidUsage(errors.InvalidInput):
def _database_error(error: Exception) -> DatabaseUnusable:
def _is_text(arg: str) -> bool:
def _refuse(ctx: click.Context, error: errors.CadranError) -> NoReturn:
def cli(ctx: click.Context) -> None:
def django_ready() -> None:
def version() -> str:
