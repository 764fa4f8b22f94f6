"""Reads of calls and their records."""

from __future__ import annotations

from datetime import datetime

from cadran.charging import models, records
from cadran.charging.adapters.sqlite import decode_record
from cadran.charging.explanation import Explanation
from cadran.ledger import queries as ledger
from cadran.units.errors import CadranError

MAX_ROWS = 1000


class UnknownCdr(CadranError):
    """No record of that id."""

    error_id = "charging-cdr-unknown"


def cdr(cdr_id: str) -> records.Record:
    """The record of that id. Raises UnknownCdr."""
    row = models.Cdr.objects.filter(cdr_id=cdr_id).first()
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


def cdrs_after(position: int, limit: int = MAX_ROWS) -> tuple[tuple[int, records.Record], ...]:
    """Records written after that position, in order, each with its own: how other rooms follow the calls without missing one."""
    rows = models.Cdr.objects.filter(position__gt=position).order_by("position")[: min(limit, MAX_ROWS)]
    return tuple((row.position, decode_record(row.body)) for row in rows)


def of_session(session: str) -> records.Record | None:
    """The record of a session that is over; None while it is open or unknown."""
    row = models.Cdr.objects.filter(session=session, corrects="").first()
    return None if row is None else decode_record(row.body)


def corrections(account: str, cdr_id: str) -> tuple[records.Record, ...]:
    """The records that correct that one, in order."""
    rows = models.Cdr.objects.filter(account=account, corrects=cdr_id).order_by("position")
    return tuple(decode_record(row.body) for row in rows)


def explanation(cdr_id: str) -> Explanation:
    """What a call cost and why, with its entries in the ledger. Raises UnknownCdr."""
    record = cdr(cdr_id)
    return Explanation(
        record=record,
        legs=ledger.legs(record.account, record.transfers),
        corrections=corrections(record.account, cdr_id),
    )


def open_calls(account: str = "") -> int:
    """How many calls are in progress, of an account or of all."""
    rows = models.Session.objects.filter(state="open")
    return (rows.filter(account=account) if account else rows).count()
