"""Staff itself: who works here, what each saw and did; and the search over everything that a member may see."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path
from pydantic import StringConstraints

from cadran.journeys import searching
from cadran.party import queries as party
from cadran.party import staff as staff_rules
from cadran.party import staff_operations, staff_queries
from cadran.party.keys.rules import Scope
from cadran.web.api import cursors, shapes
from cadran.web.api import shapes_desk as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk
from cadran.web.api.routes.staff.customers import Search

UserName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,32}$")]


@operation(desk.router, "POST", "/staff/search", scope=Scope.STAFF_READ_CUSTOMERS, answers_with=seen.FoundList)
def search_everything(request: HttpRequest, asked: Body[Search]) -> seen.FoundList:
    """Find customers, numbers, orders, receipts and calls at once, exact ones first.

    What the role may not see is not among them; names and the ends of numbers are hidden unless the key may see personal data.
    """
    caller = desk.caller(request)
    assert caller.member is not None
    desk.log(request, "search", kind="search", subject=asked.text)
    found = [] if caller.test else searching.search(asked.text, staff=caller.member, brand=caller.brand)
    if not caller.may(Scope.STAFF_READ_PERSONAL):
        found = [one.masked() for one in found]
    return seen.FoundList(found=[shapes.of(seen.Found, one) for one in found])


@operation(
    desk.router,
    "GET",
    "/staff/acts",
    scope=Scope.STAFF_READ_VIEWS,
    answers_with=seen.Acts,
    may_fail=(*desk.CUSTOMER, "party-staff-unknown", "api-cursor-invalid"),
)
def list_acts(
    request: HttpRequest,
    account: shapes.Account | None = None,
    who: UserName | None = None,
    since: shapes.Instant | None = None,
    until: shapes.Instant | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.Acts:
    """What staff saw and did, the last first: to whom, when, why.

    Staff of some brands alone names a customer's account; without one there is nothing.
    """
    caller = desk.caller(request)
    assert caller.member is not None
    if account:
        desk.customer(request, account)
    where = f"acts {caller.owner}"
    before = int(cursors.read(where, cursor, (int,))[0]) if cursor else None
    found: tuple[staff_queries.Act, ...] = ()
    if not caller.test and (account or not caller.member.brands):
        found = staff_queries.staff_acts(
            account=account or "",
            staff_id=_member(request, who).id if who else None,
            since=since,
            until=until,
            before=before,
            limit=limit + 1,
        )
    return seen.Acts(
        acts=[shapes.of(seen.Act, one) for one in found[:limit]],
        next=cursors.write(where, (found[limit - 1].id,)) if len(found) > limit else None,
    )


@operation(desk.router, "GET", "/staff/members", scope=Scope.STAFF_READ_STAFF, answers_with=seen.Members)
def list_members(request: HttpRequest) -> seen.Members:
    """Who works here, and what each role may."""
    found = () if desk.caller(request).test else staff_queries.staff_members()
    return seen.Members(members=[_shown(one) for one in found])


@operation(
    desk.router,
    "GET",
    "/staff/members/{user_name}",
    scope=Scope.STAFF_READ_STAFF,
    answers_with=seen.Member,
    may_fail=("party-staff-unknown",),
)
def read_member(request: HttpRequest, user_name: Path[UserName]) -> seen.Member:
    """One member of staff."""
    return _shown(_member(request, user_name))


@operation(
    desk.router,
    "POST",
    "/staff/customers/{account}/notes",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=(*desk.CUSTOMER, "party-staff-invalid"),
)
def add_note(request: HttpRequest, account: Path[shapes.Account], asked: Body[seen.NoteAsked]) -> None:
    """Write a note on a customer, for colleagues."""
    caller, customer = desk.caller(request), desk.customer(request, account)
    desk.log(request, "customer", kind="note", account=account)
    if not caller.test:
        assert caller.member is not None
        staff_operations.add_staff_note(
            staff_id=caller.member.id, customer_id=customer.id, text=asked.text, at=settings.CIVIL_CLOCK.now()
        )


def _member(request: HttpRequest, user_name: str) -> party.Staff:
    found = None if desk.caller(request).test else staff_queries.staff_named(user_name)
    if found is None:
        raise staff_operations.UnknownStaff(f"no member of staff is called {user_name!r}")
    return found


def _shown(one: party.Staff) -> seen.Member:
    permissions = sorted(permission.value for permission in staff_rules.MAY[one.role]) if one.active else []
    return shapes.of(seen.Member, one, permissions=permissions, brands=list(one.brands))
