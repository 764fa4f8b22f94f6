"""Reads of what the SIP process keeps: devices registered, calls answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cadran.voice import models


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that is registered. contact and agent are what it said of itself, source where it spoke from; since is None where the
    registration is older than its record. Instants by the wall clock."""

    id: int
    username: str
    contact: str
    source: str
    agent: str
    since: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """When a call in progress was answered, what was measured of it at the last heartbeat, and by which carrier it goes."""

    session: str
    answered_at: datetime
    used_ms: int
    carrier: str


def devices(usernames: Sequence[str], *, now_wall_s: float, limit: int = 50) -> tuple[Device, ...]:
    """The devices of those SIP users, the one that stays longest first."""
    rows = models.Registration.objects.filter(username__in=list(usernames), expires_at__gt=int(now_wall_s))
    return tuple(
        Device(
            id=row.pk,
            username=row.username,
            contact=row.contact,
            source=f"{row.source_host}:{row.source_port}",
            agent=row.agent,
            since=datetime.fromtimestamp(row.since_at, UTC) if row.since_at else None,
            expires_at=datetime.fromtimestamp(row.expires_at, UTC),
        )
        for row in rows.order_by("-expires_at")[:limit]
    )


def answered(sessions: Sequence[str]) -> dict[str, Answered]:
    """Of those calls in progress, the ones that were answered."""
    rows = models.Dialog.objects.filter(session__in=list(sessions)[:500])
    return {
        row.session: Answered(
            session=row.session,
            answered_at=datetime.fromisoformat(str(row.body["answered_at"])),
            used_ms=row.used_ms,
            carrier=str(row.body.get("carrier", "")),
        )
        for row in rows
    }


def measured_ms(sessions: Sequence[str]) -> dict[str, int]:
    """The milliseconds that the answered ones of those calls have lasted, at most one heartbeat old."""
    rows = models.Dialog.objects.filter(session__in=list(sessions)[:500])
    return dict(rows.values_list("session", "used_ms"))
