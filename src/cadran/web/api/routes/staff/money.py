"""The books, money that found no order, and credit given, taken back and refunded: proposed by one person, approved by another."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.journeys import adjustments
from cadran.journeys.proposals import operations as decisions
from cadran.journeys.proposals import queries as proposals
from cadran.journeys.proposals.rules import ProposalKind
from cadran.ledger import queries as ledger
from cadran.party import queries as party
from cadran.party.keys.rules import Scope
from cadran.payment import queries as payment
from cadran.web.api import shapes
from cadran.web.api import shapes_staff as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

_MADE = ("journeys-proposal-invalid", "journeys-proposal-same-person")
_UNKNOWN = ("journeys-proposal-unknown",)
_DECIDED = ("journeys-proposal-same-person", "journeys-proposal-not-pending")


@operation(desk.router, "GET", "/staff/books", scope=Scope.STAFF_READ_LEDGER, answers_with=seen.Books)
def read_books(request: HttpRequest) -> seen.Books:
    """The sums of the ledger: zero in each currency, always."""
    sums = {} if desk.caller(request).test else ledger.sums()
    return seen.Books(
        sums=[seen.Sum(currency=currency, micros=total) for currency, total in sums.items()],
        balanced=not any(sums.values()),
    )


@operation(desk.router, "GET", "/staff/receipts", scope=Scope.STAFF_READ_LEDGER, answers_with=seen.UnmatchedReceipts)
def list_unmatched_receipts(request: HttpRequest, limit: shapes.Limit = 50) -> seen.UnmatchedReceipts:
    """Money that arrived at the bank and found no order."""
    found = () if desk.caller(request).test else payment.unmatched_receipts(limit=limit)
    desk.log(request, "receipts")
    return seen.UnmatchedReceipts(
        receipts=[
            seen.UnmatchedReceipt(
                bank_reference=one.bank_reference,
                amount_micros=one.amount_micros,
                currency=one.currency,
                remittance=one.remittance,
                booked_at=one.booked_at,
                because=one.because,
            )
            for one in found
        ]
    )


@operation(
    desk.router,
    "GET",
    "/staff/adjustments",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.Adjustments,
)
def list_adjustments(
    request: HttpRequest, account: shapes.Account | None = None, limit: shapes.Limit = 50
) -> seen.Adjustments:
    """Credit given and taken back, and payments refunded: proposed, approved, done."""
    caller = desk.caller(request)
    found = () if caller.test else proposals.proposals(kinds=adjustments.MONEY, account=account or "", limit=limit)
    return seen.Adjustments(adjustments=[_adjustment(one) for one in found if one.brand == caller.brand])


@operation(
    desk.router,
    "POST",
    "/staff/adjustments",
    scope=Scope.STAFF_WRITE_CREDIT,
    answers_with=seen.Adjustment,
    status=201,
    may_fail=(*desk.CUSTOMER, *_MADE),
)
def propose_adjustment(request: HttpRequest, asked: Body[seen.AdjustmentAsked]) -> seen.Adjustment:
    """Propose to give credit, or to take it back.

    Within the brand's limit it is approved at once, and done soon after; above it, it waits for a second person.
    """
    return _proposed(request, ProposalKind(asked.kind), asked.account, asked.amount_micros, asked.reason)


@operation(
    desk.router,
    "POST",
    "/staff/refunds",
    scope=Scope.STAFF_WRITE_REFUNDS,
    answers_with=seen.Adjustment,
    status=201,
    may_fail=(*desk.CUSTOMER, "payment-order-unknown", *_MADE),
)
def propose_refund(request: HttpRequest, asked: Body[seen.RefundAsked]) -> seen.Adjustment:
    """Propose to refund a payment, of its amount at most.

    Within the brand's limit it is approved at once, and done soon after; above it, it waits for a second person.
    """
    return _proposed(request, ProposalKind.REFUND, asked.account, asked.amount_micros, asked.reason, asked.order)


@operation(
    desk.router,
    "GET",
    "/staff/adjustments/{proposal_id}",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.Adjustment,
    may_fail=_UNKNOWN,
)
def read_adjustment(request: HttpRequest, proposal_id: Path[shapes.Identifier]) -> seen.Adjustment:
    """One proposal to move money, and how it stands."""
    found = _within(request, proposal_id)
    desk.log(request, "adjustment", account=found.account, subject=proposal_id)
    return _adjustment(found)


@operation(
    desk.router,
    "POST",
    "/staff/adjustments/{proposal_id}/approval",
    scope=Scope.STAFF_APPROVE_CREDIT,
    answers_with=seen.Adjustment,
    may_fail=(*_UNKNOWN, *_DECIDED),
)
def approve_adjustment(request: HttpRequest, proposal_id: Path[shapes.Identifier]) -> seen.Adjustment:
    """Approve what a colleague proposed; it is done soon after.

    The key stands for the person who made it: nobody approves what they proposed themselves, by whichever key or page.
    """
    found, by = _within(request, proposal_id), desk.person(request)
    desk.log(request, "adjustment", kind="money-approve", account=found.account, subject=proposal_id)
    return _adjustment(adjustments.approve(proposal_id=proposal_id, by=by, at=settings.CIVIL_CLOCK.now()))


@operation(
    desk.router,
    "POST",
    "/staff/adjustments/{proposal_id}/refusal",
    scope=Scope.STAFF_APPROVE_CREDIT,
    answers_with=seen.Adjustment,
    may_fail=(*_UNKNOWN, *_DECIDED, "journeys-proposal-invalid"),
)
def refuse_adjustment(
    request: HttpRequest, proposal_id: Path[shapes.Identifier], asked: Body[seen.ReasonAsked]
) -> seen.Adjustment:
    """Refuse what a colleague proposed, and say why."""
    found, by, at = _within(request, proposal_id), desk.person(request), settings.CIVIL_CLOCK.now()
    desk.log(request, "adjustment", kind="money-refuse", account=found.account, subject=proposal_id)
    return _adjustment(adjustments.refuse(proposal_id=proposal_id, by=by, reason=asked.reason, at=at))


@operation(
    desk.router,
    "POST",
    "/staff/adjustments/{proposal_id}/withdrawal",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.Adjustment,
    may_fail=(*_UNKNOWN, *_DECIDED),
)
def withdraw_adjustment(request: HttpRequest, proposal_id: Path[shapes.Identifier]) -> seen.Adjustment:
    """Take back what one proposed oneself, while it waits."""
    found, by = _within(request, proposal_id), desk.person(request)
    desk.log(request, "adjustment", kind="money-withdraw", account=found.account, subject=proposal_id)
    return _adjustment(decisions.withdraw(proposal_id=proposal_id, by=by, at=settings.CIVIL_CLOCK.now()))


def _proposed(
    request: HttpRequest, kind: ProposalKind, account: str, amount_micros: int, reason: str, order: str = ""
) -> seen.Adjustment:
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    customer = desk.customer(request, account)
    if caller.test:
        return _dry(kind, customer, amount_micros, reason, order, caller.key.staff)
    desk.log(request, "adjustment", kind="deed", account=account, reason=reason)
    found = adjustments.propose(
        key=caller.deed,
        kind=kind,
        account=account,
        amount_micros=amount_micros,
        reason=reason,
        by=desk.person(request),
        at=at,
        order_id=order,
    )
    return _adjustment(found)


def _within(request: HttpRequest, proposal_id: str) -> proposals.Shown:
    """The proposal to move money, if it is of the key's brand. Raises UnknownProposal."""
    caller, found = desk.caller(request), proposals.proposal(proposal_id)
    if caller.test or found.brand != caller.brand or found.kind not in adjustments.MONEY:
        raise proposals.UnknownProposal(f"there is no proposal {proposal_id[:40]!r}")
    return found


def _adjustment(found: proposals.Shown) -> seen.Adjustment:
    return seen.Adjustment(
        id=found.proposal_id,
        kind=str(found.kind),
        account=found.account,
        order=found.subject or None,
        amount_micros=found.amount_micros,
        currency=found.currency,
        reason=found.reason,
        state=str(found.state),
        alone=found.alone,
        proposed_at=found.proposed_at,
        proposed_by=found.proposer,
        note=found.last.note if found.steps else "",
    )


def _dry(
    kind: ProposalKind, customer: party.Customer, amount_micros: int, reason: str, order: str, by: str
) -> seen.Adjustment:
    """What a test key gets: the shape of a proposal, and no proposal."""
    return seen.Adjustment(
        id="prop_sample",
        kind=kind.value,
        account=customer.account,
        order=order or None,
        amount_micros=amount_micros if kind is ProposalKind.GIVE_CREDIT else -amount_micros,
        currency=customer.currency,
        reason=reason,
        state="proposed",
        alone=False,
        proposed_at=settings.CIVIL_CLOCK.now(),
        proposed_by=by,
        note="",
    )
