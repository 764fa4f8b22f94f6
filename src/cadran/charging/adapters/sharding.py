"""How many processes share the accounts of a PostgreSQL database: read, and raised while none of them lives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

import cadran.policy
from cadran.charging import shards
from cadran.units import postgresql, store
from cadran.units.errors import CadranError

_EVIDENCE = Path(cadran.policy.__path__[0]) / "migrations" / "0002_evidence_postgresql.sql"


class ShardsNotRaised(CadranError):
    """The number of shards cannot become that one now."""

    error_id = "charging-shards-not-raised"


def count(address: str) -> int:
    """How many processes share the database."""
    with psycopg.connect(address, autocommit=True) as connection:
        return _count(connection)


def is_fresh(address: str) -> bool:
    """Whether nobody has a wallet yet: then the number of shards is still free to choose."""
    with psycopg.connect(address, autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM balance_wallet LIMIT 1").fetchone() is None


def raise_to(address: str, wanted: int) -> int:
    """Share the database between so many processes from now on; returns how many it were. The same number again changes nothing.

    Never fewer: what a shard has put on record stays under its name. Raises ShardsNotRaised, also while an owner lives.
    """
    with psycopg.connect(address, autocommit=True) as connection:
        try:
            postgresql.alone(connection)
        except store.Taken as error:
            raise ShardsNotRaised(error.message) from error
        before = _count(connection)
        if not before <= wanted <= shards.MOST:
            raise ShardsNotRaised(
                f"{before} processes share the database: choose from {before} to {shards.MOST}, not {wanted}."
                " It never gets fewer, since each keeps evidence of its own"
            )
        with connection.transaction():
            for number in range(before, wanted):
                schema = sql.Identifier(shards.schema(number))
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
                connection.execute(sql.SQL("SET LOCAL search_path TO {}, public").format(schema))
                connection.execute(_EVIDENCE.read_bytes())
            connection.execute("UPDATE public.charging_sharding SET count = %s", (wanted,))
        return before


def _count(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count FROM charging_sharding").fetchone()
    return int(row[0]) if row else 1
