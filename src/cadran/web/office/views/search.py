"""One search box: numbers, names, addresses, user names, accounts, orders, calls, receipts."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.journeys import searching
from cadran.journeys.searching import Found
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.web.office.gate import for_staff
from cadran.web.office.listing import typed
from cadran.web.office.pages import page, seen

MOST = 40


@dataclass(frozen=True, slots=True)
class Line:
    """What was found, and where it is shown."""

    found: Found
    url: str


@require_safe
@for_staff(Permission.SEE_CUSTOMERS)
def search(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What fits, exact ones first. One exact hit is opened at once."""
    query = typed(request, "q")
    found = [Line(one, _address(one)) for one in searching.search(query, staff=staff)]
    if query:
        seen(request, staff, page="search", kind="search", subject=query)
    exact = [one for one in found if one.found.exact]
    if len(exact) == 1 and len(found) == 1 and request.GET.get("stay") is None:
        return redirect(exact[0].url)
    context = {"q": query, "found": found[:MOST], "most": MOST, "too_short": 0 < len(query) < searching.LEAST}
    return page(request, staff, "search.html", context, crumbs=[("", _("Recherche"))])


def _address(one: Found) -> str:
    if one.kind == searching.CALLS_TO:
        return f"{reverse('office:calls')}?destination={one.ref}"
    name = {searching.NUMBER: "customer"}.get(one.kind, one.kind)
    return reverse(f"office:{name}", args=[one.ref])
