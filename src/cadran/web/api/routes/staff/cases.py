"""Cases: reports and requests of customers, the most urgent first, with the answers of staff."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path
from pydantic import StringConstraints

from cadran.compliance import operations, queries, rules
from cadran.party.keys.rules import Scope
from cadran.web.api import shapes
from cadran.web.api import shapes_desk as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

CaseNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{12,20}$")]
_UNKNOWN = ("compliance-case-unknown", "compliance-case-invalid")


@operation(
    desk.router,
    "GET",
    "/staff/cases",
    scope=Scope.STAFF_READ_CASES,
    answers_with=seen.StaffCases,
    may_fail=desk.CUSTOMER,
)
def list_brand_cases(
    request: HttpRequest,
    state: rules.State = rules.State.OPEN,
    account: shapes.Account | None = None,
    limit: shapes.Limit = 50,
) -> seen.StaffCases:
    """The cases of the brand by their deadline; of one customer, newest first."""
    caller = desk.caller(request)
    if account:
        desk.customer(request, account)
    desk.log(request, "cases", kind="list", account=account or "")
    found = () if caller.test else queries.cases(account=account, state=state, brand=caller.brand, limit=limit)
    return seen.StaffCases(cases=[_case(one) for one in found])


@operation(
    desk.router,
    "GET",
    "/staff/cases/{number}",
    scope=Scope.STAFF_READ_CASES,
    also=(Scope.STAFF_READ_PERSONAL,),
    answers_with=seen.CasePage,
    may_fail=_UNKNOWN,
)
def read_case(request: HttpRequest, number: Path[CaseNumber]) -> seen.CasePage:
    """One case, and all that was said in it."""
    found = _within(request, number)
    desk.log(request, "case", account=found.account, subject=found.number)
    entries = [shapes.of(seen.CaseEntry, one) for one in queries.entries(found.number)]
    return seen.CasePage(case=_case(found), entries=entries)


@operation(
    desk.router,
    "POST",
    "/staff/cases/{number}/answers",
    scope=Scope.STAFF_WRITE_CASES,
    answers_with=seen.StaffCase,
    may_fail=_UNKNOWN,
)
def answer_case(request: HttpRequest, number: Path[CaseNumber], asked: Body[seen.AnswerAsked]) -> seen.StaffCase:
    """Answer a case; the customer is told by mail."""
    found = _within(request, number)
    desk.log(request, "case", kind="answer", account=found.account, subject=found.number)
    by = desk.person(request).name
    return _case(operations.answer(number=found.number, text=asked.text, by=by, at=settings.CIVIL_CLOCK.now()))


@operation(
    desk.router,
    "POST",
    "/staff/cases/{number}/closing",
    scope=Scope.STAFF_WRITE_CASES,
    answers_with=seen.StaffCase,
    may_fail=_UNKNOWN,
)
def close_case(request: HttpRequest, number: Path[CaseNumber], asked: Body[seen.ClosingAsked]) -> seen.StaffCase:
    """Close a case, with a last word if need be; the customer is told by mail."""
    found = _within(request, number)
    desk.log(request, "case", kind="answer", account=found.account, subject=found.number)
    by = desk.person(request).name
    return _case(operations.close(number=found.number, by=by, at=settings.CIVIL_CLOCK.now(), text=asked.text))


def _case(found: queries.Case) -> seen.StaffCase:
    return shapes.of(seen.StaffCase, found, blocked=list(found.blocked), late=found.late(settings.CIVIL_CLOCK.now()))


def _within(request: HttpRequest, number: str) -> queries.Case:
    caller = desk.caller(request)
    found = queries.case(number)
    if caller.test or found.brand != caller.brand:
        raise queries.UnknownCase("no case has that tracking number: check it in our e-mail")
    return found
