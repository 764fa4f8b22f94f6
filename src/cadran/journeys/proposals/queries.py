"""Reading proposals and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import Abs

from cadran.journeys.models import Proposal, ProposalStep
from cadran.journeys.proposals import rules
from cadran.journeys.proposals.rules import ProposalKind, ProposalState
from cadran.policy import queries as policy
from cadran.units.errors import CadranError

DAY = timedelta(hours=24)


class UnknownProposal(CadranError):
    """No such proposal."""

    error_id = "journeys-proposal-unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """A state that a proposal took: by whom (the machine: user id 0), when, and what was said."""

    state: ProposalState
    by: int
    by_name: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One proposal as pages show it. `alone`: within the limit of one person. amount_micros is signed: below zero is taken."""

    proposal_id: str
    kind: ProposalKind
    brand: str
    account: str
    subject: str
    amount_micros: int
    currency: str
    body: Mapping[str, object]
    reason: str
    state: ProposalState
    alone: bool
    proposed_by: int
    proposed_at: datetime
    expires_at: datetime
    steps: tuple[Step, ...]

    @property
    def proposer(self) -> str:
        return self.steps[0].by_name if self.steps else ""

    @property
    def last(self) -> Step:
        return self.steps[-1]


def proposal(proposal_id: str) -> Shown:
    """The proposal of that id. Raises UnknownProposal."""
    if (row := Proposal.objects.filter(proposal_id=proposal_id).first()) is None:
        raise UnknownProposal(f"there is no proposal {proposal_id[:40]!r}")
    return shown(row)


def of_key(key: str) -> Shown | None:
    """The proposal that was made with that key."""
    row = Proposal.objects.filter(key=key).first()
    return None if row is None else shown(row)


def proposals(
    *,
    state: ProposalState | None = None,
    kinds: tuple[ProposalKind, ...] = (),
    account: str = "",
    subject: str = "",
    limit: int = 100,
) -> tuple[Shown, ...]:
    """The newest proposals, of that state, kinds, account and subject."""
    found = Proposal.objects.all()
    if state is not None:
        found = found.filter(state=state)
    if kinds:
        found = found.filter(kind__in=kinds)
    if account:
        found = found.filter(account=account)
    if subject:
        found = found.filter(subject=subject)
    rows = list(found.order_by("-id")[:limit])
    by_row: dict[int, list[Step]] = {row.pk: [] for row in rows}
    for step in ProposalStep.objects.filter(proposal__in=rows).order_by("id"):
        by_row[step.proposal_id].append(_step(step))
    return tuple(_shown(row, tuple(by_row[row.pk])) for row in rows)


def next_expiry() -> datetime | None:
    """When the next proposal stops waiting."""
    row = Proposal.objects.filter(state=ProposalState.PROPOSED).order_by("expires_at").first()
    return None if row is None else row.expires_at


def limits(brand: str) -> rules.Limits:
    """What the brand lets its staff do. Raises UnknownBrand."""
    found = policy.brand(brand)
    return rules.Limits(
        alone_micros=found.staff_alone_micros,
        most_micros=found.staff_most_micros,
        proposal_days=found.staff_proposal_days,
    )


def alone_today_micros(*, user_id: int, currency: str, at: datetime) -> int:
    """What that person moved without a second one in the 24 hours before `at`, whichever way and for whomever."""
    found = Proposal.objects.filter(
        proposed_by=user_id, alone=True, currency=currency, proposed_at__gt=at - DAY, proposed_at__lte=at
    ).exclude(state=ProposalState.FAILED)
    return int(found.aggregate(total=Sum(Abs("amount_micros")))["total"] or 0)


def shown(row: Proposal) -> Shown:
    return _shown(row, tuple(_step(step) for step in row.steps.order_by("id")))


def _step(row: ProposalStep) -> Step:
    return Step(ProposalState(row.state), row.by, row.by_name, row.at, row.note)


def _shown(row: Proposal, steps: tuple[Step, ...]) -> Shown:
    return Shown(
        proposal_id=row.proposal_id,
        kind=ProposalKind(row.kind),
        brand=row.brand,
        account=row.account,
        subject=row.subject,
        amount_micros=row.amount_micros,
        currency=row.currency,
        body=row.body,
        reason=row.reason,
        state=ProposalState(row.state),
        alone=row.alone,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        expires_at=row.expires_at,
        steps=steps,
    )
