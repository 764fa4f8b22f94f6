"""The brand's customers: lists, search, one with everything about it, and what staff does to it."""

from __future__ import annotations

from typing import Annotated, Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path
from pydantic import StringConstraints

from cadran.party import blocking
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import search as customers
from cadran.party import staff as staff_rules
from cadran.party.keys.rules import Scope
from cadran.web.api import cursors, shapes, sources, told
from cadran.web.api import shapes_staff as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk
from cadran.web.api.samples import Sample

CustomerState = Literal["registered", "active", "blocked", "ended"]


def _shown(customer: party.Customer, personal: bool) -> seen.Customer:
    def text(value: str) -> str:
        return value if personal else staff_rules.masked(value)

    return seen.Customer(
        account=customer.account,
        brand=customer.brand,
        kind=customer.kind,
        display_name=text(customer.display_name),
        username=text(customer.username),
        email=text(customer.email),
        language=customer.language,
        country=customer.country,
        state=customer.state,
        state_reason=customer.state_reason,
        currency=customer.currency,
        terms=customer.terms,
        created_at=customer.created_at,
        validated_at=customer.validated_at,
        personal=personal,
    )


@operation(
    desk.router,
    "GET",
    "/staff/customers",
    scope=Scope.STAFF_READ_CUSTOMERS,
    answers_with=seen.Customers,
    may_fail=("api-cursor-invalid",),
)
def list_customers(
    request: HttpRequest,
    state: CustomerState | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.Customers:
    """The brand's customers, newest first.

    Names and addresses are masked unless the key may see personal data.
    """
    caller = desk.caller(request)
    where = f"customers {caller.owner}"
    before = int(cursors.read(where, cursor, (int,))[0]) if cursor else None
    if caller.test:
        found: tuple[party.Customer, ...] = (Sample(caller.brand, settings.CIVIL_CLOCK.now()).customer,)
    else:
        desk.log(request, "customers")
        found = customers.customers(brands=[caller.brand], state=state or "", before=before, limit=limit + 1)
    return seen.Customers(
        customers=[_shown(one, caller.may(Scope.STAFF_READ_PERSONAL)) for one in found[:limit]],
        next=cursors.write(where, (found[limit - 1].id,)) if len(found) > limit else None,
    )


class Search(shapes.Asked):
    """What is looked for: an account, a user name, an e-mail address, a SIP user or a name. In a body, so that it is in no log."""

    text: Annotated[str, StringConstraints(min_length=2, max_length=80, pattern=shapes.CONTROL_FREE)]


@operation(
    desk.router, "POST", "/staff/customers/search", scope=Scope.STAFF_READ_CUSTOMERS, answers_with=seen.Customers
)
def search_customers(request: HttpRequest, asked: Body[Search]) -> seen.Customers:
    """Find customers by account, user name, e-mail address, SIP user or name.

    A POST, so that no personal data stands in an address.
    """
    caller = desk.caller(request)
    if caller.test:
        found: tuple[party.Customer, ...] = (Sample(caller.brand, settings.CIVIL_CLOCK.now()).customer,)
    else:
        desk.log(request, "search")
        found = tuple(hit.customer for hit in customers.find(asked.text, brands=[caller.brand], limit=20))
    return seen.Customers(customers=[_shown(one, caller.may(Scope.STAFF_READ_PERSONAL)) for one in found], next=None)


@operation(
    desk.router,
    "GET",
    "/staff/customers/{account}",
    scope=Scope.STAFF_READ_CUSTOMERS,
    answers_with=seen.CustomerPage,
    may_fail=desk.CUSTOMER,
)
def read_customer(request: HttpRequest, account: Path[shapes.Account]) -> seen.CustomerPage:
    """Everything about one customer.

    Credit, SIP users, numbers, accepted documents and the last orders. Who looked is logged.
    """
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    customer, personal = desk.customer(request, account), caller.may(Scope.STAFF_READ_PERSONAL)
    desk.log(request, "customer", account=account)
    source: sources.AccountSource = Sample(caller.brand, at) if caller.test else sources.Rooms(customer)
    shown = source.shown_number()
    bank = dict(sources.bank())
    return seen.CustomerPage(
        customer=_shown(customer, personal),
        balance=told.funds(source.balance(at), customer.currency),
        sip=[told.identity(one) for one in source.identities()] if personal else [],
        numbers=[told.number(one, shown) for one in source.numbers()] if personal else [],
        acceptances=[told.acceptance(one) for one in source.acceptances()] if personal else [],
        orders=[told.order(one, bank) for one in source.orders("", 20)],
    )


@operation(
    desk.router,
    "POST",
    "/staff/customers/{account}/required-change",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=desk.CUSTOMER,
)
def require_change(request: HttpRequest, account: Path[shapes.Account], asked: Body[seen.ChangeAsked]) -> None:
    """Require new codes of a customer.

    `site`: a new password before anything else at the next sign-in; `sip`: no phone registers before its password is changed.
    """
    customer = desk.customer(request, account)
    if not desk.caller(request).test:
        desk.log(request, "required-change", kind="deed", account=account, reason=asked.reason)
        party_operations.require_change(
            user_name=customer.username,
            site=asked.site,
            sip=asked.sip,
            reason=asked.reason,
            at=settings.CIVIL_CLOCK.now(),
        )


@operation(
    desk.router,
    "POST",
    "/staff/customers/{account}/block",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=(*desk.CUSTOMER, "party-block-refused", "party-staff-invalid"),
)
def block_customer(request: HttpRequest, account: Path[shapes.Account], asked: Body[seen.ReasonAsked]) -> None:
    """Block an active customer, for a reason that it reads.

    While it is blocked, neither the site, nor a phone, nor a key of the API opens anything.
    """
    desk.customer(request, account)
    if not desk.caller(request).test:
        desk.log(request, "block", kind="deed", account=account, reason=asked.reason)
        blocking.block_customer(
            account=account, reason=asked.reason, by=desk.caller(request).by, at=settings.CIVIL_CLOCK.now()
        )


@operation(
    desk.router,
    "POST",
    "/staff/customers/{account}/unblock",
    scope=Scope.STAFF_WRITE_CUSTOMERS,
    answers_with=None,
    status=204,
    may_fail=(*desk.CUSTOMER, "party-block-refused", "party-staff-invalid"),
)
def unblock_customer(request: HttpRequest, account: Path[shapes.Account], asked: Body[seen.ReasonAsked]) -> None:
    """Let a blocked customer in again."""
    desk.customer(request, account)
    if not desk.caller(request).test:
        desk.log(request, "unblock", kind="deed", account=account, reason=asked.reason)
        blocking.unblock_customer(
            account=account, reason=asked.reason, by=desk.caller(request).by, at=settings.CIVIL_CLOCK.now()
        )
