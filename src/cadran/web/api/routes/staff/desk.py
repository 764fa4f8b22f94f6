"""Whose key it is, whom it reaches, and the log of what is seen and done with it: what every operation of staff begins with."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from cadran.journeys.proposals.rules import Person
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.web.api import access
from cadran.web.api.samples import Sample

router = Router(tags=["staff"])
CUSTOMER = ("party-customer-unknown",)


def caller(request: HttpRequest) -> access.Caller:
    """Whoever holds the key."""
    found: access.Caller = request.auth  # type: ignore[attr-defined]
    return found


def person(request: HttpRequest) -> Person:
    """The member of staff whose key it is: who proposes, and who is a second person."""
    member = caller(request).member
    assert member is not None
    return Person(user_id=member.user_id, name=member.user_name, email=member.email)


def customer(request: HttpRequest, account: str) -> party.Customer:
    """The customer, if it is of the key's brand. Raises UnknownCustomer."""
    asking = caller(request)
    if asking.test:
        sample = Sample(asking.brand, settings.CIVIL_CLOCK.now()).customer
        if account != sample.account:
            raise party.UnknownCustomer(f"no customer is known by {account!r}: check the spelling")
        return sample
    found = party.customer_of_account(account)
    if found.brand != asking.brand:
        raise party.UnknownCustomer(f"no customer is known by {account!r}: check the spelling")
    return found


def log(
    request: HttpRequest, page: str, *, kind: str = "view", account: str = "", subject: str = "", reason: str = ""
) -> None:
    """Into the log of what staff sees and does, before it is shown or done."""
    asking = caller(request)
    if asking.member is not None and not asking.test:
        party_operations.record_staff_act(
            staff_id=asking.member.id,
            kind=kind,
            page=f"api {page}",
            account=account,
            subject=subject or f"key {asking.key.prefix}",
            reason=reason,
            at=settings.CIVIL_CLOCK.now(),
            ip=access.client_address(request),
        )
