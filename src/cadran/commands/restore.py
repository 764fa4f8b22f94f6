"""`cadran restore FILE`: put a backup in the place of the state folder, in one step, and keep what was there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import click

from cadran.commands import backup, main, sealed, snapshot, supervisor
from cadran.units import errors

_MOST_FILES = 50_000  # identity documents among them
_LONGEST_MANIFEST = 10_000_000


class NotRestorable(errors.CadranError):
    """The backup opens, but what it holds cannot be used here. The state folder was not touched."""

    error_id = "restore-not-possible"


def unpack(source: Path, into: Path, lock: sealed.Lock) -> dict[str, Any]:
    """Open a backup into an empty folder and check every hash and database; returns its manifest.

    Raises sealed.Unreadable, NotRestorable, snapshot.DatabaseDamaged.
    """
    try:
        with source.open("rb") as file:
            reader = sealed.Reader(file, lock)
            with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|") as tar:
                manifest = _unpack_members(tar, into)
            reader.read()  # to the end: the last chunk proves that nothing was cut off
    except (tarfile.TarError, EOFError):
        raise sealed.Unreadable("the inside of this backup is damaged") from None
    except OSError as error:
        raise sealed.Unreadable(f"cannot read {source}: {error.strerror}") from error
    snapshot.check(into)
    return manifest


def _unpack_members(tar: tarfile.TarFile, into: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = {}
    found: dict[str, str] = {}
    for member in tar:
        content = tar.extractfile(member)
        if content is None or len(found) > _MOST_FILES:
            raise NotRestorable(f"this backup holds something unexpected: {member.name}")
        if not manifest:
            manifest = _manifest(member, content)
            continue
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or len(name.parts) > 5 or str(name) not in manifest["files"]:
            raise NotRestorable(f"this backup holds a file that its manifest does not name: {member.name}")
        target = into / name
        target.parent.mkdir(exist_ok=True, mode=0o700, parents=True)
        with sealed.private_file(target) as out:
            shutil.copyfileobj(content, out)
        with target.open("rb") as file:
            found[str(name)] = hashlib.file_digest(file, "sha256").hexdigest()
    if not manifest or found != manifest["files"]:
        raise NotRestorable("the files of this backup are not those of its manifest")
    return manifest


def _manifest(member: tarfile.TarInfo, content: IO[bytes]) -> dict[str, Any]:
    if member.name != backup.MANIFEST or member.size > _LONGEST_MANIFEST:
        raise NotRestorable("this backup has no manifest")
    manifest = json.loads(content.read())
    if manifest.get("form") != backup.FORM:
        raise NotRestorable(
            f"this backup has form {manifest.get('form')}, this Cadran reads {backup.FORM}: upgrade Cadran first"
        )
    return dict(manifest)


def check_known(manifest: dict[str, Any]) -> None:
    """Refuse a backup of a newer Cadran, whose databases this one does not understand. Raises NotRestorable."""
    main.django_ready()
    from django.db.migrations.loader import MigrationLoader

    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    replaced = {f"{app}.{name}" for one in MigrationLoader(None).disk_migrations.values() for app, name in one.replaces}
    strange = sorted({one for names in manifest["migrations"].values() for one in names} - known - replaced)
    if strange:
        raise NotRestorable(
            f"this backup was made by Cadran {manifest['version']}, which knows migrations that this one does not "
            f"({', '.join(strange[:3])}): install that version first"
        )


def put_in_place(fresh: Path, var: Path, *, at: datetime) -> Path:
    """Exchange the state folder for the restored one; returns where the former state now lies."""
    kept = var.with_name(f"{var.name}.before-restore-{at:%Y%m%dT%H%M%SZ}")
    for folder in ("log", "sandbox"):
        if (var / folder).is_dir():
            shutil.copytree(var / folder, fresh / folder)
    snapshot.exchange(fresh, var)
    os.rename(fresh, kept)
    return kept


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--check", "check_only", is_flag=True, help="Open and verify the backup, and change nothing; Cadran may run."
)
def command(*, file: Path, check_only: bool) -> None:
    """Put the backup FILE in place of the state folder. Cadran must not run; the former state is kept beside it.

    The passphrase is in CADRAN_BACKUP_PASSPHRASE, or the key in CADRAN_BACKUP_KEY.
    """
    from cadran import settings

    var: Path = settings.VAR
    lock = supervisor.Lock(var)
    if not check_only:
        lock.take()
    at = datetime.now(UTC)
    fresh = var.with_name(f".{var.name}.restoring-{os.getpid()}")
    fresh.mkdir(mode=0o700)
    try:
        manifest = unpack(file, fresh, sealed.lock_from(os.environ))
        check_known(manifest)
        summary = f"Cadran {manifest['version']}, {manifest['at']}, {len(manifest['files'])} files"
        if check_only:
            click.echo(f"{file} is whole: {summary}")
            return
        kept = put_in_place(fresh, var, at=at)
        click.echo(f"Restored {file} ({summary}). The former state is kept in {kept}.")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        lock.free()
