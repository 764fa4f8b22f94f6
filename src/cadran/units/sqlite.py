"""A unit of work in an SQLite file: one connection that writes, one that reads beside it, and a lock on the file."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from cadran.units import store
from cadran.units.store import Change, Insert, Row, Unit

CACHE_KB = 16_384  # full after some thousand calls, so that memory stays level from then on
CHECKPOINT_PAGES = 8_000


class SqliteDatabase:
    """`store.Database` on a file that nobody else may write. synchronous: anything but FULL gives up durability."""

    far = False

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        self._owned = _own(path)
        self._name = path.name
        self._writer = _connect(path, synchronous)
        self._reader = _connect(path, synchronous)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        owned, self._owned = self._owned, -1
        if owned >= 0:
            os.close(owned)

    def rows(self, statement: str, values: Row = ()) -> list[Row]:
        try:
            return self._reader.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._lost(error) from error

    def last_number(self, table: str, column: str) -> int:
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return int(rows[0][0]) if rows else 0

    def write(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        self.prepare(unit, order)
        self.commit()

    def prepare(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        with self._undone():
            self._writer.execute("BEGIN IMMEDIATE")
            write_rows(self._writer, unit, order)

    def commit(self) -> None:
        with self._undone():
            self._writer.execute("COMMIT")

    @contextlib.contextmanager
    def _undone(self) -> Iterator[None]:
        """What fails inside takes the whole transaction with it."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            self._back()
            raise conflict(error) from error
        except sqlite3.Error as error:
            self._back()
            raise self._lost(error) from error
        except BaseException:
            self._back()
            raise

    def run(self, statements: Sequence[tuple[str, Row]]) -> list[int]:
        try:
            self._writer.execute("PRAGMA secure_delete=ON")
            self._writer.execute("BEGIN IMMEDIATE")
            counts = [self._writer.execute(statement, values).rowcount for statement, values in statements]
            self._writer.execute("COMMIT")
            self._writer.execute("PRAGMA secure_delete=OFF")
        except sqlite3.Error as error:
            self._back()
            raise self._lost(error) from error
        return counts

    def _back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def _lost(self, error: sqlite3.Error) -> store.DatabaseLost | store.NoTables:
        if "no such table" in str(error):
            return store.NoTables(f"{self._name} has no tables: run `cadran migrate` first")
        return store.DatabaseLost(f"{self._name} did not take the request: {error}")


class SqliteConnection:
    """`store.Database` on a connection whose transactions belong to the caller: rows are written at once, and may be rolled back."""

    far = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Row = ()) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    def last_number(self, table: str, column: str) -> int:
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return int(rows[0][0]) if rows else 0

    def write(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        try:
            write_rows(self._connection, unit, order)
        except sqlite3.IntegrityError as error:
            raise conflict(error) from error

    def prepare(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        self.write(unit, order)

    def commit(self) -> None:
        """The caller commits."""

    def run(self, statements: Sequence[tuple[str, Row]]) -> list[int]:
        return [self._connection.execute(statement, values).rowcount for statement, values in statements]

    def close(self) -> None:
        """The connection belongs to the caller."""


def write_rows(connection: sqlite3.Connection, unit: Unit, order: Sequence[Insert | Change]) -> None:
    """The rows of a unit inside the present transaction, each statement once for all of its rows."""
    for statement in order:
        if isinstance(statement, Insert):
            if rows := unit.added.get(statement):
                connection.executemany(_sql(statement), rows)
        elif changes := unit.changed.get(statement):
            connection.executemany(_sql(statement), [values + key for key, values in changes.items()])


def conflict(error: sqlite3.IntegrityError) -> store.Conflict:
    """What the database refused, by the name of the constraint or the message of the trigger."""
    return store.Conflict(str(error).rpartition(": ")[2])


@functools.cache
def _sql(statement: Insert | Change) -> str:
    """Names are constants of the rooms."""
    if isinstance(statement, Insert):
        places = ", ".join("?" * len(statement.columns))
        return f"INSERT INTO {statement.table} ({', '.join(statement.columns)}) VALUES ({places})"  # noqa: S608
    given = [f"{name} = ?" for name in statement.sets] + [f"{name} = {name} + ?" for name in statement.adds]
    found = " AND ".join(f"{name} = ?" for name in statement.keys)
    return f"UPDATE {statement.table} SET {', '.join(given)} WHERE {found}"  # noqa: S608


def _own(path: Path) -> int:
    """A lock that dies with the process: two owners would each trust a memory that the other makes wrong. Raises Taken."""
    handle = os.open(path.with_name(path.name + ".owner"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise store.Taken(
            f"another charging process owns {path.name}: stop it first, or call it over its socket"
        ) from error
    return handle


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if synchronous == 'FULL' else 'OFF'}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA recursive_triggers=ON")
    connection.execute("PRAGMA busy_timeout=10000")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    return connection
