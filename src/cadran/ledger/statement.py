"""The movements of one owner's accounts whose names begin alike, in order of time, each with the balance after it.

Transfers of one reservation are one movement: a call paid from two buckets is one line. Held money is no movement.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connections, router

from cadran.ledger import models
from cadran.ledger.adapters.sqlite import text
from cadran.units.errors import CadranError

MAX_LINES = 500
# One movement a row: `sign` tells whether the money came to the accounts or left them.
_MOVEMENTS = """
    SELECT movement, reason, max(at) AS at, sum(sign * amount_micros) AS micros, max(currency) AS currency,
        json_group_array(transfer) AS transfers
    FROM (
        SELECT transfer, reason, at, amount_micros, currency,
            CASE WHEN kind = 'post' THEN reservation ELSE transfer END AS movement,
            CASE WHEN credit_owner = owner AND substr(credit_name, 1, length(%s)) = %s THEN 1 ELSE 0 END
                - CASE WHEN debit_owner = owner AND substr(debit_name, 1, length(%s)) = %s THEN 1 ELSE 0 END AS sign
        FROM ledger_transfer WHERE owner = %s AND kind IN ('posted', 'post')
    ) AS moved WHERE sign <> 0 GROUP BY movement, reason
"""
_LINES = """
    SELECT movement, reason, at, micros, currency, transfers, after FROM (
        SELECT *, sum(micros) OVER (ORDER BY at, movement, reason) AS after FROM ({movements}) AS found
    ) AS lines WHERE at >= %s AND at < %s AND (%s = '' OR movement = %s) ORDER BY at DESC, movement DESC, reason DESC LIMIT %s
"""
_BEFORE = "SELECT coalesce(sum(micros), 0) FROM ({movements}) AS found WHERE at < %s"
_EVER = ("0001-01-01 00:00:00", "9999-12-31 23:59:59")
_FIRST = "SELECT min(at) FROM ledger_transfer WHERE owner = %s AND kind IN ('posted', 'post')"


class UnknownMovement(CadranError):
    """No such movement of that owner."""

    error_id = "ledger-movement-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of a statement. micros: signed, what came or went; after_micros: the balance then."""

    movement: str
    reason: str
    at: datetime
    micros: int
    currency: str
    after_micros: int
    transfers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The movements in [since, until), newest first, between two balances. whole is false when there are more than MAX_LINES."""

    opening_micros: int
    closing_micros: int
    movements: tuple[Movement, ...]
    whole: bool = True


def statement(*, owner: str, prefix: str, since: datetime, until: datetime) -> Statement:
    """What the owner's accounts under `prefix` did in [since, until)."""
    values = [*_named(owner, prefix), text(since), text(until), "", "", MAX_LINES + 1]
    lines = [_movement(row) for row in _rows(_LINES.format(movements=_MOVEMENTS), values)]
    opening = _sum(owner, prefix, since)
    whole = len(lines) <= MAX_LINES
    shown = tuple(lines[:MAX_LINES])
    return Statement(
        opening_micros=opening if whole else shown[-1].after_micros - shown[-1].micros,
        closing_micros=shown[0].after_micros if shown else opening,
        movements=shown,
        whole=whole,
    )


def movement(*, owner: str, prefix: str, movement: str) -> Movement:
    """One movement of the owner. Raises UnknownMovement."""
    values = [*_named(owner, prefix), _EVER[0], _EVER[1], movement, movement, 1]
    for row in _rows(_LINES.format(movements=_MOVEMENTS), values if movement else [*values[:-1], 0]):
        return _movement(row)
    raise UnknownMovement(f"{owner} has no movement {movement[:60]!r}: see the statement")


def first_movement(owner: str) -> datetime | None:
    """When money first moved for that owner."""
    kept = _rows(_FIRST, [owner])[0][0]
    return None if kept is None else _instant(str(kept))


def _sum(owner: str, prefix: str, before: datetime) -> int:
    return int(str(_rows(_BEFORE.format(movements=_MOVEMENTS), [*_named(owner, prefix), text(before)])[0][0]))


def _named(owner: str, prefix: str) -> list[str | int]:
    return [prefix, prefix, prefix, prefix, owner]


def _movement(row: tuple[object, ...]) -> Movement:
    name, reason, at, micros, currency, transfers, after = row
    return Movement(
        movement=str(name),
        reason=str(reason),
        at=_instant(str(at)),
        micros=int(str(micros)),
        currency=str(currency),
        after_micros=int(str(after)),
        transfers=tuple(json.loads(str(transfers))),
    )


def _instant(kept: str) -> datetime:
    return datetime.fromisoformat(kept).replace(tzinfo=UTC)


def _rows(statement: str, values: list[str | int]) -> list[tuple[object, ...]]:
    with connections[router.db_for_read(models.Transfer)].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
