"""Reading events that wait to be carried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from cadran.policy.models import Event


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
