"""`cadran upgrade`: after a new version of the code was put in place, bring the state to it, or leave it exactly as it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from cadran.commands import backup, main, migrate, sealed, snapshot, supervisor
from cadran.units import errors


class UpgradeFailed(errors.CadranError):
    """A migration or the check after it failed; the databases are those of before."""

    error_id = "upgrade-failed"


def upgrade(
    var: Path, *, at: datetime, change: Callable[[], list[str]], check: Callable[[], None]
) -> tuple[list[str], Path]:
    """Copy the databases aside, apply `change`, `check` the outcome; returns what was applied and where the copies lie.

    When either raises, the copies are put back. Raises UpgradeFailed.
    """
    kept = var / "upgrades" / f"before-{at:%Y%m%dT%H%M%SZ}"
    kept.mkdir(parents=True, mode=0o700)
    names = snapshot.copy(var, kept)
    try:
        applied = change()
        check()
    except Exception as error:
        _close()
        for name in names:
            for stale in (f"{name}-wal", f"{name}-shm"):
                (var / stale).unlink(missing_ok=True)
            shutil.copyfile(kept / name, var / f"{name}.back")
            os.replace(var / f"{name}.back", var / name)
        reason = f"{type(error).__name__}: {error}"
        raise UpgradeFailed(
            f"nothing was changed, for {reason}. The databases are those of before, also kept in {kept}"
        ) from error
    return applied, kept


def _close() -> None:
    from django.db import connections

    connections.close_all()


def check_state(var: Path) -> None:
    """What must hold after an upgrade: SQLite's own checks, Django's, and a ledger that sums to zero in each currency."""
    from django.core.management import call_command

    from cadran.ledger import queries

    _close()
    snapshot.check(var)
    call_command("check", verbosity=0)
    if off := {currency: total for currency, total in queries.sums().items() if total}:
        raise snapshot.DatabaseDamaged(f"the ledger does not sum to zero: {off}")


@click.command()
@click.option(
    "--backup", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write an encrypted backup first."
)
def command(*, file: Path | None) -> None:
    """Bring the state folder to this version: copy, migrate, check, and put everything back if anything fails."""
    from cadran import settings

    main.django_ready()
    var: Path = settings.VAR
    lock = supervisor.Lock(var)
    lock.take()
    at = datetime.now(UTC)
    try:
        if file:
            backup.write(var, file, sealed.lock_from(os.environ), at=at)
        applied, kept = upgrade(var, at=at, change=migrate.migrate_all, check=lambda: check_state(var))
    finally:
        lock.free()
    for line in applied:
        click.echo(line)
    click.echo(f"{len(applied)} migrations applied, everything checked. The databases of before are kept in {kept}.")
