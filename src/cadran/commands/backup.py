"""`cadran backup FILE`: everything that must survive, in one encrypted file, taken while Cadran runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import click

from cadran.commands import main, sealed, snapshot
from cadran.units import errors

FORM = 1
MANIFEST = "manifest.json"


class CannotWrite(errors.CadranError):
    """The file of the backup exists already, or its folder cannot be written."""

    error_id = "backup-cannot-write"


class NothingToSave(errors.CadranError):
    """The state folder holds no database."""

    error_id = "backup-nothing-to-save"


def write(var: Path, target: Path, lock: sealed.Lock, *, at: datetime) -> dict[str, str]:
    """Save the databases, secrets and civil clock of `var` in `target`; returns the SHA-256 of each file by its name.

    The file appears under its name only when it is complete. Raises CannotWrite, NothingToSave, snapshot.DatabaseBusy.
    """
    if target.exists():
        raise CannotWrite(f"{target} exists already: give another name, backups are never overwritten")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    with tempfile.TemporaryDirectory(dir=var, prefix=".backup-") as folder:
        names = gather(var, Path(folder))
        hashes = {name: _sha256(Path(folder) / name) for name in names}
        try:
            with sealed.private_file(unfinished) as out:
                _pack(Path(folder), hashes, sealed.Writer(out, lock), at=at)
                out.flush()
                os.fsync(out.fileno())
            os.rename(unfinished, target)
        except OSError as error:
            raise CannotWrite(f"cannot write {target}: {error.strerror}") from error
        finally:
            unfinished.unlink(missing_ok=True)
    return hashes


def gather(var: Path, into: Path) -> list[str]:
    """Copy what a backup holds into an empty folder; returns the relative names. Raises NothingToSave."""
    names = list(snapshot.copy(var, into))
    if not names:
        raise NothingToSave(f"{var} holds no database: start Cadran once, or set CADRAN_VAR to its state folder")
    kept = [var / "clock.json", var / "demo.json", var / "staff.json", *sorted((var / "secrets").glob("*"))]
    kept += sorted((var / "documents").glob("??/[0-9a-f]*"))
    kept += sorted((var / "brands").glob("*/terms/[!.]*"))  # versions of terms that were published here
    kept += sorted((var / "brands").glob("*/prompts/*/[!.]*.wav"))  # recordings that the operator uploaded
    kept += sorted((var / "evidence").glob("*.pem"))  # whom the witnesses' tokens were checked against
    for path in kept:
        if path.is_file():
            name = path.relative_to(var).as_posix()
            (into / name).parent.mkdir(exist_ok=True, mode=0o700, parents=True)
            shutil.copy2(path, into / name)
            names.append(name)
    return names


def _pack(folder: Path, hashes: dict[str, str], out: sealed.Writer, *, at: datetime) -> None:
    manifest = {
        "form": FORM,
        "version": main.version(),
        "at": at.isoformat(),
        "files": hashes,
        "migrations": {name: _migrations(folder / name) for name in hashes if name in snapshot.DATABASES},
    }
    text = json.dumps(manifest, indent=1).encode()
    with tarfile.open(fileobj=cast("io.BytesIO", out), mode="w|") as tar:
        head = tarfile.TarInfo(MANIFEST)
        head.size = len(text)
        tar.addfile(head, io.BytesIO(text))
        for name in hashes:
            tar.add(folder / name, arcname=name, recursive=False, filter=_anonymous)
    out.close()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _migrations(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        try:
            return [
                f"{app}.{name}"
                for app, name in connection.execute("SELECT app, name FROM django_migrations ORDER BY id")
            ]
        except sqlite3.OperationalError:
            return []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the manifest's hashes as JSON.")
def command(*, file: Path, as_json: bool) -> None:
    """Save databases, secrets and clock in FILE, encrypted; Cadran may run meanwhile.

    The passphrase is in CADRAN_BACKUP_PASSPHRASE, or a key of 32 bytes in CADRAN_BACKUP_KEY.
    """
    from cadran import settings

    hashes = write(settings.VAR, file, sealed.lock_from(os.environ), at=datetime.now(UTC))
    if settings.CHARGING_DATABASE:
        click.echo("The money lies in PostgreSQL and is not in this file: back the server up as well.", err=True)
    if as_json:
        click.echo(json.dumps({"file": str(file), "bytes": file.stat().st_size, "files": hashes}))
    else:
        click.echo(
            f"{file}: {file.stat().st_size:,} bytes, {len(hashes)} files. Restore it with: cadran restore {file}"
        )
