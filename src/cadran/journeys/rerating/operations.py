"""Proposing, deciding and carrying out re-ratings. Each call's correction has a key of its own, so that a run that died goes on where
it stood and moves nothing twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

import structlog
from django.db import transaction
from django.db.models import F

from cadran.charging import traffic
from cadran.charging.ports import ChargingRefused, CorrectCharge, Corrections
from cadran.journeys.models import ReratedAccount, Rerating
from cadran.journeys.proposals import operations as proposals
from cadran.journeys.proposals import queries as proposal_queries
from cadran.journeys.proposals.rules import Person, ProposalKind, ProposalState
from cadran.journeys.rerating import queries, rules, weighing
from cadran.journeys.rerating.queries import Run
from cadran.journeys.rerating.rules import CHANGES, RunState, Scope, Weighed
from cadran.journeys.rerating.weighing import Preview, Progress
from cadran.party import queries as party
from cadran.policy import operations as policy
from cadran.policy.events import PendingEvent
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, new_id
from cadran.units.period import utc

log = structlog.get_logger()
SLICE = 250
AT_ONCE = 16
TOLD = "journeys.rerated"
LATER = ("internal", "busy")


class NothingToRerate(CadranError):
    """No call of that scope would change: none was charged otherwise, or all are out of time."""

    error_id = "journeys-rerating-nothing"


class AlreadyAsked(CadranError):
    """The same re-rating waits or runs already."""

    error_id = "journeys-rerating-already-asked"


class TooMuch(CadranError):
    """More for one customer than the brand lets be moved at once."""

    error_id = "journeys-rerating-too-much"


@carries("IPP-10.1-re-rating")
def propose(
    *,
    key: str,
    scope: Scope,
    reason: str,
    by: Person,
    at: datetime,
    progress: Progress = lambda done, total: None,
    preview: Preview | None = None,
) -> Run:
    """Ask for a re-rating: it always waits for a second person. Idempotent by key. reason: for customers to read.

    preview: one that was made just now for the same scope, to save making it again. Raises InvalidRerating, UnknownDeck, TooManyCalls,
    NothingToRerate, AlreadyAsked, TooMuch, ProposalConflict.
    """
    reason, at = rules.checked_reason(reason), utc(at)
    rerating_id = _id_of(key)
    if (known := Rerating.objects.filter(rerating_id=rerating_id).first()) is not None:
        return queries.shown(known)
    if preview is None or preview.scope != rules.checked_scope(scope, at):
        preview = weighing.preview(scope=scope, at=at, progress=progress)
    _check(preview)
    scope, tally = preview.scope, preview.tally
    with transaction.atomic():
        proposal = proposals.propose(
            key=rerating_id,
            kind=ProposalKind.RE_RATING,
            brand=scope.brand,
            subject=rerating_id,
            amount_micros=tally.down_micros - tally.up_micros,
            currency=preview.currency,
            reason=reason,
            body=scope.as_dict(),
            by=by,
            at=at,
            second=True,
        )
        row = Rerating.objects.create(
            rerating_id=rerating_id,
            proposal_id=proposal.proposal_id,
            brand=scope.brand,
            deck=scope.deck,
            version=scope.version,
            prefixes=list(scope.prefixes),
            since=scope.since,
            until=scope.until,
            last_position=preview.until_position,
            currency=preview.currency,
            reason=reason,
            state=RunState.WAITING,
            preview=preview.as_dict(),
            most_up_micros=tally.up_micros,
            most_down_micros=tally.down_micros,
            total=traffic.count(weighing.span_of(scope, preview.until_position)),
            proposed_at=at,
        )
        return queries.shown(row)


@carries("IPP-10.1-re-rating")
def approve(*, rerating_id: str, by: Person, at: datetime) -> Run:
    """A second person approves: the run begins. Raises SamePerson, NotPending, UnknownRerating."""
    found = queries.run(rerating_id)
    proposals.approve(proposal_id=found.proposal.proposal_id, by=by, proposer=_proposer(found.proposal), at=utc(at))
    return start(rerating_id=rerating_id)


def refuse(*, rerating_id: str, by: Person, reason: str, at: datetime) -> Run:
    """A second person refuses, and says why. Raises SamePerson, NotPending, UnknownRerating, InvalidProposal."""
    found = queries.run(rerating_id)
    proposals.refuse(
        proposal_id=found.proposal.proposal_id, by=by, proposer=_proposer(found.proposal), reason=reason, at=utc(at)
    )
    return queries.run(rerating_id)


def withdraw(*, rerating_id: str, by: Person, at: datetime) -> Run:
    """Whoever asked takes it back. Raises SamePerson for anybody else, NotPending, UnknownRerating."""
    proposals.withdraw(proposal_id=queries.run(rerating_id).proposal.proposal_id, by=by, at=utc(at))
    return queries.run(rerating_id)


def start(*, rerating_id: str) -> Run:
    """Let an approved run begin. Again changes nothing."""
    found = queries.run(rerating_id)
    if found.proposal.state is ProposalState.APPROVED:
        Rerating.objects.filter(rerating_id=rerating_id, state=RunState.WAITING).update(state=RunState.RUNNING)
    return queries.run(rerating_id)


def follow(event: PendingEvent, charging: object) -> None:
    """An approved re-rating begins, should the page that approved it have died."""
    if event.body["kind"] == ProposalKind.RE_RATING:
        start(rerating_id=str(event.body["subject"]))


def carry_on(*, charging: Corrections, at: datetime, limit: int = SLICE, workers: int = 1) -> int:
    """A slice of each run in progress; returns how many calls were looked at and customers told. Raises charging's errors: nothing is
    known then, and the same slice is gone through again. workers: how many corrections are asked for at once, by threads, so that
    charging writes many in one batch."""
    carry = partial(carry_slice, charging=charging, at=at, limit=limit, workers=workers)
    return sum(carry(rerating_id=one) for one in queries.running())


@carries("IPP-10.1-re-rating")
def carry_slice(*, rerating_id: str, charging: Corrections, at: datetime, limit: int = SLICE, workers: int = 1) -> int:
    """The next slice of one run, at most `limit` calls; returns how much was done, 0 once it is over.

    Two who carry one run at once do no harm: the corrections are idempotent, and only one of them moves the place.
    """
    row, at = Rerating.objects.get(rerating_id=rerating_id), utc(at)
    if row.state == RunState.TELLING:
        return _tell(row, at)
    if row.state != RunState.RUNNING:
        return 0
    scope = queries.scope_of(row)
    place = traffic.Place(row.ended_at, row.position) if row.ended_at else None
    batch = traffic.page(weighing.span_of(scope, row.last_position), after=place, limit=limit)
    if batch is None:
        Rerating.objects.filter(pk=row.pk, state=RunState.RUNNING).update(state=RunState.TELLING, looked_at=F("total"))
        return 1
    calls, further = batch
    scales = weighing.Scales(scope, at=at, run_id=rerating_id)
    weighed = tuple(scales.weigh(calls))
    if problem := _beyond_approved(row, weighed):
        _stop(row, problem, at)
        return 1
    correct = partial(_correct, scales=scales, reason=row.reason, charging=charging, at=at)
    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            done = list(pool.map(correct, weighed))
    else:
        done = [correct(one) for one in weighed]
    _write(row, further, weighed, done, limit)
    return len(calls) or 1


def _correct(
    one: Weighed, *, scales: weighing.Scales, reason: str, charging: Corrections, at: datetime
) -> tuple[str, int]:
    """Correct a call that changes: why it was left as it was (empty: it was corrected), and what is owed."""
    if one.verdict not in CHANGES:
        return one.verdict.value, 0
    request = CorrectCharge(
        key=scales.key(one.call),
        account=one.call.account,
        cdr_id=one.call.cdr_id,
        charge_micros=one.after_micros,
        reason=reason,
        at=at,
        rate=one.rate,
    )
    try:
        return "", charging.correct(request).owed_micros
    except ChargingRefused as error:
        why = str(error.details.get("reason", ""))
        if why in LATER:
            raise
        log.warning("call-not-rerated", cdr=one.call.cdr_id, reason=why)
        return f"refused-{why}"[:60], 0


def _write(
    row: Rerating, further: traffic.Place, weighed: Sequence[Weighed], done: Sequence[tuple[str, int]], limit: int
) -> None:
    """The place reached and the sums up to there, in one transaction, by whoever comes first."""
    up = down = owed = 0
    left, mine = Counter(row.left), dict[str, list[int]]()
    for one, (why, short) in zip(weighed, done, strict=True):
        if why:
            left[why] += 1
            continue
        rise, fall = max(0, one.change_micros), max(0, -one.change_micros)
        up, down, owed = up + rise, down + fall, owed + short
        sums = mine.setdefault(one.call.account, [0, 0, 0, 0])
        for index, micros in enumerate((1, rise, fall, short)):
            sums[index] += micros
    with transaction.atomic():
        here = Rerating.objects.filter(pk=row.pk, state=RunState.RUNNING, position=row.position, ended_at=row.ended_at)
        moved = here.update(
            ended_at=further.ended_at,
            position=further.position,
            looked_at=F("looked_at") + limit,
            corrected=F("corrected") + sum(sums[0] for sums in mine.values()),
            up_micros=F("up_micros") + up,
            down_micros=F("down_micros") + down,
            owed_micros=F("owed_micros") + owed,
            left=dict(left),
        )
        if not moved:
            return
        Rerating.objects.filter(pk=row.pk, looked_at__gt=F("total")).update(looked_at=F("total"))
        for account, (calls, rise, fall, short) in mine.items():
            kept, _ = ReratedAccount.objects.get_or_create(rerating=row, account=account)
            ReratedAccount.objects.filter(pk=kept.pk).update(
                calls=F("calls") + calls,
                up_micros=F("up_micros") + rise,
                down_micros=F("down_micros") + fall,
                owed_micros=F("owed_micros") + short,
            )


def _beyond_approved(row: Rerating, weighed: Sequence[Weighed]) -> str:
    """Why the run must stop here: it would move more than was approved. Empty where it does not."""
    up = sum(max(0, one.change_micros) for one in weighed if one.verdict in CHANGES)
    down = sum(max(0, -one.change_micros) for one in weighed if one.verdict in CHANGES)
    if row.up_micros + up > row.most_up_micros or row.down_micros + down > row.most_down_micros:
        return "stopped: prices changed since the approval, and more would be moved than was approved; propose it again"
    return ""


def _stop(row: Rerating, why: str, at: datetime) -> None:
    """End a run before its end; those who were touched are told."""
    Rerating.objects.filter(pk=row.pk, state=RunState.RUNNING).update(state=RunState.TELLING, note=why)
    log.error("rerating-stopped", rerating=row.rerating_id, why=why)


def _tell(row: Rerating, at: datetime) -> int:
    """Tell the next customers, each once; then the run is over."""
    with transaction.atomic():
        waiting = list(row.accounts.select_for_update().filter(told=False).order_by("id")[:SLICE])
        for one in waiting:
            policy.record_event(kind=TOLD, key=f"{row.rerating_id}:{one.account}", body=_body(row, one), at=at)
        row.accounts.filter(pk__in=[one.pk for one in waiting]).update(told=True)
        if waiting:
            return len(waiting)
        state = RunState.STOPPED if row.note else RunState.DONE
        if Rerating.objects.filter(pk=row.pk, state=RunState.TELLING).update(state=state, finished_at=at):
            proposals.finished(
                proposal_id=row.proposal_id,
                failed=bool(row.note),
                note=row.note,
                at=at,
            )
    return 1


def _body(row: Rerating, one: ReratedAccount) -> dict[str, object]:
    return {
        "rerating": row.rerating_id,
        "account": one.account,
        "brand": row.brand,
        "calls": one.calls,
        "up_micros": one.up_micros,
        "down_micros": one.down_micros,
        "owed_micros": one.owed_micros,
        "currency": row.currency,
        "reason": row.reason,
        "since": row.since.isoformat(),
        "until": row.until.isoformat(),
    }


def _check(preview: Preview) -> None:
    scope, tally = preview.scope, preview.tally
    if not tally.changed:
        raise NothingToRerate("no call would change: none was charged otherwise, or the time to correct them is over")
    account, most = tally.most_for_one()
    allowed = proposal_queries.limits(scope.brand).most_micros
    if most > allowed:
        raise TooMuch(f"{account} alone would move {most} micros, and {allowed} is the most at once: narrow the period")
    waiting = Rerating.objects.filter(
        brand=scope.brand,
        deck=scope.deck,
        version=scope.version,
        prefixes=list(scope.prefixes),
        since=scope.since,
        until=scope.until,
        state__in=(RunState.WAITING, RunState.RUNNING, RunState.TELLING),
    )
    for row in waiting:
        state = proposal_queries.proposal(row.proposal_id).state
        if state in (ProposalState.PROPOSED, ProposalState.APPROVED):
            raise AlreadyAsked(f"{row.rerating_id} asks for the same and is {row.state}: see `cadran rerate status`")


def _id_of(key: str) -> str:
    """The id of the run that a key asks for: short, since it begins the key of each call's correction."""
    return f"rer_{hashlib.sha256(checked_key(key).encode()).hexdigest()[:20]}"


def new_key() -> str:
    """A key for one run, to be sent again with the same form."""
    return new_id("rerate")


def _proposer(found: proposal_queries.Shown) -> Person:
    member = party.staff(found.proposed_by)
    return Person(user_id=found.proposed_by, name=found.proposer, email=member.email if member else "")
