"""Reading events that wait to be carried on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from cadran.policy.models import Event
from cadran.policy.proof import files as proof_files


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """One event as its subscribers see it."""

    event_id: int
    kind: str
    key: str
    body: Mapping[str, object]
    at: datetime
    attempts: int


def pending_events(*, at: datetime, limit: int = 100) -> tuple[PendingEvent, ...]:
    """The oldest events that were not carried on and whose pause is over, at most `limit` of them."""
    due = Event.objects.filter(carried_at=None).filter(Q(next_attempt_at=None) | Q(next_attempt_at__lte=at))
    return tuple(
        PendingEvent(event.id, event.kind, event.key, event.body, event.at, event.attempts)
        for event in due.order_by("id")[:limit]
    )


def newest() -> int:
    """The number of the newest event; 0 where there is none."""
    return Event.objects.order_by("-id").values_list("id", flat=True).first() or 0


def after(event_id: int, *, kinds: Collection[str], limit: int = 500) -> tuple[PendingEvent, ...]:
    """The events of those kinds that follow that number, in order: for a process that follows the house by itself."""
    rows = Event.objects.filter(id__gt=event_id, kind__in=kinds).order_by("id")[:limit]
    return tuple(PendingEvent(row.id, row.kind, row.key, row.body, row.at, row.attempts) for row in rows)


def kept(event_id: int) -> tuple[str, str, object] | None:
    """Kind, key and body of an event as its row holds them, for comparing with evidence."""
    return Event.objects.filter(id=event_id).values_list("kind", "key", "body").first()


def not_among(known: Set[int], *, limit: int) -> Iterator[tuple[int, str]]:
    """(id, kind) of the events since evidence began that are not among `known`, at most `limit`; those that were erased left out."""
    after = proof_files.started(proof_files.HOUSE, "policy_event")
    found = 0
    for event_id, kind, body in (
        Event.objects.filter(id__gt=after).order_by("id").values_list("id", "kind", "body").iterator()
    ):
        if event_id not in known and body and found < limit:
            found += 1
            yield event_id, kind
