"""What an account's calls came to: pages of the list, totals, who was called, and the calls in progress with their cost so far.

Each read goes through the index of an account's calls by time and stops after LOOKED_AT of them, so that a page costs the same
whether the file holds a thousand calls or millions: no further index slows the writer down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, router

from cadran.charging import models, records, rules
from cadran.charging.adapters.sqlite import decode_record, decode_session
from cadran.ledger.adapters.sqlite import text
from cadran.units.clause import carries
from cadran.units.errors import InvalidInput

LOOKED_AT = 20_000
MAX_PAGE = 500
ANY = "1 = 1"
Value = str | int
OUTCOMES = {
    "paid": "disposition IN ('answered', 'delivered') AND cost > 0",
    "free": "disposition IN ('answered', 'delivered') AND cost = 0",
    "refused": "disposition = 'refused'",
    "missed": "disposition NOT IN ('answered', 'delivered', 'refused')",
}
# A call counts as its last correction says. Who called stands in the body alone, so it is read only where it is searched.
_CALLS = """
    SELECT position, ended_at, disposition, direction, number_class, charged_s, currency, {other} AS other,
        coalesce((SELECT k.charge_micros FROM charging_cdr AS k WHERE k.account = c.account AND k.corrects = c.cdr_id
            AND k.corrects <> '' ORDER BY k.position DESC LIMIT 1), charge_micros) AS cost
    FROM charging_cdr AS c INDEXED BY charging_cdr_ended
    WHERE account = %s AND ended_at >= %s AND ended_at < %s AND (ended_at, position) < (%s, %s) AND corrects = ''
    ORDER BY ended_at DESC, position DESC LIMIT %s
"""
_DIALLED = "destination"
_OTHER_SIDE = "CASE direction WHEN 'inbound' THEN coalesce(json_extract(body, '$.caller'), '') ELSE destination END"
_PAGE = "SELECT position, ended_at, cost FROM ({calls}) AS calls WHERE {wanted} ORDER BY ended_at DESC, position DESC LIMIT %s"
_COUNT = "SELECT count(*) FROM ({calls}) AS calls"
_LAST = "SELECT ended_at, position FROM ({calls}) AS calls ORDER BY ended_at, position LIMIT 1"
_TOTALS = """
    SELECT count(*), count(*) FILTER (WHERE disposition = 'answered'), count(*) FILTER (WHERE disposition = 'answered' AND cost > 0),
        count(*) FILTER (WHERE disposition = 'answered' AND cost = 0), count(*) FILTER (WHERE disposition = 'refused'),
        sum(CASE WHEN disposition = 'answered' THEN charged_s ELSE 0 END), sum(cost), max(currency)
    FROM ({calls}) AS calls WHERE {wanted}
"""
_CALLEES = """
    SELECT other, count(*), sum(charged_s), sum(cost), max(currency), max(number_class) FROM ({calls}) AS calls
    WHERE disposition = 'answered' AND direction = 'outbound' GROUP BY other ORDER BY sum(charged_s) DESC, other LIMIT %s
"""
_OPEN = """
    SELECT state, body, granted_s, final, held_micros, seq, used_s, cdr_id
    FROM charging_session INDEXED BY charging_session_open WHERE state = 'open' AND account = %s ORDER BY opened_at LIMIT 100
"""
_FIRST, _LATEST, _MOST = "0001-01-01 00:00:00", "9999-12-31 23:59:59", 2**63 - 1


class InvalidCursor(InvalidInput):
    """A place in the list that this program did not give."""

    error_id = "charging-cursor-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which calls: that ended in [since, until); direction outbound, inbound or empty; outcome one of OUTCOMES or empty; number:
    digits or text within the other side's number."""

    since: datetime | None = None
    until: datetime | None = None
    direction: str = ""
    outcome: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the list. micros: what it costs in the end, corrections included."""

    record: records.Record
    micros: int

    @property
    def corrected(self) -> bool:
        return self.micros != self.record.charge_micros


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls, the newest first. after: where the next page begins, empty at the end. partly: LOOKED_AT calls were looked at and
    there are more: the next page goes on from there, though this one may not be full."""

    calls: tuple[Call, ...]
    after: str
    partly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the wanted calls come to. whole is false when there are more than LOOKED_AT: then the newest of them are counted."""

    calls: int = 0
    answered: int = 0
    paid: int = 0
    free: int = 0
    refused: int = 0
    seconds: int = 0
    micros: int = 0
    currency: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Callee:
    """A number called: how often, how long, for how much."""

    number: str
    calls: int
    seconds: int
    micros: int
    currency: str
    number_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A call in progress. seconds: measured so far, whole, 0 while it rings; outcome: what it would be if it ended there."""

    session: rules.Session
    answered: bool
    seconds: int
    outcome: rules.Outcome

    @property
    def micros(self) -> int:
        return self.outcome.micros


@carries("IPP-10.1-consumption", "IPP-1d-dashboard")
def page(*, account: str, wanted: Wanted, after: str = "", limit: int = 50) -> Page:
    """The wanted calls after a place in the list, newest first. Raises InvalidCursor."""
    limit = min(limit, MAX_PAGE)
    bounds = _bounds(account, wanted, after)
    where, values, calls = _where(wanted)
    looked_at = LOOKED_AT if where != ANY else limit + 1
    rows = _rows(_PAGE.format(calls=calls, wanted=where), [*bounds, looked_at, *values, limit + 1])
    bodies = models.Cdr.objects.filter(position__in=[row[0] for row in rows[:limit]]).values_list("position", "body")
    kept = dict(bodies)
    found = tuple(Call(decode_record(kept[position]), int(cost)) for position, _, cost in rows[:limit])
    if len(rows) > limit:
        position, ended_at, _ = rows[limit - 1]
        return Page(found, _cursor(ended_at, position))
    if where == ANY or _rows(_COUNT.format(calls=calls), [*bounds, LOOKED_AT])[0][0] < LOOKED_AT:
        return Page(found, "")
    return Page(found, _cursor(*_rows(_LAST.format(calls=calls), [*bounds, LOOKED_AT])[0]), partly=True)


def each(*, account: str, wanted: Wanted, most: int) -> Iterator[Call]:
    """The wanted calls one after another, newest first, at most `most`: for a download."""
    after, given = "", 0
    while given < most:
        found = page(account=account, wanted=wanted, after=after, limit=min(MAX_PAGE, most - given))
        yield from found.calls
        given, after = given + len(found.calls), found.after
        if not after:
            return


@carries("IPP-10.1-consumption")
def totals(*, account: str, wanted: Wanted) -> Totals:
    """How many of the wanted calls there are, how long and for how much."""
    where, values, listed = _where(wanted)
    bounds = [*_bounds(account, wanted, ""), LOOKED_AT]
    row = _rows(_TOTALS.format(calls=listed, wanted=where), [*bounds, *values])[0]
    whole = _rows(_COUNT.format(calls=listed), bounds)[0][0] < LOOKED_AT
    calls, answered, paid, free, refused, seconds, micros = (int(value or 0) for value in row[:7])
    return Totals(
        calls=calls,
        answered=answered,
        paid=paid,
        free=free,
        refused=refused,
        seconds=seconds,
        micros=micros,
        currency=row[7] or "",
        whole=whole,
    )


@carries("IPP-10.1-consumption")
def callees(*, account: str, wanted: Wanted, limit: int = 10) -> tuple[Callee, ...]:
    """The numbers that were called and answered, the longest talked to first."""
    bounds = _bounds(account, wanted, "")
    rows = _rows(_CALLEES.format(calls=_CALLS.format(other=_DIALLED)), [*bounds, LOOKED_AT, limit])
    return tuple(Callee(*row) for row in rows)


@carries("IPP-10.1-consumption")
def live(*, account: str, measured_ms: Mapping[str, int]) -> tuple[Live, ...]:
    """The calls in progress with their cost so far: rating on what was measured, by the arithmetic of the final charge.

    measured_ms: the milliseconds since the answer of the calls that were answered, by session.
    """
    found = []
    for row in _rows(_OPEN, [account]):
        session = decode_session(row)
        if session.event is not None:
            continue
        key = session.request.session
        used_ms = max(measured_ms.get(key, 0), session.used_s * 1000)
        answered = key in measured_ms or session.used_s > 0
        outcome = rules.outcome(session, answered, used_ms)
        found.append(Live(session=session, answered=answered, seconds=outcome.charged_s, outcome=outcome))
    return tuple(found)


def open_sessions(account: str) -> tuple[str, ...]:
    """The keys of the account's calls in progress."""
    return tuple(models.Session.objects.filter(state="open", account=account).values_list("session", flat=True)[:100])


def _where(wanted: Wanted) -> tuple[str, list[Value], str]:
    """The condition on a call, its values, and the statement that gives the calls it is put to."""
    parts: list[str] = []
    values: list[Value] = []
    if wanted.direction in rules.DIRECTIONS:
        parts.append("direction = %s")
        values.append(wanted.direction)
    if wanted.outcome in OUTCOMES:
        parts.append(OUTCOMES[wanted.outcome])
    if wanted.number:
        parts.append("instr(lower(other), %s) > 0")
        values.append(wanted.number.lower())
    return " AND ".join(parts) or ANY, values, _CALLS.format(other=_OTHER_SIDE if wanted.number else _DIALLED)


def _bounds(account: str, wanted: Wanted, after: str) -> list[Value]:
    since = text(wanted.since) if wanted.since else _FIRST
    until = text(wanted.until) if wanted.until else _LATEST
    ended_at, position = _place(after) if after else (_LATEST, _MOST)
    return [account, since, until, ended_at, position]


def _cursor(ended_at: str, position: int) -> str:
    return f"{ended_at}~{position}".replace(" ", "T")


def _place(cursor: str) -> tuple[str, int]:
    ended_at, tilde, position = cursor.partition("~")
    try:
        if not tilde or not (position.isascii() and position.isdigit() and len(position) < 19):
            raise ValueError(cursor)
        datetime.fromisoformat(ended_at)
    except ValueError:
        raise InvalidCursor("give the place that the last page named, or none to begin anew") from None
    return ended_at.replace("T", " "), int(position)


def _rows(statement: str, values: list[Value]) -> list[tuple[Any, ...]]:
    with connections[router.db_for_read(models.Cdr)].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
