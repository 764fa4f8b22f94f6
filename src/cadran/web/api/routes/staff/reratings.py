"""Calls of the past charged again: seen before, asked for, approved by a second person, followed."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.catalog import queries as catalog
from cadran.journeys.deck_reports import CARRIER
from cadran.journeys.rerating import operations, queries, rules, weighing
from cadran.party.keys.rules import Scope
from cadran.web.api import access, shapes
from cadran.web.api import shapes_rerating as seen
from cadran.web.api import shapes_staff as asks
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk
from cadran.web.api.routes.staff.deck_reports import MOST_CALLS, MOST_LINES

_UNKNOWN = ("journeys-rerating-unknown",)
_DECIDED = ("journeys-proposal-same-person", "journeys-proposal-not-pending")
_SCOPED = ("journeys-rerating-invalid", "journeys-rerating-too-many", "catalog-deck-unknown")
_ASKED = (
    *("journeys-rerating-nothing", "journeys-rerating-already-asked", "journeys-rerating-too-much"),
    "journeys-proposal-conflict",
)


@operation(desk.router, "GET", "/staff/reratings", scope=Scope.STAFF_READ_LEDGER, answers_with=seen.Reratings)
def list_reratings(request: HttpRequest, limit: shapes.Limit = 50) -> seen.Reratings:
    """What was charged again, and what waits, newest first."""
    caller = desk.caller(request)
    found = () if caller.test else queries.runs(brand=caller.brand, limit=limit)
    return seen.Reratings(reratings=[_shown(one) for one in found])


@operation(
    desk.router,
    "POST",
    "/staff/rerating-previews",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.ReratingPreview,
    may_fail=_SCOPED,
    kept=False,
)
def preview_rerating(request: HttpRequest, asked: Body[seen.ReratingWish]) -> seen.ReratingPreview:
    """What a re-rating would do; nothing is written.

    20,000 calls at most; the page of the back office and `cadran rerate` go through more.
    """
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    scope = _scope(caller, asked, at)
    desk.log(request, "rerating-preview", subject=f"{scope.brand}/{scope.deck}/{scope.version}")
    return _preview(_weighed(caller, scope, at).as_dict())


@operation(
    desk.router,
    "POST",
    "/staff/reratings",
    scope=Scope.STAFF_WRITE_CREDIT,
    answers_with=seen.Rerating,
    status=201,
    may_fail=(*_SCOPED, *_ASKED),
)
def propose_rerating(request: HttpRequest, asked: Body[seen.ReratingAsked]) -> seen.Rerating:
    """Ask for calls of the past to be charged again by a corrected price list.

    It always waits for a second person, and moves no more than its preview says. 20,000 calls at most, as in a preview.
    """
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    scope, reason = _scope(caller, asked, at), rules.checked_reason(asked.reason)
    preview = _weighed(caller, scope, at)
    if caller.test:
        return _dry(preview, reason, caller.key.staff)
    desk.log(request, "rerating", kind="rerating-ask", subject=f"{scope.brand}/{scope.version}", reason=reason[:200])
    by = desk.person(request)
    return _shown(operations.propose(key=caller.deed, scope=scope, reason=reason, by=by, at=at, preview=preview))


@operation(
    desk.router,
    "GET",
    "/staff/reratings/{rerating_id}",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.ReratingPage,
    may_fail=_UNKNOWN,
)
def read_rerating(request: HttpRequest, rerating_id: Path[shapes.Identifier]) -> seen.ReratingPage:
    """One re-rating: what was asked, how far it has come, and what it did."""
    found = _within(request, rerating_id)
    touched = queries.customers_of(rerating_id)
    return seen.ReratingPage(
        rerating=_shown(found),
        preview=_preview(dict(found.preview)),
        customers=touched["customers"],
        told=touched["told"],
    )


@operation(
    desk.router,
    "POST",
    "/staff/reratings/{rerating_id}/approval",
    scope=Scope.STAFF_APPROVE_CREDIT,
    also=(Scope.STAFF_READ_LEDGER,),
    answers_with=seen.Rerating,
    may_fail=(*_UNKNOWN, *_DECIDED),
)
def approve_rerating(request: HttpRequest, rerating_id: Path[shapes.Identifier]) -> seen.Rerating:
    """Approve what a colleague asked for; it begins soon after.

    The key stands for the person who made it: nobody approves what they asked for themselves, by whichever key or page.
    """
    _within(request, rerating_id)
    desk.log(request, "rerating", kind="rerating-approve", subject=rerating_id)
    by, at = desk.person(request), settings.CIVIL_CLOCK.now()
    return _shown(operations.approve(rerating_id=rerating_id, by=by, at=at))


@operation(
    desk.router,
    "POST",
    "/staff/reratings/{rerating_id}/refusal",
    scope=Scope.STAFF_APPROVE_CREDIT,
    also=(Scope.STAFF_READ_LEDGER,),
    answers_with=seen.Rerating,
    may_fail=(*_UNKNOWN, *_DECIDED, "journeys-proposal-invalid"),
)
def refuse_rerating(
    request: HttpRequest, rerating_id: Path[shapes.Identifier], asked: Body[asks.ReasonAsked]
) -> seen.Rerating:
    """Refuse what a colleague asked for, and say why."""
    _within(request, rerating_id)
    desk.log(request, "rerating", kind="rerating-refuse", subject=rerating_id)
    by, at = desk.person(request), settings.CIVIL_CLOCK.now()
    return _shown(operations.refuse(rerating_id=rerating_id, by=by, reason=asked.reason, at=at))


@operation(
    desk.router,
    "POST",
    "/staff/reratings/{rerating_id}/withdrawal",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.Rerating,
    may_fail=(*_UNKNOWN, *_DECIDED),
)
def withdraw_rerating(request: HttpRequest, rerating_id: Path[shapes.Identifier]) -> seen.Rerating:
    """Take back what one asked for oneself, while it waits."""
    _within(request, rerating_id)
    desk.log(request, "rerating", kind="rerating-withdraw", subject=rerating_id)
    by, at = desk.person(request), settings.CIVIL_CLOCK.now()
    return _shown(operations.withdraw(rerating_id=rerating_id, by=by, at=at))


def _scope(caller: access.Caller, asked: seen.ReratingWish, at: datetime) -> rules.Scope:
    """What is asked for, of the key's brand. Raises InvalidRerating, UnknownDeck."""
    if asked.deck.startswith(CARRIER):
        raise rules.InvalidRerating("choose a price list of customers: a carrier's prices no call", rule="deck")
    scope = rules.Scope(
        brand=caller.brand,
        deck=asked.deck,
        version=asked.version,
        since=asked.since,
        until=asked.until,
        prefixes=tuple(asked.prefixes),
    )
    if catalog.deck(scope.brand, scope.deck, scope.version).lines > MOST_LINES:
        raise rules.InvalidRerating(f"more than {MOST_LINES} lines: `cadran rerate` takes larger lists", rule="deck")
    return rules.checked_scope(scope, at)


def _weighed(caller: access.Caller, scope: rules.Scope, at: datetime) -> weighing.Preview:
    """The preview, if it is no more than one answer goes through; a test key's is of no call. Raises TooManyCalls."""
    if caller.test:
        currency = catalog.deck(scope.brand, scope.deck, scope.version).currency
        return weighing.Preview(scope=scope, at=at, currency=currency, until_position=0, tally=rules.Tally())
    steps = weighing.preview_steps(scope=scope, at=at)
    while True:
        try:
            _, total = next(steps)
        except StopIteration as done:
            found: weighing.Preview = done.value
            return found
        if total > MOST_CALLS:
            raise weighing.TooManyCalls(f"{total} calls, and an answer goes through {MOST_CALLS}: shorten the period")


def _within(request: HttpRequest, rerating_id: str) -> queries.Run:
    """The re-rating, if it is of the key's brand. Raises UnknownRerating."""
    caller, found = desk.caller(request), queries.run(rerating_id)
    if caller.test or found.scope.brand != caller.brand:
        raise queries.UnknownRerating(f"there is no re-rating {rerating_id[:40]!r}")
    return found


def _shown(found: queries.Run) -> seen.Rerating:
    scope = found.scope
    return shapes.of(
        seen.Rerating,
        found,
        id=found.rerating_id,
        deck=scope.deck,
        version=scope.version,
        since=scope.since,
        until=scope.until,
        prefixes=list(scope.prefixes),
        state=found.state.value,
        decided=found.proposal.state.value,
        proposed_by=found.proposal.proposer,
        unchanged=dict(found.left),
    )


def _preview(told: dict[str, object]) -> seen.ReratingPreview:
    """A preview as it is kept, as JSON."""
    largest = told["largest"]
    assert isinstance(largest, list)
    given = {name: told[name] for name in seen.ReratingPreview.model_fields if name in told}
    rows = [{"call" if name == "cdr" else name: value for name, value in row.items()} for row in largest]
    return seen.ReratingPreview.model_validate(
        {**given, "verdicts": told["calls"], "kept": told["left"], "largest": rows}
    )


def _dry(preview: weighing.Preview, reason: str, by: str) -> seen.Rerating:
    """What a test key gets: the shape of a re-rating, and no re-rating."""
    scope = preview.scope
    return seen.Rerating(
        id="rer_sample",
        deck=scope.deck,
        version=scope.version,
        since=scope.since,
        until=scope.until,
        prefixes=list(scope.prefixes),
        currency=preview.currency,
        reason=reason,
        state="waiting",
        decided="proposed",
        proposed_at=preview.at,
        proposed_by=by,
        total=0,
        looked_at=0,
        corrected=0,
        up_micros=0,
        down_micros=0,
        owed_micros=0,
        unchanged={},
        note="",
        finished_at=None,
    )
