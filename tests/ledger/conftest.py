"""Books of their own for each test."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from ledger_rig import fresh_books

from cadran.ledger.adapters.sqlite import SqliteBooks


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = fresh_books()
    yield connection
    connection.close()


@pytest.fixture
def books(connection: sqlite3.Connection) -> SqliteBooks:
    return SqliteBooks(connection)
