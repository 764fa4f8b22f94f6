"""Reading the money's database beside everything that writes it: plain rows, SQLite's or PostgreSQL's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

CHUNK = 2000


class Reader(Protocol):
    """One connection and one snapshot: whatever is written meanwhile is not seen. Statements have no arguments."""

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]: ...
    def one(self, statement: str) -> Any: ...
    def close(self) -> None: ...


class SqliteReader:
    """Reads the file as it lies there; what a killed writer left in its log counts, as it does for the next writer."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._connection.execute("PRAGMA query_only=ON")
        self._connection.execute("BEGIN")

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        cursor = self._connection.execute(statement)
        while part := cursor.fetchmany(CHUNK):
            yield from part

    def one(self, statement: str) -> Any:
        row = self._connection.execute(statement).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        self._connection.close()


class PostgresqlReader:
    """Reads a database by its address (`postgresql://...`)."""

    def __init__(self, address: str) -> None:
        import psycopg

        self._connection = psycopg.connect(address)
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement.encode())
            while part := cursor.fetchmany(CHUNK):
                yield from part

    def one(self, statement: str) -> Any:
        with self._connection.cursor() as cursor:
            row = cursor.execute(statement.encode()).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        self._connection.close()
