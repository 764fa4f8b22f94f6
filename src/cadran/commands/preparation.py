"""What `cadran serve` does before any process starts: the state folder, the databases, the reference brands and decks, the
demo customers."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from cadran.commands import main, migrate
from cadran.units import errors

LONGEST_SOCKET_PATH = 107
LEAST_FREE_BYTES = 500_000_000


class BadFolder(errors.CadranError):
    """The state folder cannot be used."""

    error_id = "serve-bad-folder"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that whoever starts Cadran should know."""

    fr: str
    en: str
    warning: bool = False


def check_folder(var: Path, socket_path: Path) -> None:
    """Make the state folder, for its owner alone. Raises BadFolder."""
    if len(os.fsencode(socket_path)) > LONGEST_SOCKET_PATH:
        raise BadFolder(
            f"the path of the state folder {var} is too long for its sockets: set CADRAN_VAR to a shorter one"
        )
    try:
        for folder in (var, var / "run", var / "log"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        (var / "run" / ".writable").write_text("")
    except OSError as error:
        raise BadFolder(
            f"cannot write in the state folder {var}: {error.strerror}; set CADRAN_VAR to another one"
        ) from error
    if shutil.disk_usage(var).free < LEAST_FREE_BYTES:
        raise BadFolder(f"less than 500 MB are free under {var}: make room, or set CADRAN_VAR to another disk")


def prepare(*, public: bool) -> list[Note]:
    """Databases, brands, decks, demo customers; safe to repeat. Returns what should be told."""
    from django.conf import settings
    from django.db import connections

    main.django_ready()
    try:
        migrate.migrate_all()
        (settings.VAR / "run" / "jobs.ready").unlink(missing_ok=True)
        return []
    finally:
        connections.close_all()
