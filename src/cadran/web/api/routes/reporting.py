"""Reports of lost codes and of abuse, by the customer or by somebody who cannot sign in, and cases: opened, written in, followed."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path
from pydantic import StringConstraints

from cadran.compliance import operations, queries, rules
from cadran.journeys import reports
from cadran.party.keys.rules import Scope
from cadran.units.ids import new_id
from cadran.web import serving
from cadran.web.api import access, shapes
from cadran.web.api import shapes_customer as told
from cadran.web.api.application import operation
from cadran.web.api.routes import papers
from cadran.web.api.routes.account import account_of
from cadran.web.api.routes.papers import case
from cadran.web.api.shapes_papers import Case

CaseNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{12,20}$")]
A_HOUR = 3600
_INVALID = ("compliance-case-invalid",)
_UNKNOWN = ("compliance-case-unknown", *_INVALID)


def _test(request: HttpRequest) -> bool:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller.test


@operation(
    papers.router,
    "POST",
    "/reports",
    scope=Scope.WRITE_ACCOUNT,
    answers_with=Case,
    status=201,
    may_fail=_INVALID,
)
def report(request: HttpRequest, asked: Body[told.ReportAsked]) -> Case:
    """Report codes lost or stolen, or the account used by somebody else.

    What is named is blocked at once, abuse blocks all: then this key too waits for a new password. The case has a tracking number.
    """
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    customer, at = account_of(request).customer, settings.CIVIL_CLOCK.now()
    access.at_most(request, "report", customer.account, 6, A_HOUR)
    if caller.test:
        return _sample(rules.Kind(asked.kind), asked.text or "test")
    made = reports.report(
        customer=customer,
        kind=rules.Kind(asked.kind),
        lost=set(asked.lost),
        text=asked.text,
        key=caller.deed,
        at=at,
    )
    return case(made)


@operation(
    papers.router, "POST", "/reports/outside", answers_with=Case, status=201, open_to_all=True, may_fail=_INVALID
)
def report_from_outside(request: HttpRequest, asked: Body[told.OutsideReportAsked]) -> Case:
    """Report for somebody who cannot sign in.

    Something is blocked only where user name and address belong together; the answer is the same either way.
    """
    access.at_most(request, "report", access.client_address(request), 6, A_HOUR)
    made = reports.report_from_outside(
        brand=serving.brand_key(),
        user_name=asked.user_name,
        email=asked.email,
        kind=rules.Kind(asked.kind),
        lost=set(asked.lost),
        text=asked.text,
        key=new_id("report"),
        at=settings.CIVIL_CLOCK.now(),
    )
    return case(made)


@operation(papers.router, "POST", "/cases", scope=Scope.WRITE_ACCOUNT, answers_with=Case, status=201, may_fail=_INVALID)
def open_case(request: HttpRequest, asked: Body[told.CaseAsked]) -> Case:
    """Ask or request something of the operator: the case has a tracking number, and a day by which it is answered."""
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    customer = account_of(request).customer
    if caller.test:
        return _sample(rules.Kind(asked.kind), asked.text)
    made = operations.open_case(
        key=f"inside:{customer.account}:{caller.deed}",
        kind=rules.Kind(asked.kind),
        account=customer.account,
        brand=customer.brand,
        text=asked.text,
        at=settings.CIVIL_CLOCK.now(),
    )
    return case(made)


@operation(
    papers.router,
    "POST",
    "/cases/follow",
    answers_with=told.Followed,
    open_to_all=True,
    may_fail=_UNKNOWN,
)
def follow_case(request: HttpRequest, asked: Body[told.CaseNumberAsked]) -> told.Followed:
    """How a case stands, by its tracking number alone, and nothing of what was said in it."""
    access.at_most(request, "follow-case", access.client_address(request), 20, A_HOUR)
    found = queries.case(asked.number)
    if found.brand != serving.brand_key():
        raise queries.UnknownCase("no case has that tracking number: check it in our e-mail")
    return shapes.of(told.Followed, found)


@operation(
    papers.router, "GET", "/cases/{number}", scope=Scope.READ_ACCOUNT, answers_with=told.OwnCase, may_fail=_UNKNOWN
)
def read_own_case(request: HttpRequest, number: Path[CaseNumber]) -> told.OwnCase:
    """One of the customer's cases, and all that was said in it."""
    account = "test" if _test(request) else account_of(request).customer.account
    found = queries.case(number, account=account)
    entries = [shapes.of(told.OwnEntry, one) for one in queries.entries(found.number)]
    return told.OwnCase(case=case(found), blocked=list(found.blocked), entries=entries)


@operation(
    papers.router,
    "POST",
    "/cases/{number}/messages",
    scope=Scope.WRITE_ACCOUNT,
    answers_with=Case,
    may_fail=_UNKNOWN,
)
def write_in_case(request: HttpRequest, number: Path[CaseNumber], asked: Body[told.Message]) -> Case:
    """Write further in a case that is not closed."""
    account = "test" if _test(request) else account_of(request).customer.account
    return case(operations.write(number=number, account=account, text=asked.text, at=settings.CIVIL_CLOCK.now()))


def _sample(kind: rules.Kind, text: str) -> Case:
    """What a test key gets: the same checks, and a case that is kept nowhere."""
    rules.checked_text(text)
    at = settings.CIVIL_CLOCK.now()
    return Case(number="2222-2222-2222", kind=kind, state="open", clause="", opened_at=at, due_at=at, closed_at=None)
