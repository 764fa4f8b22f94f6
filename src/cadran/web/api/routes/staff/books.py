"""The journal of the ledger, and the decisions on calls and orders with their clauses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Path, Query
from pydantic import StringConstraints

from cadran.charging import records
from cadran.charging import search as calls
from cadran.ledger import queries as ledger_queries
from cadran.ledger import search as ledger
from cadran.ledger import statement
from cadran.party import queries as party
from cadran.party import staff as staff_rules
from cadran.party.keys.rules import Scope
from cadran.payment import search as orders
from cadran.web.api import access, cursors, shapes, told
from cadran.web.api import shapes_books as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

Kind = Literal["posted", "pending", "post", "void", "expire"]
Clause = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,60}$")]
HOUSE = "house/"


@operation(
    desk.router,
    "GET",
    "/staff/journal",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.Journal,
    may_fail=(*desk.CUSTOMER, "api-cursor-invalid"),
)
def read_journal(
    request: HttpRequest,
    owner: Query[seen.Owner],
    kind: Kind | None = None,
    since: shapes.Instant | None = None,
    until: shapes.Instant | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.Journal:
    """The journal of one owner, newest first, and its accounts.

    An owner is the account of a customer of the brand, or `house/` and the key of the brand for the operator's own.
    """
    caller, where = desk.caller(request), f"journal {desk.caller(request).owner} {owner}"
    if owner.startswith(HOUSE):
        _own_house(caller, owner)
    else:
        desk.customer(request, owner)
    after = None
    if cursor:
        at, whose, transfer = cursors.read(where, cursor, (int, str, str))
        after = ledger.Place(cursors.at_instant(int(at)), str(whose), str(transfer))
    if caller.test:
        return seen.Journal(accounts=[], transfers=[], next=None)
    desk.log(request, "journal", kind="list", account="" if owner.startswith(HOUSE) else owner, subject=owner)
    found = ledger.journal(owner=owner, kind=kind or "", since=since, until=until, after=after, limit=limit)
    further = found.further
    return seen.Journal(
        accounts=[shapes.of(seen.BooksAccount, one) for one in ledger.accounts(owner)],
        transfers=[shapes.of(seen.JournalLine, one) for one in found.transfers],
        next=cursors.write(where, (cursors.instant(further.at), further.owner, further.transfer)) if further else None,
    )


@operation(
    desk.router,
    "GET",
    "/staff/journal/{account}/{path:transfer}",
    scope=Scope.STAFF_READ_LEDGER,
    answers_with=seen.JournalPage,
    may_fail=(*desk.CUSTOMER, "ledger-movement-unknown"),
)
def read_journal_line(
    request: HttpRequest, account: Path[shapes.Account], transfer: Path[seen.TransferId]
) -> seen.JournalPage:
    """One line of a customer's journal with its two legs."""
    desk.customer(request, account)
    found = None if desk.caller(request).test else ledger.transfer(account, transfer)
    if found is None:
        raise statement.UnknownMovement(f"{account} has no line {transfer[:60]!r}: see its journal")
    desk.log(request, "journal", account=account, subject=transfer[:120])
    return seen.JournalPage(
        line=shapes.of(seen.JournalLine, found),
        legs=[shapes.of(shapes.LedgerLeg, one) for one in ledger_queries.legs(account, [transfer])],
    )


@operation(
    desk.router,
    "GET",
    "/staff/decisions",
    scope=Scope.STAFF_READ_CALLS,
    answers_with=seen.Decisions,
    may_fail=(*desk.CUSTOMER, "api-cursor-invalid"),
)
def list_decisions(
    request: HttpRequest,
    of: Literal["calls", "orders"] = "calls",
    account: shapes.Account | None = None,
    clause: Clause | None = None,
    refused: bool = False,
    since: shapes.Instant | None = None,
    until: shapes.Instant | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.Decisions:
    """What was answered to the calls or the orders of the brand's customers, by which clause of which terms, newest first.

    `clause` and `refused` choose among calls. Those on orders need `staff:read:ledger` as well. The ends of numbers are hidden unless
    the key may see personal data. A page may hold fewer than `limit` while there are more: go on as long as `next` is not null.
    """
    caller = desk.caller(request)
    if of == "orders":
        caller.check(Scope.STAFF_READ_LEDGER)
    if account:
        desk.customer(request, account)
    where = f"decisions {of} {caller.owner}"
    place = cursors.read(where, cursor, (int,) if of == "orders" else (int, int)) if cursor else ()
    if caller.test:
        return seen.Decisions(decisions=[], next=None)
    desk.log(request, "decisions", kind="list", account=account or "")
    if of == "orders":
        return _of_orders(caller.brand, account or "", since, until, limit, place, where)
    after = calls.Place(cursors.at_instant(int(place[0])), int(place[1])) if place else None
    wanted = calls.Wanted(
        brands=[caller.brand],
        account=account or "",
        clause=clause or "",
        disposition="refused" if refused else "",
        since=since,
        until=until,
    )
    page = calls.calls(wanted, after=after, limit=limit)
    further = page.further
    return seen.Decisions(
        decisions=[_of_call(one, caller) for one in page.records],
        next=cursors.write(where, (cursors.instant(further.ended_at), further.position)) if further else None,
    )


def _of_orders(
    brand: str,
    account: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    place: tuple[int | str, ...],
    where: str,
) -> seen.Decisions:
    found = orders.orders(
        brands=(brand,),
        account=account,
        since=since,
        until=until,
        before=int(place[0]) if place else None,
        limit=limit + 1,
    )
    return seen.Decisions(
        decisions=[
            seen.DecisionOnRecord(
                at=one.placed_at,
                account=one.account,
                ref=one.order_id,
                clause=one.decision.clause,
                terms=one.terms,
                decision=told.decision(one.decision),
            )
            for _, one in found[:limit]
        ],
        next=cursors.write(where, (found[limit - 1][0],)) if len(found) > limit else None,
    )


def _of_call(record: records.Record, caller: access.Caller) -> seen.DecisionOnRecord:
    decision = shapes.Decision.model_validate(dict(record.decision)) if record.decision else None
    if decision is not None and not caller.may(Scope.STAFF_READ_PERSONAL):
        text = decision.model_dump_json()
        for digits in filter(None, (record.destination, record.shown)):
            text = text.replace(digits, staff_rules.masked_number(digits))
        decision = shapes.Decision.model_validate_json(text)
    return seen.DecisionOnRecord(
        at=record.authorised_at,
        account=record.account,
        ref=record.cdr_id,
        clause=record.clause,
        terms=record.terms,
        decision=decision,
    )


def _own_house(caller: access.Caller, owner: str) -> None:
    """The operator's own accounts are those of the key's brand. Raises UnknownCustomer."""
    if owner.removeprefix(HOUSE) != caller.brand:
        raise party.UnknownCustomer(f"no owner is known by {owner!r}: check the spelling")
