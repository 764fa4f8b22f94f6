"""Reading re-ratings: what was asked, how far each has come, what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Sum

from cadran.journeys.models import Rerating
from cadran.journeys.proposals import queries as proposals
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.rerating.rules import RunState, Scope
from cadran.units.errors import CadranError


class UnknownRerating(CadranError):
    """No such re-rating."""

    error_id = "journeys-rerating-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A re-rating as pages and commands show it. preview: as it was when it was proposed. looked_at of `total` calls; owed_micros: of
    what became dearer, what the credit did not cover. left: calls that keep their price, by reason."""

    rerating_id: str
    scope: Scope
    currency: str
    reason: str
    state: RunState
    proposal: Shown
    preview: Mapping[str, Any]
    total: int
    looked_at: int
    corrected: int
    up_micros: int
    down_micros: int
    owed_micros: int
    left: Mapping[str, int]
    note: str
    proposed_at: datetime
    finished_at: datetime | None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON; amounts are micro-units."""
        return {
            "rerating": self.rerating_id,
            "scope": self.scope.as_dict(),
            "currency": self.currency,
            "reason": self.reason,
            "state": self.state.value,
            "proposal": self.proposal.proposal_id,
            "proposal_state": self.proposal.state.value,
            "proposed_by": self.proposal.proposer,
            "looked_at": self.looked_at,
            "total": self.total,
            "corrected": self.corrected,
            "up_micros": self.up_micros,
            "down_micros": self.down_micros,
            "owed_micros": self.owed_micros,
            "left": dict(self.left),
            "note": self.note,
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }


def run(rerating_id: str) -> Run:
    """The re-rating of that id. Raises UnknownRerating."""
    row = Rerating.objects.filter(rerating_id=rerating_id).first()
    if row is None:
        raise UnknownRerating(f"there is no re-rating {rerating_id[:40]!r}: see `cadran rerate status`")
    return shown(row)


def of_proposal(proposal_id: str) -> Run:
    """The re-rating that a proposal asks for. Raises UnknownRerating."""
    row = Rerating.objects.filter(proposal_id=proposal_id).first()
    if row is None:
        raise UnknownRerating(f"the proposal {proposal_id[:40]!r} asks for no re-rating")
    return shown(row)


def runs(*, brand: str = "", limit: int = 50) -> tuple[Run, ...]:
    """The newest re-ratings first."""
    rows = Rerating.objects.filter(brand=brand) if brand else Rerating.objects.all()
    return tuple(shown(row) for row in rows.order_by("-id")[:limit])


def running() -> tuple[str, ...]:
    """The re-ratings in progress, the oldest first."""
    busy = (RunState.RUNNING, RunState.TELLING)
    return tuple(Rerating.objects.filter(state__in=busy).order_by("id").values_list("rerating_id", flat=True)[:100])


def customers_of(rerating_id: str) -> Mapping[str, int]:
    """How many customers a re-rating has touched so far, and how many of them were told."""
    rows = Rerating.objects.get(rerating_id=rerating_id).accounts.all()
    found = rows.aggregate(all=Count("id"), told=Sum("told"))
    return {"customers": found["all"] or 0, "told": int(found["told"] or 0)}


def shown(row: Rerating) -> Run:
    return Run(
        rerating_id=row.rerating_id,
        scope=scope_of(row),
        currency=row.currency,
        reason=row.reason,
        state=RunState(row.state),
        proposal=proposals.proposal(row.proposal_id),
        preview=row.preview,
        total=row.total,
        looked_at=row.looked_at,
        corrected=row.corrected,
        up_micros=row.up_micros,
        down_micros=row.down_micros,
        owed_micros=row.owed_micros,
        left=row.left,
        note=row.note,
        proposed_at=row.proposed_at,
        finished_at=row.finished_at,
    )


def scope_of(row: Rerating) -> Scope:
    return Scope(
        brand=row.brand,
        deck=row.deck,
        version=row.version,
        since=row.since,
        until=row.until,
        prefixes=tuple(row.prefixes),
    )
