"""Calls of all accounts, for staff: newest first, a page at a time, each page bounded whatever the filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import connections, router

from cadran.charging import models, records
from cadran.charging.adapters.sqlite import decode_record
from cadran.ledger.adapters.sqlite import instant, text
from cadran.rating import rules as rating
from cadran.rating.rules import Rate

WINDOW = 20_000
MAX_ROWS = 500
WHOLE_NUMBER = 8  # digits from which a number is looked up by its index instead of filtered


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the instant at which its last call ended, and that call's position."""

    ended_at: datetime
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which calls. Empty values do not filter; brands empty: all of them. `destination` is a prefix (digits, or an address)."""

    brands: Sequence[str] = ()
    account: str = ""
    destination: str = ""
    disposition: str = ""
    ended_by: str = ""
    direction: str = ""
    number_class: str = ""
    clause: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of calls. `further`: from where to go on, None at the end. `looked_back_to`: where the search of a rare thing paused
    before the page was full, so that no page takes long."""

    records: tuple[records.Record, ...]
    further: Place | None
    looked_back_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call in progress. used_s: seconds measured at the last heartbeat, 0 before the answer."""

    session: str
    account: str
    brand: str
    terms: str
    direction: str
    number_class: str
    caller: str
    shown: str
    destination: str
    opened_at: datetime
    granted_s: int | None
    used_s: int
    held_micros: int
    currency: str
    rate: Rate | None = None
    decision: dict[str, Any] = field(default_factory=dict)

    def cost(self, seconds: int) -> int:
        """What so many seconds of it cost, in micros, at the price of its start; 0 for a free call."""
        return rating.charge(self.rate, seconds, self.opened_at).micros if self.rate and seconds else 0


def calls(wanted: Wanted, *, after: Place | None = None, limit: int = 50) -> Page:
    """The calls that fit, from `after` on back in time. At most WINDOW calls are looked at for one page."""
    limit = min(limit, MAX_ROWS)
    index, conditions, values = _where(wanted)
    if after is not None:
        conditions.append("ended_at <= %s AND NOT (ended_at = %s AND position >= %s)")
        values += [text(after.ended_at), text(after.ended_at), after.position]
    filters, more = _filters(wanted)
    start = f"FROM charging_cdr INDEXED BY {index} WHERE {' AND '.join(conditions or ['1 = 1'])}"
    edge = None
    if filters and (edge := _edge(start, values)):
        conditions = [*conditions, "ended_at >= %s AND NOT (ended_at = %s AND position < %s)", *filters]
        values = [*values, edge[0], edge[0], edge[1], *more]
    else:
        conditions, values = conditions + filters, values + more
    body = f"FROM charging_cdr INDEXED BY {index} WHERE {' AND '.join(conditions or ['1 = 1'])}"
    rows = _rows(
        f"SELECT ended_at, position, body {body} ORDER BY ended_at DESC, position DESC LIMIT {limit + 1}",
        values,
    )
    found = tuple(decode_record(row[2]) for row in rows[:limit])
    if len(rows) > limit:
        return Page(records=found, further=Place(instant(rows[limit - 1][0]), rows[limit - 1][1]))
    if edge is None:
        return Page(records=found, further=None)
    return Page(records=found, further=Place(instant(edge[0]), edge[1]), looked_back_to=instant(edge[0]))


def by_id(cdr_id: str) -> records.Record | None:
    """The record of that id, or None."""
    rows = _rows("SELECT body FROM charging_cdr INDEXED BY charging_cdr_id WHERE cdr_id = %s LIMIT 1", [cdr_id])
    return decode_record(rows[0][0]) if rows else None


def sought(text_typed: str, *, limit: int = 8) -> tuple[records.Record, ...]:
    """Records whose id, session or SIP Call-ID is exactly that, or whose id begins so."""
    ids = "SELECT body FROM charging_cdr INDEXED BY charging_cdr_id WHERE cdr_id >= %s AND cdr_id < %s LIMIT %s"
    rows = _rows(ids, [text_typed, text_typed + "\U0010ffff", limit]) if text_typed.startswith("cdr_") else []
    if not rows:
        rows = _rows(
            "SELECT body FROM charging_cdr INDEXED BY charging_cdr_call WHERE call_id = %s AND call_id <> '' LIMIT %s",
            [text_typed, limit],
        )
    if not rows and (session := models.Session.objects.filter(session=text_typed).first()) is not None:
        rows = _rows(
            "SELECT body FROM charging_cdr WHERE account = %s AND session = %s LIMIT %s",
            [session.account, text_typed, limit],
        )
    return tuple(decode_record(row[0]) for row in rows)


def live(*, brands: Sequence[str] = (), account: str = "", limit: int = 200) -> tuple[LiveCall, ...]:
    """Calls in progress, the newest first."""
    rows = models.Session.objects.filter(state="open")
    if account:
        rows = rows.filter(account=account)
    found = []
    for row in rows.order_by("-opened_at")[:2000]:
        body = msgspec.json.decode(row.body)
        if brands and body["brand"] not in brands:
            continue
        if body.get("event"):
            continue
        asked = body["request"]
        found.append(
            LiveCall(
                session=row.session,
                account=row.account,
                brand=body["brand"],
                terms=asked["terms"],
                direction=asked.get("direction", "outbound"),
                number_class=asked["number_class"],
                caller=asked.get("caller", ""),
                shown=asked.get("shown", ""),
                destination=asked["destination"],
                opened_at=row.opened_at,
                granted_s=row.granted_s,
                used_s=row.used_s,
                held_micros=row.held_micros,
                currency=body.get("currency", ""),
                rate=msgspec.convert(body["rate"], Rate) if body.get("rate") else None,
                decision=body.get("decision") or {},
            )
        )
        if len(found) >= limit:
            break
    return tuple(found)


def _where(wanted: Wanted) -> tuple[str, list[str], list[Any]]:
    """The index to walk and what it narrows by itself."""
    conditions, values = list[str](), list[Any]()
    index = "charging_cdr_when"
    if wanted.account:
        index, conditions, values = "charging_cdr_ended", ["account = %s"], [wanted.account]
    elif wanted.destination.isdigit() and len(wanted.destination) >= WHOLE_NUMBER:
        index, conditions, values = "charging_cdr_destination", ["destination = %s"], [wanted.destination]
    for sign, instant_given in ((">=", wanted.since), ("<", wanted.until)):
        if instant_given is not None:
            conditions.append(f"ended_at {sign} %s")
            values.append(text(instant_given))
    return index, conditions, values


def _filters(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """What each call is looked at for."""
    conditions, values = list[str](), list[Any]()
    if wanted.brands:
        conditions.append(f"brand IN ({', '.join(['%s'] * len(wanted.brands))})")
        values += wanted.brands
    by_index = wanted.destination.isdigit() and len(wanted.destination) >= WHOLE_NUMBER and not wanted.account
    if wanted.destination and not by_index:
        conditions.append("destination >= %s AND destination < %s")
        values += [wanted.destination, wanted.destination + "\U0010ffff"]
    for name in ("disposition", "ended_by", "direction", "number_class", "clause"):
        if value := getattr(wanted, name):
            conditions.append(f"{name} = %s")
            values.append(value)
    return conditions, values


def _edge(start: str, values: list[Any]) -> tuple[str, int] | None:
    """The call WINDOW further back along the index, or None when there are fewer. The index alone is read."""
    rows = _rows(
        f"SELECT ended_at, position {start} ORDER BY ended_at DESC, position DESC LIMIT 1 OFFSET {WINDOW}", values
    )
    return rows[0] if rows else None


def _rows(statement: str, values: Sequence[Any]) -> list[Any]:
    with connections[router.db_for_read(models.Cdr)].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
