"""What proves: the decisions with their clauses, and the entries of the evidence."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.charging import search
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.payment import search as orders_search
from cadran.policy.proof import queries as proof
from cadran.units.errors import CadranError
from cadran.web.office import listing
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen


@require_safe
@for_staff(Permission.SEE_CALLS)
def decisions(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Decisions on calls, or on orders for who sees money: what was answered, by which clause of which terms."""
    account = listing.typed(request, "account", 16).upper()
    if account:
        listing.reach(staff, account)
    of_orders = request.GET.get("of") == "orders" and staff.may(Permission.SEE_MONEY)
    context = _of_orders(request, staff, account) if of_orders else _of_calls(request, staff, account)
    context |= {"of": "orders" if of_orders else "calls", "brand_choices": listing.brand_choices(staff)}
    return page(request, staff, "decisions.html", context, crumbs=[("", _("Décisions"))])


def _of_calls(request: HttpRequest, staff: Staff, account: str) -> dict[str, object]:
    since, until = listing.between(request)
    wanted = search.Wanted(
        brands=listing.brands(request, staff),
        account=account,
        clause=listing.typed(request, "clause", 60),
        disposition="refused" if request.GET.get("refused") else "",
        since=since,
        until=until,
    )
    parts = listing.place(request, datetime, int)
    after = search.Place(datetime.fromisoformat(parts[0]), int(parts[1])) if parts else None
    found = search.calls(wanted, after=after, limit=listing.ON_PAGE)
    further = found.further and f"{found.further.ended_at.isoformat()}~{found.further.position}"
    rows = [
        (one.authorised_at, one.account, one.decision, one.clause, one.terms, reverse("office:call", args=[one.cdr_id]))
        for one in found.records
    ]
    return {
        "rows": rows,
        "looked_back_to": found.looked_back_to,
        "further": listing.address(request, after=further) if further else "",
        "first": listing.address(request, after=None) if parts else "",
    }


def _of_orders(request: HttpRequest, staff: Staff, account: str) -> dict[str, object]:
    since, until = listing.between(request)
    before = listing.place(request, int)
    found = orders_search.orders(
        brands=listing.brands(request, staff),
        account=account,
        since=since,
        until=until,
        before=int(before[0]) if before else None,
        limit=listing.ON_PAGE + 1,
    )
    rows = [
        (
            o.placed_at,
            o.account,
            o.decision.as_dict(),
            o.decision.clause,
            o.terms,
            reverse("office:order", args=[o.order_id]),
        )
        for _place, o in found[: listing.ON_PAGE]
    ]
    return {
        "rows": rows,
        "further": listing.address(request, after=found[listing.ON_PAGE - 1][0])
        if len(found) > listing.ON_PAGE
        else "",
        "first": listing.address(request, after=None) if before else "",
    }


@require_safe
@for_staff(Permission.SEE_EVIDENCE)
def evidence(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Entries, the newest first, and how far sealing and witnessing are. Staff of some brands names a customer's account."""
    account = listing.typed(request, "account", 16).upper()
    if account:
        listing.reach(staff, account)
    needs_account = bool(staff.brands) and not account
    since, _until = listing.between(request)
    after = request.GET.get("after", "")[:300]
    found: tuple[proof.Shown, ...] = ()
    if not needs_account:
        kind = listing.typed(request, "kind", 64)
        try:
            found = proof.entries(kind=kind, subject=account, since=since, limit=listing.ON_PAGE + 1, after=after)
        except proof.InvalidCursor:
            after = ""
            found = proof.entries(kind=kind, subject=account, since=since, limit=listing.ON_PAGE + 1)
    if account:
        seen(request, staff, page="evidence", kind="list", account=account)
    rows = found[: listing.ON_PAGE]
    context = {
        "entries": rows,
        "status": proof.status(),
        "needs_account": needs_account,
        "further": listing.address(request, after=rows[-1].cursor) if len(found) > len(rows) else "",
        "first": listing.address(request, after=None) if after else "",
    }
    return page(request, staff, "evidence.html", context, crumbs=[("", _("Preuves"))])


@require_safe
@for_staff(Permission.SEE_EVIDENCE)
def entry(request: HttpRequest, staff: Staff, source: str, position: int) -> HttpResponse:
    """One entry with its body, for who may see personal data."""
    try:
        found = proof.entry(source, position)
    except CadranError:
        raise Http404 from None
    if found.subject:
        listing.reach(staff, found.subject)
    elif staff.brands:
        raise Http404
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="evidence", account=found.subject, subject=f"{source}:{position}")
    crumbs = [(reverse("office:evidence"), _("Preuves")), ("", f"{source}:{position}")]
    return page(request, staff, "entry.html", {"entry": found}, crumbs=crumbs)
