"""Proposals to publish terms: submitted by one person, published, refused or withdrawn."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.journeys import publications
from cadran.journeys.proposals import operations, queries
from cadran.journeys.proposals.rules import ProposalKind
from cadran.policy import queries as policy
from cadran.web.api import shapes
from cadran.web.api import shapes_setup as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk, terms

_UNKNOWN = ("journeys-proposal-unknown",)
_DECIDED = ("journeys-proposal-same-person", "journeys-proposal-not-pending")
_PUBLISHED = ("policy-version-published", "policy-version-too-late", "policy-version-name", "policy-files-wrong")


@operation(
    desk.router,
    "POST",
    "/staff/terms/drafts/{draft_id}/submission",
    scope=terms.WRITE,
    answers_with=seen.TermsProposal,
    status=201,
    may_fail=(*terms.UNKNOWN, "journeys-draft-moved", "journeys-draft-wrong", "journeys-proposal-invalid"),
)
def submit_terms_draft(
    request: HttpRequest, draft_id: Path[shapes.Identifier], asked: Body[seen.SubmissionAsked]
) -> seen.TermsProposal:
    """Ask a second person to publish exactly what the draft says now."""
    found = terms.within(request, draft_id)
    desk.log(request, "terms", kind="terms-submit", subject=f"{found.brand}/{found.version}")
    made = publications.submit(
        key=desk.caller(request).deed,
        draft_id=draft_id,
        revision=asked.revision,
        reason=asked.reason,
        by=desk.person(request),
        at=settings.CIVIL_CLOCK.now(),
    )
    return _shown(made)


@operation(desk.router, "GET", "/staff/terms/proposals", scope=terms.READ, answers_with=seen.TermsProposals)
def list_terms_proposals(request: HttpRequest, limit: shapes.Limit = 50) -> seen.TermsProposals:
    """Proposals to publish terms, newest first."""
    caller = desk.caller(request)
    found = () if caller.test else queries.proposals(kinds=(ProposalKind.TERMS,), limit=limit)
    return seen.TermsProposals(proposals=[_shown(one) for one in found if one.brand == caller.brand])


@operation(
    desk.router,
    "GET",
    "/staff/terms/proposals/{proposal_id}",
    scope=terms.READ,
    answers_with=seen.TermsProposal,
    may_fail=_UNKNOWN,
)
def read_terms_proposal(request: HttpRequest, proposal_id: Path[shapes.Identifier]) -> seen.TermsProposal:
    """One proposal to publish terms, with every step."""
    return _shown(_within(request, proposal_id))


@operation(
    desk.router,
    "GET",
    "/staff/terms/proposals/{proposal_id}/preview",
    scope=terms.READ,
    answers_with=seen.Preview,
    may_fail=(*_UNKNOWN, *_PUBLISHED),
)
def preview_terms_proposal(request: HttpRequest, proposal_id: Path[shapes.Identifier]) -> seen.Preview:
    """What a proposal would publish, or published, and what it changes."""
    found = _within(request, proposal_id)
    ready = publications.proposed(found, at=settings.CIVIL_CLOCK.now())
    return terms.preview(policy.terms(f"{found.brand}/{found.body['base']}"), ready)


@operation(
    desk.router,
    "POST",
    "/staff/terms/proposals/{proposal_id}/approval",
    scope=terms.WRITE,
    answers_with=seen.TermsProposal,
    may_fail=(*_UNKNOWN, *_DECIDED, *_PUBLISHED, "journeys-draft-moved"),
)
def approve_terms(
    request: HttpRequest, proposal_id: Path[shapes.Identifier], asked: Body[seen.ApprovalAsked]
) -> seen.TermsProposal:
    """Approve what a colleague submitted, named by its hash, and publish it.

    The key stands for the person who made it: nobody approves what they submitted themselves.
    """
    _within(request, proposal_id)
    desk.log(request, "terms", kind="terms-approve", subject=proposal_id)
    at = settings.CIVIL_CLOCK.now()
    return _shown(publications.approve(proposal_id=proposal_id, sha256=asked.sha256, by=desk.person(request), at=at))


@operation(
    desk.router,
    "POST",
    "/staff/terms/proposals/{proposal_id}/refusal",
    scope=terms.WRITE,
    answers_with=seen.TermsProposal,
    may_fail=(*_UNKNOWN, *_DECIDED, "journeys-proposal-invalid"),
)
def refuse_terms(
    request: HttpRequest, proposal_id: Path[shapes.Identifier], asked: Body[seen.RefusalReasonAsked]
) -> seen.TermsProposal:
    """Refuse what a colleague submitted, and say why; the draft can be written on."""
    _within(request, proposal_id)
    desk.log(request, "terms", kind="terms-refuse", subject=proposal_id, reason=asked.reason)
    at = settings.CIVIL_CLOCK.now()
    return _shown(publications.refuse(proposal_id=proposal_id, by=desk.person(request), reason=asked.reason, at=at))


@operation(
    desk.router,
    "POST",
    "/staff/terms/proposals/{proposal_id}/withdrawal",
    scope=terms.WRITE,
    answers_with=seen.TermsProposal,
    may_fail=(*_UNKNOWN, *_DECIDED),
)
def withdraw_terms(request: HttpRequest, proposal_id: Path[shapes.Identifier]) -> seen.TermsProposal:
    """Take back what one submitted oneself; the draft can be written on."""
    _within(request, proposal_id)
    desk.log(request, "terms", kind="terms-withdraw", subject=proposal_id)
    at = settings.CIVIL_CLOCK.now()
    return _shown(operations.withdraw(proposal_id=proposal_id, by=desk.person(request), at=at))


def _within(request: HttpRequest, proposal_id: str) -> queries.Shown:
    caller, found = desk.caller(request), queries.proposal(proposal_id)
    if caller.test or found.brand != caller.brand or found.kind is not ProposalKind.TERMS:
        raise queries.UnknownProposal(f"there is no proposal {proposal_id[:40]!r}")
    return found


def _shown(found: queries.Shown) -> seen.TermsProposal:
    return shapes.of(
        seen.TermsProposal,
        found,
        id=found.proposal_id,
        draft=found.subject,
        version=str(found.body["version"]),
        base=str(found.body["base"]),
        sha256=str(found.body["sha256"]),
        proposed_by=found.proposer,
        steps=[shapes.of(seen.Step, one, by=one.by_name) for one in found.steps],
    )
