"""What an account's calls came to: pages of the list, totals, who was called, and the calls in progress with their cost so far.

Each read goes through the index of an account's calls by time and stops after LOOKED_AT of them, so that a page costs the same
whether the file holds a thousand calls or millions: no further index slows the writer down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
SIDE_LEGS = "('access-leg', 'callback-leg')"  # the caller's own side of a call
SIDES = frozenset({"access-leg", "callback-leg"})
MAX_LEGS = 100
OUTCOMES = {
    "answered": "disposition IN ('answered', 'delivered')",
    "paid": "disposition IN ('answered', 'delivered') AND cost > 0",
    "free": "disposition IN ('answered', 'delivered') AND cost = 0",
    "refused": "disposition = 'refused'",
    "missed": "disposition NOT IN ('answered', 'delivered', 'refused')",
}
# A call counts as its last correction says. Who called stands in the body alone, so it is read only where it is searched.
_COST = """coalesce((SELECT k.charge_micros FROM charging_cdr AS k WHERE k.account = {of}.account AND k.corrects = {of}.cdr_id
            AND k.corrects <> '' ORDER BY k.position DESC LIMIT 1), {of}.charge_micros)"""
_CALLS = """
    SELECT account, position, ended_at, disposition, direction, number_class, {seconds} AS charged_s, currency, via, family,
        {other} AS other, {cost} AS cost
    FROM charging_cdr AS c INDEXED BY charging_cdr_ended
    WHERE account = %s AND ended_at >= %s AND ended_at < %s AND (ended_at, position) < (%s, %s) AND corrects = '' AND {which}
    ORDER BY ended_at DESC, position DESC LIMIT %s
"""
# The legs of one call are one call: the leg to the correspondent stands for all, the answered one and the last of several.
_LEGS = (
    "FROM charging_cdr AS f WHERE f.account = c.account AND f.family = c.family AND f.family <> '' AND f.corrects = ''"
)
_FIRST_LEG = f"""family = '' OR position = (SELECT f.position {_LEGS}
        ORDER BY f.via IN {SIDE_LEGS}, f.disposition <> 'answered', f.position DESC LIMIT 1)"""
_GROUPED = {
    "which": f"({_FIRST_LEG})",
    "seconds": f"CASE family WHEN '' THEN c.charged_s ELSE (SELECT sum(f.charged_s) {_LEGS} AND f.via NOT IN {SIDE_LEGS}) END",
    "cost": f"CASE family WHEN '' THEN {_COST.format(of='c')} ELSE (SELECT sum({_COST.format(of='f')}) {_LEGS}) END",
}
_EACH = {"which": "1 = 1", "seconds": "charged_s", "cost": _COST.format(of="c")}
_TALKS = {**_EACH, "which": f"via NOT IN {SIDE_LEGS}"}
_DIALLED = "destination"
_OTHER_SIDE = "CASE direction WHEN 'inbound' THEN coalesce(json_extract(body, '$.caller'), '') ELSE destination END"
_OTHER_LEG = """EXISTS (SELECT 1 FROM charging_cdr AS f WHERE f.account = calls.account AND f.family = calls.family
        AND f.family <> '' AND instr(lower(f.destination), %s) > 0)"""
_PAGE = "SELECT position, ended_at, cost FROM ({calls}) AS calls WHERE {wanted} ORDER BY ended_at DESC, position DESC LIMIT %s"
_COUNT = "SELECT count(*) FROM ({calls}) AS calls"
_TOLD = "direction = 'outbound' AND disposition = 'answered'"
_MATCHING = "SELECT count(*) FROM ({calls}) AS calls WHERE {wanted}"
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
    """A call of the list, or one of its legs. micros: what it costs in the end, corrections and all of its legs included.

    legs: those of a call of several, in the order in which they began, `record` being the one that stands for all; empty otherwise.
    """

    record: records.Record
    micros: int
    legs: tuple[Call, ...] = ()

    @property
    def corrected(self) -> bool:
        return any(leg.corrected for leg in self.legs) if self.legs else self.micros != self.record.charge_micros

    @property
    def seconds(self) -> int:
        """Seconds charged, of conversation with whoever was called."""
        talks = [leg.record.charged_s for leg in self.legs if leg.record.via not in SIDES]
        return sum(talks) if self.legs else self.record.charged_s


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
def page(*, account: str, wanted: Wanted, after: str = "", limit: int = 50, grouped: bool = True) -> Page:
    """The wanted calls after a place in the list, newest first; the legs of one call as one, unless not grouped. Raises
    InvalidCursor."""
    limit = min(limit, MAX_PAGE)
    bounds = _bounds(account, wanted, after)
    where, values, calls = _where(wanted, grouped)
    looked_at = LOOKED_AT if where != ANY else limit + 1
    rows = _rows(_PAGE.format(calls=calls, wanted=where), [*bounds, looked_at, *values, limit + 1])
    bodies = models.Cdr.objects.filter(position__in=[row[0] for row in rows[:limit]]).values_list("position", "body")
    kept = dict(bodies)
    found = tuple(Call(decode_record(kept[position]), int(cost)) for position, _, cost in rows[:limit])
    found = with_legs(account, found) if grouped else found
    if len(rows) > limit:
        position, ended_at, _ = rows[limit - 1]
        return Page(found, _cursor(ended_at, position))
    if where == ANY or _rows(_COUNT.format(calls=calls), [*bounds, LOOKED_AT])[0][0] < LOOKED_AT:
        return Page(found, "")
    return Page(found, _cursor(*_rows(_LAST.format(calls=calls), [*bounds, LOOKED_AT])[0]), partly=True)


def each(*, account: str, wanted: Wanted, most: int) -> Iterator[Call]:
    """The wanted calls one after another, each leg for itself, newest first, at most `most`: for a download."""
    after, given = "", 0
    while given < most:
        found = page(account=account, wanted=wanted, after=after, limit=min(MAX_PAGE, most - given), grouped=False)
        yield from found.calls
        given, after = given + len(found.calls), found.after
        if not after:
            return


@carries("IPP-10.1-consumption")
def totals(*, account: str, wanted: Wanted) -> Totals:
    """How many of the wanted calls there are, how long and for how much."""
    where, values, listed = _where(wanted, True)
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
    rows = _rows(_CALLEES.format(calls=_CALLS.format(other=_DIALLED, **_TALKS)), [*bounds, LOOKED_AT, limit])
    return tuple(Callee(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class Statement:
    """What an account's calls came to: how many were answered, what they cost, and the last of them, newest first. whole is false
    where there are more than LOOKED_AT records: then the newest of them are counted."""

    calls: int
    micros: int
    currency: str
    last: tuple[Call, ...]
    whole: bool


@carries("KRY-4.4.1-phone-statement")
def told(*, account: str, last: int = 5) -> Statement:
    """The figures that are read out to a caller: answered calls to somebody, each counted once. Several calls of one visit to an
    access number are several; the caller's own leg is none, but its cost is in `micros`."""
    wanted = Wanted(direction="outbound", outcome="answered")
    found = totals(account=account, wanted=wanted)
    talks, bounds = _CALLS.format(other=_DIALLED, **_TALKS), [*_bounds(account, wanted, ""), LOOKED_AT]
    count = _rows(_MATCHING.format(calls=talks, wanted=_TOLD), bounds)[0][0]
    rows = _rows(_PAGE.format(calls=talks, wanted=_TOLD), [*bounds, last])
    bodies = models.Cdr.objects.filter(position__in=[row[0] for row in rows]).values_list("position", "body")
    kept = dict(bodies)
    newest = tuple(Call(decode_record(kept[position]), int(cost)) for position, _ended, cost in rows)
    return Statement(int(count), found.micros, found.currency, newest, found.whole)


def with_legs(account: str, calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Those calls with the legs of each that has several."""
    families = {call.record.family for call in calls} - {""}
    if not families:
        return calls
    rows = models.Cdr.objects.filter(account=account, family__in=families, corrects="").order_by("position")
    legs: dict[str, list[Call]] = {}
    for body in rows.values_list("body", flat=True)[: MAX_LEGS * len(families)]:
        record = decode_record(body)
        legs.setdefault(record.family, []).append(Call(record, record.charge_micros))
    for correction in (
        models.Cdr.objects.filter(account=account, family__in=families).exclude(corrects="").order_by("position")
    ):
        legs[correction.family] = [
            replace(leg, micros=correction.charge_micros) if leg.record.cdr_id == correction.corrects else leg
            for leg in legs.get(correction.family, [])
        ]
    for several in legs.values():
        several.sort(key=lambda leg: (leg.record.authorised_at, leg.record.via not in SIDES))
    return tuple(replace(call, legs=tuple(legs.get(call.record.family, ()))) for call in calls)


def legs(account: str, family: str) -> tuple[Call, ...]:
    """The legs of one call in the order in which they began; none for a call of one leg."""
    if not family:
        return ()
    rows = (
        models.Cdr.objects.filter(account=account, family=family, corrects="").exclude(family="").order_by("position")
    )
    first = rows.values_list("body", flat=True).first()
    return with_legs(account, (Call(decode_record(first), 0),))[0].legs if first else ()


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


def _where(wanted: Wanted, grouped: bool) -> tuple[str, list[Value], str]:
    """The condition on a call, its values, and the statement that gives the calls it is put to."""
    parts: list[str] = []
    values: list[Value] = []
    if wanted.direction in rules.DIRECTIONS:
        parts.append("direction = %s")
        values.append(wanted.direction)
    if wanted.outcome in OUTCOMES:
        parts.append(OUTCOMES[wanted.outcome])
    if wanted.number:
        parts.append(f"(instr(lower(other), %s) > 0 OR {_OTHER_LEG})")
        values += [wanted.number.lower()] * 2
    shape = _GROUPED if grouped else _EACH
    return " AND ".join(parts) or ANY, values, _CALLS.format(other=_OTHER_SIDE if wanted.number else _DIALLED, **shape)


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
