"""Reads of calls and their records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connections, router
from django.db.models import Q, QuerySet

from cadran.charging import models, records, usage
from cadran.charging.adapters.sqlite import decode_record
from cadran.charging.explanation import Explanation
from cadran.ledger import queries as ledger
from cadran.policy.proof import files
from cadran.units import postgresql
from cadran.units.errors import CadranError

MAX_ROWS = 1000
_KEPT = (
    *("session", "call_id", "brand", "terms", "direction", "number_class", "destination", "disposition", "ended_by"),
    *("charged_s", "charge_micros", "currency", "clause", "loss_s", "loss_micros", "corrects", "family", "via"),
)
_LATER = ("family", "via")
_SINCE = "c.position > coalesce((SELECT after FROM evidence_start WHERE name = 'charging_cdr'), 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records a list shows; empty and None leave out no one. Of calls that ended in [since, until), with one of the
    dispositions and classes, to destinations that begin with `destination`, charged or not; the legs of one family."""

    since: datetime | None = None
    until: datetime | None = None
    direction: str = ""
    dispositions: tuple[str, ...] = ()
    number_classes: tuple[str, ...] = ()
    destination: str = ""
    charged: bool | None = None
    family: str = ""


class UnknownCdr(CadranError):
    """No record of that id."""

    error_id = "charging-cdr-unknown"


def cdr(cdr_id: str, *, account: str | None = None) -> records.Record:
    """The record of that id; with `account`, only if it is that account's, and found at once by the key. Without, every account is
    looked through: for staff and commands alone. Raises UnknownCdr."""
    rows = models.Cdr.objects.filter(cdr_id=cdr_id)
    row = (rows if account is None else rows.filter(account=account)).first()
    if row is None:
        raise UnknownCdr(f"no call record {cdr_id!r}: see the identifiers of the customer's calls")
    return decode_record(row.body)


def cdrs(
    *, account: str, limit: int = 50, since: datetime | None = None, until: datetime | None = None
) -> tuple[records.Record, ...]:
    """The newest records of an account, the last first; of calls that ended in [since, until)."""
    rows = models.Cdr.objects.filter(account=account)
    if since is not None:
        rows = rows.filter(ended_at__gte=since)
    if until is not None:
        rows = rows.filter(ended_at__lt=until)
    return tuple(decode_record(row.body) for row in rows.order_by("-ended_at", "-position")[: min(limit, MAX_ROWS)])


def page(
    *, account: str, wanted: Wanted, before: tuple[datetime, int] | None = None, limit: int = 50
) -> tuple[tuple[int, records.Record], ...]:
    """The account's records in the order in which the calls ended, the last first, each with its position; `before` continues
    after the end and position of the last one seen."""
    rows = _wanted(models.Cdr.objects.filter(account=account), wanted)
    if before is not None:
        ended_at, position = before
        rows = rows.filter(ended_at__lte=ended_at).filter(Q(ended_at__lt=ended_at) | Q(position__lt=position))
    rows = rows.order_by("-ended_at", "-position")[: min(limit, MAX_ROWS)]
    return tuple((row.position, decode_record(row.body)) for row in rows.only("position", "body"))


def last_position() -> int:
    """The position of the newest record before which none is still to come, 0 before the first."""
    return _settled().order_by("-position").values_list("position", flat=True).first() or 0


def cdrs_after(position: int, limit: int = MAX_ROWS) -> tuple[tuple[int, records.Record], ...]:
    """Records written after that position, in order, each with its own: how other rooms follow the calls without missing one."""
    rows = _settled().filter(position__gt=position).order_by("position")[: min(limit, MAX_ROWS)]
    return tuple((row.position, decode_record(row.body)) for row in rows)


def of_session(session: str) -> records.Record | None:
    """The record of a session that is over; None while it is open or unknown."""
    row = models.Cdr.objects.filter(session=session, corrects="").first()
    return None if row is None else decode_record(row.body)


def of_sessions(account: str, sessions: Iterable[str]) -> dict[str, records.Record]:
    """The records of those sessions of an account that are over, by session."""
    rows = models.Cdr.objects.filter(account=account, session__in=list(sessions)[:MAX_ROWS], corrects="")
    return {row.session: decode_record(row.body) for row in rows}


def corrections(account: str, cdr_id: str) -> tuple[records.Record, ...]:
    """The records that correct that one, in order."""
    rows = (
        models.Cdr.objects.filter(account=account, corrects=cdr_id).extra(where=["corrects <> ''"]).order_by("position")
    )
    return tuple(decode_record(row.body) for row in rows)


def explanation(cdr_id: str, *, account: str | None = None) -> Explanation:
    """What a call cost and why, with its entries in the ledger; with `account`, only of that account's calls. Raises UnknownCdr."""
    record = cdr(cdr_id, account=account)
    return Explanation(
        record=record,
        legs=ledger.legs(record.account, record.transfers),
        corrections=corrections(record.account, cdr_id),
        family=tuple((leg.record, leg.micros) for leg in usage.legs(record.account, record.family)),
    )


def open_calls(account: str = "") -> int:
    """How many calls are in progress, of an account or of all."""
    rows = models.Session.objects.filter(state="open")
    return (rows.filter(account=account) if account else rows).count()


def _settled() -> QuerySet[models.Cdr]:
    """Records of which none with a lower position can still appear. With one writer that is all of them."""
    rows = models.Cdr.objects.all()
    connection = connections[router.db_for_read(models.Cdr)]
    if connection.vendor != "postgresql" or settings.CHARGING_SHARDS == 1:
        return rows
    connection.ensure_connection()
    raw: Any = connection.connection
    return rows.filter(position__lte=postgresql.settled(raw.execute, models.Cdr._meta.db_table))


def _wanted(rows: QuerySet[models.Cdr], wanted: Wanted) -> QuerySet[models.Cdr]:
    exact = {
        "ended_at__gte": wanted.since,
        "ended_at__lt": wanted.until,
        "direction": wanted.direction or None,
        "disposition__in": wanted.dispositions or None,
        "number_class__in": wanted.number_classes or None,
        "family": wanted.family or None,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if wanted.destination:  # as a range: `LIKE` would take % and _ for more than they are
        rows = rows.filter(destination__gte=wanted.destination, destination__lt=wanted.destination + "\uffff")
    if wanted.charged is not None:
        rows = rows.filter(charge_micros__gt=0) if wanted.charged else rows.filter(charge_micros=0)
    return rows


def kept(account: str, cdr_id: str) -> dict[str, object] | None:
    """A record exactly as its row holds it: the fields of its text, those that have a column taken from there. For comparing with
    evidence."""
    with connections[router.db_for_read(models.Cdr)].cursor() as cursor:
        cursor.execute(
            f"SELECT body, {', '.join(_KEPT)} FROM charging_cdr WHERE account = %s AND cdr_id = %s",  # noqa: S608
            (account, cdr_id),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    try:
        text = json.loads(row[0])
    except ValueError:
        text = {}
    found = {**text, **dict(zip(_KEPT, row[1:], strict=True))}
    for name in _LATER:  # a text from before these columns says nothing of them
        if found[name] == "" and name not in text:
            del found[name]
    return found


def kept_since_evidence() -> int:
    """How many records were written since evidence began."""
    with connections[router.db_for_read(models.Cdr)].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM charging_cdr AS c WHERE {_SINCE}")  # noqa: S608
        return int(cursor.fetchone()[0])


def without_evidence(*, limit: int) -> tuple[str, ...]:
    """The ids of records written since evidence began of which no entry can be read."""
    bodies = [files.table(source, "evidence_body") for source, alias in files.sources().items() if alias == "charging"]
    absent = [f" AND NOT EXISTS (SELECT 1 FROM {body} AS b WHERE b.ref = c.cdr_id)" for body in bodies]  # noqa: S608
    with connections[router.db_for_read(models.Cdr)].cursor() as cursor:
        cursor.execute(
            f"SELECT c.cdr_id FROM charging_cdr AS c WHERE {_SINCE}{''.join(absent)} LIMIT %s",  # noqa: S608
            (limit,),
        )
        return tuple(row[0] for row in cursor.fetchall())
