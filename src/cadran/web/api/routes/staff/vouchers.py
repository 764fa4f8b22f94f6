"""Vouchers by the brand's staff: batches asked for, approved, issued, blocked. Sheets with codes leave by the back office alone."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.journeys import vouchers as journey
from cadran.journeys.proposals import operations as decisions
from cadran.journeys.proposals import queries as proposals
from cadran.party.keys.rules import Scope
from cadran.payment.vouchers import operations, queries
from cadran.payment.vouchers.operations import Hand
from cadran.payment.vouchers.rules import VoucherState, Wish
from cadran.policy import queries as policy
from cadran.web.api import cursors, shapes
from cadran.web.api import shapes_staff as staff
from cadran.web.api import shapes_vouchers as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

_UNKNOWN = ("vouchers-batch-unknown",)
_DECIDED = ("journeys-proposal-unknown", "journeys-proposal-same-person", "journeys-proposal-not-pending")
_DONE = (*_UNKNOWN, "vouchers-batch-invalid", "vouchers-batch-not-ready", "vouchers-nothing-done")


@operation(
    desk.router, "GET", "/staff/vouchers/figures", scope=Scope.STAFF_READ_VOUCHERS, answers_with=seen.VoucherFigures
)
def read_voucher_figures(request: HttpRequest) -> seen.VoucherFigures:
    """What the brand's vouchers are worth: issued, redeemed, ended, still owed."""
    caller = desk.caller(request)
    found = queries.Figures(counts={}, micros={}) if caller.test else queries.figures(caller.brand)
    return seen.VoucherFigures(
        currency=policy.brand(caller.brand).currency,
        issued_micros=found.ever_issued_micros,
        redeemed_micros=found.redeemed_micros,
        ended_micros=found.ended_micros,
        outstanding_micros=found.outstanding_micros,
        states=[seen.VoucherCount(state=str(state), count=count) for state, count in found.counts.items()],
    )


@operation(
    desk.router,
    "GET",
    "/staff/vouchers/batches",
    scope=Scope.STAFF_READ_VOUCHERS,
    answers_with=seen.VoucherBatches,
    may_fail=("api-cursor-invalid",),
)
def list_voucher_batches(
    request: HttpRequest, limit: shapes.Limit = 50, cursor: shapes.Cursor = ""
) -> seen.VoucherBatches:
    """The brand's batches of vouchers, newest first."""
    caller = desk.caller(request)
    where = f"voucher batches {caller.brand}"
    before = int(cursors.read(where, cursor, (int,))[0]) if cursor else 0
    found = () if caller.test else queries.batches(brands=(caller.brand,), before=before, limit=limit + 1)
    return seen.VoucherBatches(
        batches=[_batch(one) for _, one in found[:limit]],
        next=cursors.write(where, (found[limit - 1][0],)) if len(found) > limit else None,
    )


@operation(
    desk.router,
    "POST",
    "/staff/vouchers/batches",
    scope=Scope.STAFF_WRITE_VOUCHERS,
    answers_with=seen.VoucherBatch,
    status=201,
    may_fail=("vouchers-batch-invalid", "journeys-proposal-invalid"),
)
def propose_voucher_batch(request: HttpRequest, asked: Body[seen.VoucherBatchAsked]) -> seen.VoucherBatch:
    """Ask for a batch of vouchers.

    Within what one person may do alone it is made at once; above it, it waits for a second person. Its sheets are taken in the
    back office, once.
    """
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    wish = Wish(series=asked.series, face_micros=asked.face_micros, count=asked.count, valid_days=asked.valid_days)
    if caller.test:
        raise queries.UnknownBatch("a test key makes no vouchers")
    desk.log(request, "vouchers", kind="voucher-ask", reason=asked.reason)
    made = journey.propose_batch(
        key=caller.deed, brand=caller.brand, wish=wish, reason=asked.reason, by=desk.person(request), at=at
    )
    return _batch(queries.batch(made.subject))


@operation(
    desk.router,
    "GET",
    "/staff/vouchers/batches/{batch_id}",
    scope=Scope.STAFF_READ_VOUCHERS,
    answers_with=seen.VoucherBatch,
    may_fail=_UNKNOWN,
)
def read_voucher_batch(request: HttpRequest, batch_id: Path[shapes.Identifier]) -> seen.VoucherBatch:
    """A batch, how far it is made, and how its vouchers stand."""
    return _batch(_within(request, batch_id))


@operation(
    desk.router,
    "POST",
    "/staff/vouchers/batches/{batch_id}/approval",
    scope=Scope.STAFF_APPROVE_CREDIT,
    answers_with=seen.VoucherBatch,
    may_fail=(*_UNKNOWN, *_DECIDED),
)
def approve_voucher_batch(request: HttpRequest, batch_id: Path[shapes.Identifier]) -> seen.VoucherBatch:
    """Approve a batch that a colleague asked for; its vouchers are made soon after."""
    found = _within(request, batch_id)
    desk.log(request, "vouchers", kind="voucher-approve", subject=batch_id)
    journey.approve(proposal_id=_proposal(found), by=desk.person(request), at=settings.CIVIL_CLOCK.now())
    return _batch(queries.batch(batch_id))


@operation(
    desk.router,
    "POST",
    "/staff/vouchers/batches/{batch_id}/refusal",
    scope=Scope.STAFF_APPROVE_CREDIT,
    answers_with=seen.VoucherBatch,
    may_fail=(*_UNKNOWN, *_DECIDED, "journeys-proposal-invalid"),
)
def refuse_voucher_batch(
    request: HttpRequest, batch_id: Path[shapes.Identifier], asked: Body[staff.ReasonAsked]
) -> seen.VoucherBatch:
    """Refuse a batch that a colleague asked for, and say why."""
    found, at = _within(request, batch_id), settings.CIVIL_CLOCK.now()
    desk.log(request, "vouchers", kind="voucher-refuse", subject=batch_id)
    journey.refuse(proposal_id=_proposal(found), by=desk.person(request), reason=asked.reason, at=at)
    return _batch(queries.batch(batch_id))


@operation(
    desk.router,
    "POST",
    "/staff/vouchers/batches/{batch_id}/withdrawal",
    scope=Scope.STAFF_WRITE_VOUCHERS,
    answers_with=seen.VoucherBatch,
    may_fail=(*_UNKNOWN, *_DECIDED),
)
def withdraw_voucher_batch(request: HttpRequest, batch_id: Path[shapes.Identifier]) -> seen.VoucherBatch:
    """Take back a batch that one asked for oneself, while it waits."""
    found, at = _within(request, batch_id), settings.CIVIL_CLOCK.now()
    desk.log(request, "vouchers", kind="voucher-withdraw", subject=batch_id)
    decisions.withdraw(proposal_id=_proposal(found), by=desk.person(request), at=at)
    operations.dropped(batch_id=batch_id, at=at)
    return _batch(queries.batch(batch_id))


@operation(
    desk.router,
    "POST",
    "/staff/vouchers/batches/{batch_id}/issue",
    scope=Scope.STAFF_WRITE_VOUCHERS,
    answers_with=seen.VoucherDeed,
    status=201,
    may_fail=(*_DONE, "vouchers-same-hands"),
)
def issue_vouchers(
    request: HttpRequest, batch_id: Path[shapes.Identifier], asked: Body[seen.VoucherRangeAsked]
) -> seen.VoucherDeed:
    """Make vouchers good, from one place of their batch to another: they are handed out or sold."""
    caller, found = desk.caller(request), _within(request, batch_id)
    desk.log(request, "vouchers", kind="voucher-issue", subject=batch_id, reason=asked.reason)
    deed = operations.issue(
        batch_id=batch_id,
        first=asked.first,
        last=asked.last,
        alone_micros=policy.brand(found.brand).staff_alone_micros,
        reason=asked.reason,
        key=caller.deed,
        by=_hand(request),
        at=settings.CIVIL_CLOCK.now(),
    )
    return _deed(deed)


@operation(
    desk.router,
    "POST",
    "/staff/vouchers/batches/{batch_id}/block",
    scope=Scope.STAFF_BLOCK_VOUCHERS,
    answers_with=seen.VoucherDeed,
    status=201,
    may_fail=_DONE,
)
def block_vouchers(
    request: HttpRequest, batch_id: Path[shapes.Identifier], asked: Body[seen.VoucherRangeAsked]
) -> seen.VoucherDeed:
    """Block vouchers for good, from one place of their batch to another: those that nobody redeemed."""
    caller = desk.caller(request)
    _within(request, batch_id)
    desk.log(request, "vouchers", kind="voucher-block", subject=batch_id, reason=asked.reason)
    deed = operations.block(
        batch_id=batch_id,
        first=asked.first,
        last=asked.last,
        reason=asked.reason,
        key=caller.deed,
        by=_hand(request),
        at=settings.CIVIL_CLOCK.now(),
    )
    return _deed(deed)


@operation(
    desk.router,
    "GET",
    "/staff/vouchers/{serial}",
    scope=Scope.STAFF_READ_VOUCHERS,
    answers_with=seen.Voucher,
    may_fail=("vouchers-voucher-unknown", "vouchers-serial-invalid"),
)
def read_voucher_by_serial(request: HttpRequest, serial: Path[seen.Serial]) -> seen.Voucher:
    """A voucher by its serial number, and what happened to it."""
    caller = desk.caller(request)
    found = None if caller.test else queries.voucher(serial)
    if found is None or found.batch.brand != caller.brand:
        raise queries.UnknownVoucher(f"no voucher has the serial {serial!r}")
    desk.log(request, "voucher", account=found.account, subject=found.serial)
    return seen.Voucher(
        serial=found.serial,
        batch=found.batch.batch_id,
        place=found.index,
        state=str(found.state),
        account=found.account or None,
        face_micros=found.batch.face_micros,
        currency=found.batch.currency,
        expires_at=found.batch.expires_at,
        deeds=[_deed(one) for one in found.deeds],
    )


def _within(request: HttpRequest, batch_id: str) -> queries.Batch:
    """The batch, if it is of the key's brand. Raises UnknownBatch."""
    caller = desk.caller(request)
    found = None if caller.test else queries.batch(batch_id)
    if found is None or found.brand != caller.brand:
        raise queries.UnknownBatch(f"there is no batch {batch_id!r}")
    return found


def _proposal(batch: queries.Batch) -> str:
    return journey.proposal_of(batch.batch_id)


def _hand(request: HttpRequest) -> Hand:
    person = desk.person(request)
    return Hand(user_id=person.user_id, name=person.name)


def _batch(found: queries.Batch) -> seen.VoucherBatch:
    proposal = proposals.proposals(subject=found.batch_id, limit=1)
    counts = queries.states(found.batch_id)
    return seen.VoucherBatch(
        id=found.batch_id,
        brand=found.brand,
        series=found.series,
        number=found.number,
        face_micros=found.face_micros,
        currency=found.currency,
        count=found.count,
        made=found.made,
        state=str(found.state),
        expires_at=found.expires_at,
        terms=found.terms,
        reason=found.reason,
        replaces=found.replaces or None,
        proposal=proposal[0].proposal_id if proposal else None,
        proposed_by=found.made_by_name,
        proposed_at=found.made_at,
        taken_by=found.taken_by_name or None,
        taken_at=found.taken_at,
        states=[seen.VoucherCount(state=str(one), count=counts[one]) for one in VoucherState if one in counts],
    )


def _deed(found: queries.Deed) -> seen.VoucherDeed:
    return seen.VoucherDeed(
        id=found.deed_id,
        batch=found.batch_id,
        kind=found.kind,
        first=found.first,
        last=found.last,
        count=found.count,
        micros=found.micros,
        reason=found.reason,
        by=found.by_name,
        at=found.at,
    )
