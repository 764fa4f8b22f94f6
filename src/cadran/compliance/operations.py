"""Writes of the compliance room: each is one transaction, `at` is an aware UTC instant of the civil clock."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from cadran.compliance import deadlines, models, queries, rules
from cadran.party import vault
from cadran.policy import operations as policy_operations
from cadran.units.clause import carries
from cadran.units.ids import checked_key
from cadran.units.period import utc

AUTHORS = ("customer", "operator", "system")


@carries("IPP-5.3-codes", "KRY-4.2.2-session-safety")
def open_case(
    *,
    key: str,
    kind: rules.Kind,
    account: str,
    brand: str,
    text: str,
    at: datetime,
    channel: str = "inside",
    blocked: Collection[str] = (),
) -> queries.Case:
    """Open a case: it gets a tracking number and a deadline, and its customer is told by mail. The same key again gives the same
    case. `account` is "" where nobody is known by what was given. Raises InvalidCase."""
    at = utc(at)
    with transaction.atomic():
        if (known := models.Case.objects.filter(key=checked_key(key)).first()) is not None:
            return queries.as_case(known)
        due = deadlines.deadline(kind=kind, brand=brand, at=at)
        row = models.Case.objects.create(
            number=_number(),
            kind=kind.value,
            state=rules.State.OPEN.value,
            account=account,
            brand=brand,
            key=key,
            channel=channel,
            blocked=sorted(blocked),
            clause=due.clause,
            opened_at=at,
            due_at=due.due_at,
        )
        if text.strip():
            models.CaseEntry.objects.create(case=row, author="customer", text=rules.checked_text(text), at=at)
        policy_operations.record_event(kind="compliance.case-opened", key=row.number, body=_told(row), at=at)
    return queries.as_case(row)


def answer(*, number: str, text: str, by: str, at: datetime) -> queries.Case:
    """The operator answers; the customer is told by mail. Raises UnknownCase, InvalidCase."""
    with transaction.atomic():
        row = _row(number)
        _add(row, "operator", text, utc(at), by)
        if row.state == rules.State.OPEN:
            row.state = rules.State.ANSWERED.value
            row.save(update_fields=["state"])
        _tell(row, "compliance.case-answered", at)
    return queries.as_case(row)


def write(*, number: str, account: str, text: str, at: datetime) -> queries.Case:
    """The customer writes further: the case waits for the operator again, with a fresh deadline where it was answered.

    Raises UnknownCase for another's case too, InvalidCase for a closed one.
    """
    with transaction.atomic():
        row = _row(number)
        if not account or row.account != account:
            raise queries.UnknownCase("no case has that tracking number: check it in our e-mail")
        if row.state == rules.State.CLOSED:
            raise rules.InvalidCase("this case is closed: open another one")
        _add(row, "customer", text, utc(at))
        if row.state == rules.State.ANSWERED:
            due = deadlines.deadline(kind=rules.Kind(row.kind), brand=row.brand, at=utc(at))
            row.state, row.due_at, row.clause = rules.State.OPEN.value, due.due_at, due.clause
            row.save(update_fields=["state", "due_at", "clause"])
    return queries.as_case(row)


def close(*, number: str, by: str, at: datetime, text: str = "") -> queries.Case:
    """The matter is over; the customer is told by mail. Again changes nothing. Raises UnknownCase, InvalidCase."""
    with transaction.atomic():
        row = _row(number)
        if row.state == rules.State.CLOSED:
            return queries.as_case(row)
        if text.strip():
            _add(row, "operator", text, utc(at), by)
        row.state, row.closed_at = rules.State.CLOSED.value, utc(at)
        row.save(update_fields=["state", "closed_at"])
        _tell(row, "compliance.case-closed", at)
    return queries.as_case(row)


@carries("LAW-retention", "KRY-4.2.3-erasure")
def retain(
    *,
    account: str,
    purpose: str,
    content: Mapping[str, object],
    clause: str,
    source: str,
    delete_at: datetime,
    at: datetime,
) -> None:
    """Keep what a purpose requires of a closed account, sealed, until `delete_at`. Again with the same purpose changes nothing."""
    sealed = vault.seal({"content": json.dumps(content, default=str)}, owner=f"retained:{account}:{purpose}")
    with transaction.atomic():
        models.Retained.objects.get_or_create(
            account=account,
            purpose=purpose,
            defaults={
                "sealed": sealed,
                "clause": clause,
                "source": source[:80],
                "kept_at": utc(at),
                "delete_at": utc(delete_at),
            },
        )


def open_retained(*, account: str, purpose: str, by: str, reason: str, at: datetime) -> dict[str, object]:
    """What is kept of a closed account, for a lawful request: who opened it and why is recorded. Raises UnknownCase."""
    with transaction.atomic():
        row = models.Retained.objects.filter(account=account, purpose=purpose).first()
        if row is None:
            raise queries.UnknownCase(f"nothing is kept of {account} for {purpose}")
        policy_operations.record_event(
            kind="compliance.retained-opened",
            key=f"{account}:{purpose}:{secrets.token_hex(8)}",
            body={"account": account, "purpose": purpose, "by": by[:64], "reason": reason[:200]},
            at=at,
        )
    opened: dict[str, object] = json.loads(vault.unseal(row.sealed, owner=f"retained:{account}:{purpose}")["content"])
    return opened


@carries("LAW-retention")
def delete_retained(*, at: datetime, limit: int = 500) -> int:
    """Delete what must not be kept longer than `at`, at most `limit` things; returns how many. Idempotent."""
    with transaction.atomic():
        rows = models.Retained.objects.filter(delete_at__lte=utc(at)).order_by("delete_at", "id")[:limit]
        for row in rows:
            body = {"account": row.account, "purpose": row.purpose}
            policy_operations.record_event(
                kind="compliance.retained-deleted", key=f"{row.account}:{row.purpose}", body=body, at=at
            )
            row.delete()
    return len(rows)


def _number() -> str:
    """A tracking number that nobody guesses: 12 characters of 30, 58 bits."""
    return "-".join("".join(secrets.choice(rules.ALPHABET) for _ in range(4)) for _ in range(3))


def _row(number: str) -> models.Case:
    row = models.Case.objects.select_for_update().filter(number=rules.checked_number(number)).first()
    if row is None:
        raise queries.UnknownCase("no case has that tracking number: check it in our e-mail")
    return row


def _add(row: models.Case, author: str, text: str, at: datetime, by: str = "") -> None:
    assert author in AUTHORS
    models.CaseEntry.objects.create(case=row, author=author, by=by[:64], text=rules.checked_text(text), at=at)


def _tell(row: models.Case, kind: str, at: datetime) -> None:
    """`said`: how many times the operator has written by now."""
    body = _told(row) | {"said": row.entries.filter(author="operator").count()}
    policy_operations.record_event(kind=kind, key=f"{row.number}:{secrets.token_hex(8)}", body=body, at=utc(at))


def _told(row: models.Case) -> dict[str, object]:
    """What events say of a case: nothing that somebody wrote in it."""
    return {
        "number": row.number,
        "kind": row.kind,
        "state": row.state,
        "account": row.account,
        "brand": row.brand,
        "blocked": list(row.blocked),
        "due_at": row.due_at.isoformat(),
        "clause": row.clause,
    }
