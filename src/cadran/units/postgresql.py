"""A unit of work in PostgreSQL: one round trip for all its statements, a second connection to read, an advisory lock to own it."""

from __future__ import annotations

import contextlib
import functools
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import errors

from cadran.units import store
from cadran.units.store import Change, Insert, Row, Unit

LOCK = 0x43414452  # with the shard's number, the advisory lock of the owner; the next number is that of the connection that writes
FENCE_S = 10
ENDING_S = 2
ENDED_S = 1
CONNECT_S = 3  # nobody is answered meanwhile
MOST_SHARDS = 16
# One row is looked up at a time, in tables whose statistics lag behind: an index is always right.
_OPTIONS = "-c timezone=UTC -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"
_ONLY_SQLITE = re.compile(r" INDEXED BY \w+")
_ANNOUNCED = 0x43414452 << 32  # and a number: the key of an advisory lock, far from those of owners, which are pairs
_LAST = "SELECT last_value - 1 + is_called::int FROM {sequence}"
_ANNOUNCE = "SELECT pg_advisory_xact_lock_shared({base} + last_value - 1 + is_called::int) FROM {sequence}"
_UNDER_WAY = (
    f"SELECT min((classid::bigint << 32 | objid::bigint) - {_ANNOUNCED}) FROM pg_locks WHERE locktype = 'advisory'"  # noqa: S608
    f" AND objsubid = 1 AND classid::bigint BETWEEN {_ANNOUNCED >> 32} AND {(_ANNOUNCED >> 32) + 0xFFFF}"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class PostgresDatabase:
    """`store.Database` on a server.

    shard: which of the processes that share the database this is. schema: where its own tables lie, beside those of all. numbered: the
    table whose column `position` readers follow while several write (see `settled`). durable: False gives up durability.
    """

    far = True

    def __init__(
        self, url: str, *, shard: int = 0, schema: str = "public", numbered: str = "", durable: bool = True
    ) -> None:
        self._url = url
        self._shard = shard
        self._options = _OPTIONS if schema == "public" else f"{_OPTIONS} -c search_path={schema},public"
        self._numbered = numbered
        self._announce = _ANNOUNCE.format(base=_ANNOUNCED, sequence=f"{numbered}_position_seq")
        self._commit = "on" if durable else "off"
        self._writer: psycopg.Connection[Any] | None = None
        self._prepared: tuple[Unit, Sequence[Insert | Change]] = (Unit(), ())
        self._reader = self._connect()
        self._own()

    def close(self) -> None:
        for connection in (self._writer, self._reader):
            if connection is not None:
                with contextlib.suppress(psycopg.Error):
                    connection.close()

    def rows(self, statement: str, values: Row = ()) -> list[Row]:
        try:
            self._ready()
            return self._reader.execute(_translated(statement), values).fetchall()
        except errors.UndefinedTable as error:
            raise store.NoTables("the charging database has no tables: run `cadran migrate` first") from error
        except psycopg.Error as error:
            raise _lost(error) from error

    def last_number(self, table: str, column: str) -> int:
        kept = f"SELECT coalesce(max({column}), 0) FROM {table}"  # noqa: S608 - constants of the rooms
        erased = f"SELECT last_value - 1 + is_called::int FROM {table}_{column}"  # noqa: S608
        return max(int(self.rows(kept)[0][0]), int(self.rows(erased)[0][0]))

    def write(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        try:
            connection = self._ready()
            with connection.pipeline(), connection.transaction():
                if self._numbered and any(rows and one.table == self._numbered for one, rows in unit.added.items()):
                    connection.execute(self._announce, prepare=True)
                for statement in order:
                    if isinstance(statement, Insert):
                        if rows := unit.added.get(statement):
                            if statement.once:
                                rows = sorted(rows)  # two that add the same rows wait for each other in one order
                            connection.execute(_sql(statement), _arrays(rows, statement.types), prepare=True)
                    elif changes := unit.changed.get(statement):
                        rows = [values + key for key, values in changes.items()]
                        connection.execute(_sql(statement), _arrays(rows, statement.types), prepare=True)
        except errors.IntegrityError as error:
            raise store.Conflict(_name(error)) from error
        except psycopg.Error as error:
            raise _lost(error) from error

    def prepare(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        """Keeps it for `commit`: all of it is one round trip."""
        self._prepared = unit, order

    def commit(self) -> None:
        self.write(*self._prepared)

    def run(self, statements: Sequence[tuple[str, Row]]) -> list[int]:
        try:
            connection = self._ready()
            with connection.transaction():
                return [connection.execute(_translated(text), values).rowcount for text, values in statements]
        except psycopg.Error as error:
            raise _lost(error) from error

    def _ready(self) -> psycopg.Connection[Any]:
        """The connection that writes. Opened again after it broke, as long as the other still holds the lock of the owner."""
        if self._reader.closed or self._reader.broken:
            self._reader = self._connect()
            self._own()
        if self._writer is None or self._writer.closed or self._writer.broken:
            self._writer = self._fenced()
        return self._writer

    def _fenced(self) -> psycopg.Connection[Any]:
        """A connection that writes, once no earlier one does: the server may still be at the last transaction of one whose client is
        gone, and what is read before its end would be wrong afterwards."""
        connection = self._connect()
        try:
            connection.execute(f"SET lock_timeout TO '{FENCE_S}s'")
            connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK + 1, self._shard))
            connection.execute("RESET lock_timeout")
        except psycopg.Error as error:
            connection.close()
            raise _lost(error) from error
        return connection

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                options=self._options,
                application_name="cadran charging",
            )
            connection.execute(f"SET synchronous_commit TO {self._commit}")
        except psycopg.Error as error:
            raise _lost(error) from error
        return connection

    def _own(self) -> None:
        """A lock that dies with the connection that reads: two owners would each trust a memory that the other makes wrong. The server
        notices the end of an earlier owner in its own time, which is waited for."""
        until = time.monotonic() + ENDED_S
        try:
            while not (found := self._try_to_own()) and time.monotonic() < until:
                time.sleep(ENDED_S / 20)
        except psycopg.Error as error:
            self._reader.close()
            raise _lost(error) from error
        if not found:
            self._reader.close()
            raise store.Taken("another charging process owns this database: stop it first, or call it over its socket")

    def _try_to_own(self) -> bool:
        found = self._reader.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK, self._shard)).fetchone()
        return bool(found and found[0])


def settled(execute: Callable[[str], Any], table: str) -> int:
    """Up to which position a table's rows are all there, whatever its several writers are still at: numbers are drawn in one order
    and committed in another, so that a reader who goes on from the highest one seen would miss what is committed after it.

    A writer takes a shared lock on the last number drawn before it draws its own, and keeps it to the end of its transaction. What was
    drawn before the first question below is therefore behind a lock seen by the second, or over. The caller reads the rows afterwards.
    """
    drawn = int(execute(_LAST.format(sequence=f"{table}_position_seq")).fetchone()[0])
    under_way = execute(_UNDER_WAY).fetchone()[0]
    return drawn if under_way is None else min(drawn, int(under_way))


def alone(connection: psycopg.Connection[Any]) -> None:
    """Take the locks of all owners, of as many as there could ever be, for as long as this connection lives; waits a moment for an
    owner that has just ended. Raises Taken."""
    connection.execute(f"SET lock_timeout TO '{ENDING_S}s'")
    for number in range(MOST_SHARDS):
        for lock in (LOCK, LOCK + 1):
            try:
                connection.execute("SELECT pg_advisory_lock(%s, %s)", (lock, number))
            except errors.LockNotAvailable as error:
                raise store.Taken(f"the charging process of shard {number} lives: stop Cadran first") from error
    connection.execute("RESET lock_timeout")


def _lost(error: psycopg.Error) -> store.DatabaseLost:
    return store.DatabaseLost(
        f"PostgreSQL did not take the request: {str(error).splitlines()[0] if str(error) else error!r}"
    )


def _name(error: errors.IntegrityError) -> str:
    """The constraint that refused, or the message of the trigger."""
    return error.diag.constraint_name or error.diag.message_primary or str(error)


def _arrays(rows: Sequence[Row], kinds: Sequence[str]) -> list[str]:
    """Rows as array literals, one for each column: written here, since the driver takes ten times as long."""
    return [_array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]


def _array(column: Sequence[Any], kind: str) -> str:
    if kind == "bytea":
        return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in column]) + "}"
    if kind == "timestamptz":
        return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in column]) + "}"
    if kind != "text":
        return "{" + ",".join(["NULL" if value is None else str(value) for value in column]) + "}"
    if None in column:
        return "{" + ",".join(["NULL" if value is None else f'"{_quoted(value)}"' for value in column]) + "}"
    joined = '","'.join(column)
    if "\\" in joined or joined.count('"') > 2 * (len(column) - 1):
        joined = '","'.join([_quoted(value) for value in column])
    return '{"' + joined + '"}'


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


@functools.cache
def _translated(statement: str) -> str:
    return _ONLY_SQLITE.sub("", statement).replace("COLLATE BINARY", 'COLLATE "C"').replace("?", "%s")


@functools.cache
def _sql(statement: Insert | Change) -> str:
    """Names are constants of the rooms."""
    if isinstance(statement, Insert):
        arrays = ", ".join(f"%s::{kind}[]" for kind in statement.types)
        kept = " ON CONFLICT DO NOTHING" if statement.once else ""
        return f"INSERT INTO {statement.table} ({', '.join(statement.columns)}) SELECT * FROM unnest({arrays}){kept}"  # noqa: S608
    names = (*statement.sets, *statement.adds, *statement.keys)
    arrays = ", ".join(f"%s::{kind}[]" for kind in statement.types)
    given = [f"{name} = new.{name}" for name in statement.sets]
    given += [f"{name} = old.{name} + new.{name}" for name in statement.adds]
    found = " AND ".join(f"old.{name} = new.{name}" for name in statement.keys)
    return (
        f"UPDATE {statement.table} AS old SET {', '.join(given)}"  # noqa: S608
        f" FROM unnest({arrays}) AS new({', '.join(names)}) WHERE {found}"
    )
