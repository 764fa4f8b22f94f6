"""One search box: numbers, names, addresses, user names, accounts, orders, calls, receipts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.charging import search as calls
from cadran.invoicing import queries as invoicing
from cadran.numbering import search as numbers
from cadran.party import search as customers
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.payment import search as orders
from cadran.web.office.gate import for_staff
from cadran.web.office.listing import typed
from cadran.web.office.pages import page, seen

MOST = 40


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the answer. kind: customer | number | order | call | receipt; `personal`: whose words are personal data."""

    kind: str
    url: str
    words: str
    more: str
    account: str
    exact: bool
    how: str = ""


@require_safe
@for_staff(Permission.SEE_CUSTOMERS)
def search(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What fits, exact ones first. One exact hit is opened at once."""
    query = typed(request, "q")
    found = _all(query, staff) if len(query) >= 2 else []
    if query:
        seen(request, staff, page="search", kind="search", subject=query)
    exact = [one for one in found if one.exact]
    if len(exact) == 1 and len(found) == 1 and request.GET.get("stay") is None:
        return redirect(exact[0].url)
    context = {"q": query, "found": found[:MOST], "most": MOST, "too_short": 0 < len(query) < 2}
    return page(request, staff, "search.html", context, crumbs=[("", _("Recherche"))])


def _all(query: str, staff: Staff) -> list[Found]:
    found = [*_customers(query, staff), *_numbers(query, staff)]
    if staff.may(Permission.SEE_MONEY):
        found += [*_orders(query, staff), *_receipts(query, staff)]
    found += _calls(query, staff)
    return sorted(found, key=lambda one: not one.exact)


def _customers(query: str, staff: Staff) -> list[Found]:
    return [
        Found(
            kind="customer",
            url=reverse("office:customer", args=[hit.customer.account]),
            words=hit.customer.display_name,
            more=hit.customer.email,
            account=hit.customer.account,
            exact=hit.exact,
            how=hit.how,
        )
        for hit in customers.find(query, brands=staff.brands)
    ]


def _numbers(query: str, staff: Staff) -> list[Found]:
    digits = re.sub(r"[\s.()/-]", "", query)
    if not re.fullmatch(r"\+?[0-9]{4,15}", digits):
        return []
    plain = digits.removeprefix("+")
    tries = [plain, plain.removeprefix("00")]
    if plain.startswith("0") and not plain.startswith("00"):
        tries.append("33" + plain[1:])  # as dialled in France
    held = {one.digits + one.account: (one, each) for each in dict.fromkeys(tries) for one in numbers.sought(each)}
    known = customers.of_accounts([one.account for one, _each in held.values()])
    found = []
    for one, each in held.values():
        customer = known.get(one.account)
        if customer is not None and staff.serves(customer.brand):
            url = reverse("office:customer", args=[one.account])
            exact = one.digits == each and one.until_at is None
            found.append(Found("number", url, one.digits, customer.display_name, one.account, exact, one.kind))
    if len(plain) >= calls.WHOLE_NUMBER:
        number = tries[-1]
        url = f"{reverse('office:calls')}?destination={number}"
        found.append(Found("calls-to", url, number, "", "", False))
    return found


def _orders(query: str, staff: Staff) -> list[Found]:
    return [
        Found(
            "order",
            reverse("office:order", args=[one.order_id]),
            one.order_id,
            one.state.value,
            one.account,
            query in (one.order_id, one.reference, one.provider_ref),
        )
        for one in orders.sought(query)
        if staff.serves(one.brand)
    ]


def _receipts(query: str, staff: Staff) -> list[Found]:
    try:
        one = invoicing.receipt(query)
    except invoicing.UnknownReceipt:
        return []
    if not staff.serves(one.brand):
        return []
    return [Found("receipt", reverse("office:receipt", args=[one.number]), one.number, "", one.account, True)]


def _calls(query: str, staff: Staff) -> list[Found]:
    if len(query) < 6:
        return []
    return [
        Found(
            "call",
            reverse("office:call", args=[one.cdr_id]),
            one.cdr_id,
            one.destination,
            one.account,
            query in (one.cdr_id, one.session, one.call_id),
        )
        for one in calls.sought(query)
        if staff.serves(one.brand)
    ]
