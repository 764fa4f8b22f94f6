"""Contacts of an account: whom it calls, under which speed-dial key, and what the calls came to."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router
from pydantic import StringConstraints

from cadran.charging import usage
from cadran.journeys import contacts as journey
from cadran.party import queries as party
from cadran.party.calling import contacts as operations
from cadran.party.calling import queries, rules
from cadran.party.keys.rules import Scope
from cadran.units import clause
from cadran.web.api import access, cursors, shapes
from cadran.web.api import shapes_calling as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of
from cadran.web.api.samples import SINCE

router = Router(tags=["contacts"])
SpeedKey = Annotated[int, Ge(1), Le(99)]
Search = Annotated[
    str,
    StringConstraints(max_length=80, pattern=shapes.CONTROL_FREE),
    shapes.Says({"description": "A part of the name or of the number."}),
]
_UNKNOWN = ("calling-contact-unknown",)
_WRONG = (
    "numbering-dialled-unreadable",
    "calling-contact-invalid",
    "calling-contact-there",
    "calling-key-taken",
    "calling-contacts-full",
)


@clause.carries("KRY-1.1-beneficiary")
@operation(
    router,
    "GET",
    "/contacts",
    scope=Scope.READ_ACCOUNT,
    answers_with=seen.Contacts,
    may_fail=("api-cursor-invalid",),
)
def list_contacts(
    request: HttpRequest, search: Search = "", limit: shapes.Limit = 50, cursor: shapes.Cursor = ""
) -> seen.Contacts:
    """The contacts of the account, by name."""
    customer = account_of(request).customer
    where = f"contacts {customer.account}"
    after = int(cursors.read(where, cursor, (int,))[0]) if cursor else 0
    if _test(request):
        return seen.Contacts(contacts=[] if after else [_sample()])
    found = queries.contacts(customer.account, matching=search, limit=limit + 1, after=after)
    return seen.Contacts(
        contacts=[_told(one) for one in found[:limit]],
        next=cursors.write(where, (after + limit,)) if len(found) > limit else None,
    )


@clause.carries("KRY-1.1-beneficiary")
@operation(
    router,
    "POST",
    "/contacts",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=seen.Contact,
    status=201,
    may_fail=_WRONG,
)
def add_contact(request: HttpRequest, asked: Body[seen.ContactAsked]) -> seen.Contact:
    """Keep a contact: a name, a number, a note, and a speed-dial key where one is wished.

    A number is kept once, and a key calls one contact.
    """
    customer = account_of(request).customer
    wished = _wished(customer, asked)
    if _test(request):
        return _sample()
    return _told(operations.add(account=customer.account, wished=wished, at=settings.CIVIL_CLOCK.now()))


@operation(
    router, "GET", "/contacts/{contact_id}", scope=Scope.READ_ACCOUNT, answers_with=seen.Contact, may_fail=_UNKNOWN
)
def read_contact(request: HttpRequest, contact_id: Path[shapes.Identifier]) -> seen.Contact:
    """One contact."""
    return _sample() if _test(request) else _told(_found(request, contact_id))


@operation(
    router,
    "PUT",
    "/contacts/{contact_id}",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=seen.Contact,
    may_fail=(*_UNKNOWN, *_WRONG),
)
def change_contact(
    request: HttpRequest, contact_id: Path[shapes.Identifier], asked: Body[seen.ContactAsked]
) -> seen.Contact:
    """Make a contact what is asked: what is left out is emptied."""
    customer = account_of(request).customer
    wished = _wished(customer, asked)
    if _test(request):
        return _sample()
    at = settings.CIVIL_CLOCK.now()
    return _told(operations.change(account=customer.account, contact_id=contact_id, wished=wished, at=at))


@operation(
    router,
    "DELETE",
    "/contacts/{contact_id}",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=None,
    status=204,
    may_fail=_UNKNOWN,
)
def remove_contact(request: HttpRequest, contact_id: Path[shapes.Identifier]) -> None:
    """Keep a contact no longer, nor its key; its calls stay in the list of calls."""
    if not _test(request):
        operations.remove(account=account_of(request).customer.account, contact_id=contact_id)


@clause.carries("KRY-1.1-beneficiary")
@operation(
    router,
    "GET",
    "/contacts/{contact_id}/use",
    scope=Scope.READ_CALLS,
    answers_with=seen.ContactUse,
    may_fail=_UNKNOWN,
)
def read_contact_use(request: HttpRequest, contact_id: Path[shapes.Identifier]) -> seen.ContactUse:
    """What the calls to a contact came to; the calls themselves are those of `GET /calls` with its number."""
    customer = account_of(request).customer
    if _test(request):
        return seen.ContactUse(calls=0, answered=0, seconds=0, micros=0, currency=customer.currency)
    wanted = usage.Wanted(number=_found(request, contact_id).digits)
    found = usage.totals(account=customer.account, wanted=wanted)
    return seen.ContactUse(
        calls=found.calls,
        answered=found.answered,
        seconds=found.seconds,
        micros=found.micros,
        currency=found.currency or customer.currency,
    )


@clause.carries("KRY-1.1-beneficiary")
@operation(
    router,
    "POST",
    "/contact-books",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=seen.BookTaken,
    may_fail=("calling-book-unreadable", "calling-contacts-full"),
)
def import_contacts(request: HttpRequest, asked: Body[seen.BookAsked]) -> seen.BookTaken:
    """Take in an address book, vCard or CSV.

    What cannot be read is told and left out. Numbers that are kept already stay as they are; a key that is taken stays with its
    contact.
    """
    if _test(request):
        return seen.BookTaken(added=0, there=0, unread_count=0, unread=[])
    customer = account_of(request).customer
    access.at_most(request, "contact-book", customer.account, 20, 3600)
    taken = journey.take_in(customer=customer, data=asked.content.encode(), at=settings.CIVIL_CLOCK.now())
    return seen.BookTaken(
        added=taken.added,
        there=taken.there,
        unread_count=taken.unread_count,
        unread=[text for _line, text in taken.unread],
    )


@operation(router, "GET", "/speed-dial", scope=Scope.READ_ACCOUNT, answers_with=seen.SpeedDial)
def read_speed_dial(request: HttpRequest) -> seen.SpeedDial:
    """The speed-dial keys that call somebody."""
    found = () if _test(request) else queries.speed_dial(account_of(request).customer.account)
    return seen.SpeedDial(keys=[seen.SpeedDialKey(key=one.key or 0, contact=_told(one)) for one in found])


@operation(
    router,
    "PUT",
    "/speed-dial/{key}",
    scope=Scope.WRITE_PREFERENCES,
    answers_with=seen.SpeedDialKey,
    may_fail=_UNKNOWN,
)
def set_speed_dial(request: HttpRequest, key: Path[SpeedKey], asked: Body[seen.SpeedDialAsked]) -> seen.SpeedDialKey:
    """Put a contact on a key, in place of who stood there."""
    if _test(request):
        return seen.SpeedDialKey(key=key, contact=_sample())
    account, at = account_of(request).customer.account, settings.CIVIL_CLOCK.now()
    return seen.SpeedDialKey(
        key=key, contact=_told(operations.put_on_key(account=account, key=key, contact_id=asked.contact, at=at))
    )


@operation(router, "DELETE", "/speed-dial/{key}", scope=Scope.WRITE_PREFERENCES, answers_with=None, status=204)
def clear_speed_dial(request: HttpRequest, key: Path[SpeedKey]) -> None:
    """Nobody stands behind that key any more; the contact stays."""
    if not _test(request):
        at = settings.CIVIL_CLOCK.now()
        operations.clear_key(account=account_of(request).customer.account, key=key, at=at)


def _test(request: HttpRequest) -> bool:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller.test


def _wished(customer: party.Customer, asked: seen.ContactAsked) -> operations.Wished:
    return journey.wished(
        customer=customer,
        name=rules.checked_name(asked.name),
        number=asked.number,
        note=rules.checked_note(asked.note),
        key=asked.key,
    )


def _found(request: HttpRequest, contact_id: str) -> queries.Contact:
    found = queries.contact(account_of(request).customer.account, contact_id)
    if found is None:
        raise operations.ContactUnknown("there is no such contact: look at the list of contacts")
    return found


def _told(one: queries.Contact) -> seen.Contact:
    return seen.Contact(
        id=one.contact_id,
        name=one.name,
        number=f"+{one.digits}",
        note=one.note,
        key=one.key,
        created_at=one.created_at,
        changed_at=one.changed_at,
    )


def _sample() -> seen.Contact:
    """What a test key gets."""
    return seen.Contact(
        id="con_sample",
        name="Alix Exemple",
        number="+33142000001",
        note="",
        key=1,
        created_at=SINCE,
        changed_at=SINCE,
    )
