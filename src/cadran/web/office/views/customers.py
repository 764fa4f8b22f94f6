"""Customers: the list, and everything about one of them on one page."""

from __future__ import annotations

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.balance import queries as balance
from cadran.charging import search as calls
from cadran.ledger import search as ledger
from cadran.numbering import queries as numbering
from cadran.party import queries as party
from cadran.party import search, staff_queries
from cadran.party.queries import Customer, Staff
from cadran.party.staff import Permission
from cadran.payment import queries as payment
from cadran.voice import queries as voice
from cadran.web.office import customer_sections, listing
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen
from cadran.web.office.views.calls import shown

STATES = ("registered", "active", "blocked", "ended")


@require_safe
@for_staff(Permission.SEE_CUSTOMERS)
def customers(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The newest customers first, with filters and a download."""
    if listing.wants_download(request, staff):
        return listing.download(request, staff, name="customers", columns=_COLUMNS, rows=_rows(request, staff))
    before = listing.place(request, int)
    found = _found(request, staff, before=int(before[0]) if before else None, limit=listing.ON_PAGE + 1)
    rows = found[: listing.ON_PAGE]
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="customers", kind="list", subject=request.GET.urlencode()[:120])
    context = {
        "customers": rows,
        "further": listing.address(request, after=rows[-1].id) if len(found) > len(rows) else "",
        "first": listing.address(request, after=None) if before else "",
        "states": STATES,
        "brand_choices": listing.brand_choices(staff),
        "downloads": [(form, listing.address(request, **{"as": form, "after": None})) for form in ("csv", "json")],
    }
    return page(request, staff, "customers.html", context, crumbs=[("", _("Clients"))])


_COLUMNS = ("account", "brand", "state", "kind", "name", "user_name", "email", "country", "language", "created_at")


def _found(request: HttpRequest, staff: Staff, *, before: int | None, limit: int) -> tuple[Customer, ...]:
    since, until = listing.between(request)
    return search.customers(
        brands=listing.brands(request, staff),
        state=listing.choice(request, "state", STATES),
        kind=listing.choice(request, "kind", {"person", "company"}),
        name=listing.typed(request, "name"),
        since=since,
        until=until,
        before=before,
        limit=limit,
    )


def _rows(request: HttpRequest, staff: Staff) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    before = None
    while len(rows) < listing.MOST_DOWNLOADED:
        found = _found(request, staff, before=before, limit=search.MAX_ROWS)
        rows += [
            (
                *(one.account, one.brand, one.state, one.kind, one.display_name),
                *(one.username, one.email, one.country, one.language, one.created_at),
            )
            for one in found
        ]
        if len(found) < search.MAX_ROWS:
            break
        before = found[-1].id
    return rows


@require_safe
@for_staff(Permission.SEE_CUSTOMERS)
def customer(request: HttpRequest, staff: Staff, account: str) -> HttpResponse:
    """Everything about one customer. What a role may not see is not read either."""
    found = listing.reach(staff, account)
    at = settings.CIVIL_CLOCK.now()
    identities = party.sip_identities(account=account)
    live = calls.live(account=account, limit=20)
    context: dict[str, object] = {
        "customer": found,
        "identities": identities,
        "numbers": numbering.numbers_of(account),
        "live": shown(live, at=at),
        "recent": calls.calls(calls.Wanted(account=account), limit=10).records,
        "acceptances": party.acceptances(customer_id=found.id),
        "notes": staff_queries.staff_notes(customer_id=found.id),
    }
    if staff.may(Permission.SEE_MONEY):
        context |= {
            "balance": balance.balance(account, at),
            "accounts": ledger.accounts(account, limit=50),
            "orders": payment.orders(account, limit=10),
        }
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="customer", account=account)
        context["devices"] = voice.devices([one.username for one in identities], now_wall_s=time.time())
    context["sections"] = customer_sections.of(found, staff)
    if staff.may(Permission.SEE_VIEWS):
        context["acts"] = staff_queries.staff_acts(account=account, limit=10)
    crumbs = [(reverse("office:customers"), _("Clients")), ("", account)]
    return page(request, staff, "customer.html", context, crumbs=crumbs)
