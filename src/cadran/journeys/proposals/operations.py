"""Proposing, deciding and finishing. Each step is recorded as an event in its own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from cadran.journeys.models import Proposal, ProposalStep
from cadran.journeys.proposals import queries, rules
from cadran.journeys.proposals.rules import Person, ProposalKind, ProposalState
from cadran.policy import operations as policy
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, new_id
from cadran.units.period import utc

MACHINE = Person(user_id=0, name="cadran")
APPROVED = "journeys.proposal-approved"
EXPIRE_BATCH = 200


class ProposalConflict(CadranError):
    """The same key was used for another proposal."""

    error_id = "journeys-proposal-conflict"


def propose(
    *,
    key: str,
    kind: ProposalKind,
    brand: str,
    reason: str,
    by: Person,
    at: datetime,
    account: str = "",
    subject: str = "",
    amount_micros: int = 0,
    currency: str = "",
    body: Mapping[str, object] | None = None,
    second: bool | None = None,
) -> queries.Shown:
    """Write a proposal; where no second person is needed, it is approved at once. Idempotent by key.

    amount_micros is signed. second: whether a second person must approve; reckoned from the brand's limits where None.
    Raises InvalidProposal, ProposalConflict.
    """
    limits, at, reason = queries.limits(brand), utc(at), rules.checked_reason(reason)
    with transaction.atomic():
        fields = {
            "kind": kind,
            "brand": brand,
            "account": account,
            "subject": subject,
            "amount_micros": amount_micros,
            "currency": currency,
            "body": dict(body or {}),
            "reason": reason,
            "proposed_by": by.user_id,
        }
        if known := Proposal.objects.filter(key=checked_key(key)).first():
            if any(getattr(known, name) != value for name, value in fields.items()):
                raise ProposalConflict("this form was sent before with another content: open it again")
            return queries.shown(known)
        if second is None:
            spent = queries.alone_today_micros(user_id=by.user_id, currency=currency, at=at)
            second = rules.needs_second(limits, amount_micros=amount_micros, alone_today_micros=spent)
        row = Proposal.objects.create(
            proposal_id=new_id("prop"),
            key=key,
            state=ProposalState.PROPOSED,
            alone=not second,
            proposed_at=at,
            expires_at=rules.expiry(limits, at),
            **fields,
        )
        _note(row, by, at, "")
        if not second:
            _move(row, ProposalState.APPROVED, by, at, f"alone, up to {limits.alone_micros} micros a day")
        return queries.shown(row)


def approve(*, proposal_id: str, by: Person, proposer: Person, at: datetime) -> queries.Shown:
    """A second person approves. `proposer`: who proposed, as they are known now. Raises SamePerson, NotPending,
    UnknownProposal; of two who approve at once, one does and the other hears NotPending."""
    return _decide(proposal_id, ProposalState.APPROVED, by, proposer, at, "")


def refuse(*, proposal_id: str, by: Person, proposer: Person, reason: str, at: datetime) -> queries.Shown:
    """A second person refuses, and says why. Raises as `approve`, and InvalidProposal."""
    return _decide(proposal_id, ProposalState.REFUSED, by, proposer, at, rules.checked_reason(reason))


def withdraw(*, proposal_id: str, by: Person, at: datetime) -> queries.Shown:
    """Whoever proposed takes it back. Raises SamePerson for anybody else, NotPending, UnknownProposal."""
    with transaction.atomic():
        row = _row(proposal_id)
        if row.proposed_by != by.user_id:
            raise rules.SamePerson("only who proposed can withdraw a proposal: refuse it instead")
        rules.check_pending(ProposalState(row.state), expires_at=row.expires_at, at=at)
        _move(row, ProposalState.WITHDRAWN, by, at, "")
        return queries.shown(row)


def finished(*, proposal_id: str, failed: bool, note: str, at: datetime) -> queries.Shown:
    """What was approved is done, or cannot be. Again changes nothing."""
    with transaction.atomic():
        row = _row(proposal_id)
        if ProposalState(row.state) is ProposalState.APPROVED:
            _move(row, ProposalState.FAILED if failed else ProposalState.DONE, MACHINE, at, note)
        return queries.shown(row)


def expire(*, at: datetime) -> int:
    """End every proposal whose time is over; returns how many. Idempotent."""
    ended = 0
    while True:
        with transaction.atomic():
            waiting = Proposal.objects.filter(state=ProposalState.PROPOSED, expires_at__lte=utc(at))
            rows = list(waiting.order_by("expires_at")[:EXPIRE_BATCH])
            for row in rows:
                _move(row, ProposalState.EXPIRED, MACHINE, at, "nobody decided in time")
        ended += len(rows)
        if len(rows) < EXPIRE_BATCH:
            return ended


def _decide(
    proposal_id: str, state: ProposalState, by: Person, proposer: Person, at: datetime, note: str
) -> queries.Shown:
    with transaction.atomic():
        row = _row(proposal_id)
        assert row.proposed_by == proposer.user_id, "the proposer of this proposal"
        rules.check_decider(proposer, by)
        rules.check_pending(ProposalState(row.state), expires_at=row.expires_at, at=at)
        _move(row, state, by, at, note)
        return queries.shown(row)


def _row(proposal_id: str) -> Proposal:
    row = Proposal.objects.select_for_update().filter(proposal_id=proposal_id).first()
    if row is None:
        raise queries.UnknownProposal(f"there is no proposal {proposal_id[:40]!r}")
    return row


def _move(row: Proposal, state: ProposalState, by: Person, at: datetime, note: str) -> None:
    """One step, only from the state that the row was read in: whoever comes second finds it moved."""
    before = ProposalState(row.state)
    assert state in rules.FOLLOWS[before], f"{before} cannot become {state}"
    if not Proposal.objects.filter(pk=row.pk, state=before).update(state=state):
        raise rules.NotPending("somebody else decided a moment ago: reload the page")
    row.state = state
    _note(row, by, at, note)


def _note(row: Proposal, by: Person, at: datetime, note: str) -> None:
    ProposalStep.objects.create(
        proposal=row, state=row.state, by=by.user_id, by_name=by.name[:64], at=utc(at), note=note
    )
    policy.record_event(
        kind=f"journeys.proposal-{row.state}",
        key=row.proposal_id,
        body={
            "proposal": row.proposal_id,
            "kind": str(row.kind),
            "brand": row.brand,
            "account": row.account,
            "subject": row.subject,
            "amount_micros": row.amount_micros,
            "currency": row.currency,
            "reason": row.reason,
            "by": by.user_id,
            "note": note,
        },
        at=at,
    )
