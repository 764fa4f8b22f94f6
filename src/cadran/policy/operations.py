"""Writing and resolving events. An event is written inside the transaction of what it tells, so neither is ever without the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from cadran.policy.models import Event
from cadran.policy.proof import operations as proof
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key
from cadran.units.period import utc

FIRST_PAUSE_S = 1
LONGEST_PAUSE_S = 300


class EventConflict(CadranError):
    """The same kind and key were recorded with another body."""

    error_id = "policy-event-conflict"


@carries("KRY-2.4-evidence")
def record_event(*, kind: str, key: str, body: Mapping[str, object], at: datetime) -> None:
    """Record a fact once: the same kind, key and body again changes nothing; another body raises EventConflict.

    `body` holds plain JSON values and no secret. Call it inside the transaction that makes the fact true. It is put on record as
    evidence under the `account` of its body, and found there by its key.
    """
    with transaction.atomic():
        found, created = Event.objects.get_or_create(
            kind=kind, key=checked_key(key), defaults={"body": dict(body), "at": utc(at)}
        )
        if created:
            account = body.get("account")
            told = {"event": found.id, "key": key, "said": body}
            subject = account if isinstance(account, str) else ""
            proof.record(kind=kind, subject=subject, key=key, body=told, at=at)
    if not created and found.body != dict(body):
        raise EventConflict(f"event {kind} {key} was recorded with another content: use another key")


def mark_carried(*, event_id: int, at: datetime) -> None:
    """The event reached all that subscribe to it."""
    with transaction.atomic():
        Event.objects.filter(id=event_id, carried_at=None).update(
            carried_at=utc(at), last_error="", next_attempt_at=None
        )


def postpone(*, event_id: int, error: str, at: datetime) -> None:
    """Carrying failed: try again after a pause that doubles up to five minutes. The event is never dropped."""
    with transaction.atomic():
        attempts = Event.objects.values_list("attempts", flat=True).get(id=event_id) + 1
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempts - 1, 20))
        Event.objects.filter(id=event_id, carried_at=None).update(
            attempts=F("attempts") + 1, last_error=error[:400], next_attempt_at=utc(at) + timedelta(seconds=pause)
        )
