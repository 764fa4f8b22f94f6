"""One consistent copy of the three databases while they are in use, and the exchange of two state folders."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from cadran.units import errors

DATABASES = ("cadran.db", "charging.db", "voice.db")
WAIT_S = 10.0
_AT_FDCWD, _EXCHANGE = -100, 2


class DatabaseDamaged(errors.CadranError):
    """A database file fails SQLite's own check."""

    error_id = "backup-database-damaged"


class DatabaseBusy(errors.CadranError):
    """A database stayed locked for too long."""

    error_id = "backup-database-busy"


def copy(var: Path, into: Path) -> tuple[str, ...]:
    """Copy each database of `var` that exists to `into`, all as of one instant; returns their names.

    Writers of the three files are held off for the moment in which a read transaction is opened on each; then they go on,
    while the copies are taken from what those transactions see. Raises DatabaseBusy.
    """
    names = tuple(name for name in DATABASES if (var / name).exists())
    with contextlib.ExitStack() as stack:
        readers = {name: stack.enter_context(_opened(var / name)) for name in names}
        with contextlib.ExitStack() as held:
            for name in names:
                writer = held.enter_context(_opened(var / name))
                try:
                    writer.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    raise DatabaseBusy(f"{name} stayed locked for {WAIT_S:.0f} s ({error}): try again") from None
            for reader in readers.values():
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        for name, reader in readers.items():
            os.close(os.open(into / name, os.O_CREAT | os.O_EXCL, 0o600))
            with contextlib.closing(sqlite3.connect(into / name)) as target:
                reader.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")
    return names


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)) as connection:
        yield connection


def check(folder: Path, names: Sequence[str] = DATABASES) -> None:
    """SQLite's own check of each file and of its foreign keys. Raises DatabaseDamaged."""
    for name in names:
        if not (folder / name).exists():
            continue
        with _opened(folder / name) as connection:
            try:
                found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
                loose = connection.execute("PRAGMA foreign_key_check").fetchone()
            except sqlite3.DatabaseError as error:
                raise DatabaseDamaged(f"{name} cannot be read: {error}") from None
        if found != ["ok"]:
            raise DatabaseDamaged(f"{name} is damaged: {'; '.join(found[:3])}")
        if loose:
            raise DatabaseDamaged(f"{name}: a row of {loose[0]} points to a {loose[2]} that does not exist")


def exchange(one: Path, other: Path) -> None:
    """Swap two folders of one file system in a single step: at no instant is either name missing."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))
