"""Books in a file or in memory, with the schema of the migration."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import cadran.ledger
from cadran.ledger.schema import statements


def fresh_books(path: str | Path = ":memory:") -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for file in ("0001_sqlite.sql", "0003_unit_of_work.sql", "0004_sqlite.sql"):
        for statement in statements(Path(cadran.ledger.__path__[0]) / "migrations" / file):
            connection.execute(statement)
    return connection
