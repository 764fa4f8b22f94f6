"""The database files that hold evidence, and the statements that read them.

`settings.EVIDENCE_FILES` names each file and its database alias; the name stands in every leaf, so it never changes. Where charging is
shared by several processes, each keeps tables of its own: `charging-1` is the second one's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.db import connections

from cadran.policy.proof import rules
from cadran.policy.proof.journal import Execute

HOUSE = "house"
_TABLE = re.compile(r"\bevidence_(?:commitment|body|key|start)\b")
_ENTRIES = "SELECT position, at, kind, holder, commitment FROM evidence_commitment WHERE position > ? ORDER BY position LIMIT ?"
_SEALS = "SELECT number, body, hash, signature, leaves FROM evidence_seal WHERE number > ? AND number <= ? ORDER BY number LIMIT 50"
CHUNK = 1000


def sources() -> Mapping[str, str]:
    """The name of each file with evidence, in the order in which seals take them, and its database alias."""
    found: dict[str, str] = settings.EVIDENCE_FILES
    return found


def execute(source: str) -> Execute:
    """The `execute` of a file's connection, inside its present transaction."""
    connection = connections[sources()[source]]
    connection.ensure_connection()
    raw: Any = connection.connection
    if connection.vendor != "postgresql":
        run: Execute = raw.execute
        return run
    return lambda statement, values=(): raw.execute(_placed(statement, source), values)


def table(source: str, name: str) -> str:
    """The name of a table of evidence for that source; those of the further shards of charging lie in a schema each."""
    return f"{source.replace('-', '_')}.{name}" if "-" in source else name


@functools.lru_cache(maxsize=512)
def _placed(statement: str, source: str) -> str:
    return _TABLE.sub(lambda found: table(source, found[0]), statement.replace("?", "%s"))


def entries_after(run: Execute, source: str, position: int, limit: int) -> list[rules.Entry]:
    """The entries that follow a position, in order, at most `limit`."""
    return [rules.Entry(source, *row) for row in run(_ENTRIES, (position, limit)).fetchall()]


def last_position(run: Execute) -> int:
    return int(run("SELECT coalesce(max(position), 0) FROM evidence_commitment").fetchone()[0])


def last_seal(run: Execute) -> tuple[int, str, bytes] | None:
    """Number, text and hash of the newest seal."""
    found: tuple[int, str, bytes] | None = run(
        "SELECT number, body, hash FROM evidence_seal ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return found


def seals(run: Execute, *, first: int = 1, last: int | None = None) -> Iterator[tuple[Any, ...]]:
    """(number, text, hash, signature, leaves) of the seals from `first` to `last`, in order, read in parts."""
    number = first - 1
    while True:
        part = run(_SEALS, (number, 2**62 if last is None else last)).fetchall()
        if not part:
            return
        yield from part
        number = part[-1][0]


def seal_of(run: Execute, source: str, position: int) -> rules.Seal | None:
    """The seal that covers an entry; None while there is none. Found by halving."""
    newest = last_seal(run)
    low, high = 1, newest[0] if newest else 0
    while low <= high:
        middle = (low + high) // 2
        row = run("SELECT body FROM evidence_seal WHERE number = ?", (middle,)).fetchone()
        if row is None:
            return None
        seal = rules.Seal.read(row[0])
        span = seal.span(source)
        if position > span.last:
            low = middle + 1
        elif position <= span.after:
            high = middle - 1
        else:
            return seal
    return None


def started(source: str, name: str) -> int:
    """The last position of a table before evidence began."""
    row = execute(source)("SELECT after FROM evidence_start WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0
