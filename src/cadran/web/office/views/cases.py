"""Cases: reports and requests of customers, the most urgent first, with the answers of staff."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.compliance import operations, queries, rules
from cadran.compliance.queries import Case
from cadran.party import search as customers
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.units.errors import CadranError
from cadran.web.office import listing, words
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen


@require_safe
@for_staff(Permission.SEE_CASES)
def cases(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Open cases by their deadline; answered and closed ones on demand."""
    state = listing.choice(request, "state", {one.value for one in rules.State}) or rules.State.OPEN.value
    account = listing.typed(request, "account", 16).upper()
    if account:
        listing.reach(staff, account)
    found = [
        one
        for one in queries.cases(account=account or None, state=rules.State(state), limit=500)
        if staff.serves(one.brand)
    ]
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="cases", kind="list", account=account, subject=state)
    context = {
        "cases": found[:200],
        "known": customers.of_accounts([one.account for one in found if one.account]),
        "kinds": words.CASE_KINDS,
        "states": [one.value for one in rules.State],
        "state": state,
        "now": settings.CIVIL_CLOCK.now(),
    }
    return page(request, staff, "cases.html", context, crumbs=[("", _("Dossiers"))])


@require_safe
@for_staff(Permission.SEE_CASES)
def case(request: HttpRequest, staff: Staff, number: str) -> HttpResponse:
    """One case and all that was said in it."""
    found = _within(staff, number)
    if not staff.may(Permission.SEE_PERSONAL_DATA):
        raise Http404
    seen(request, staff, page="case", account=found.account, subject=found.number)
    context = {
        "case": found,
        "entries": queries.entries(found.number),
        "customer": customers.of_accounts([found.account]).get(found.account) if found.account else None,
        "kind": words.CASE_KINDS.get(found.kind, found.kind),
        "late": found.state == rules.State.OPEN and found.due_at < settings.CIVIL_CLOCK.now(),
    }
    crumbs = [(reverse("office:cases"), _("Dossiers")), ("", found.number)]
    return page(request, staff, "case.html", context, crumbs=crumbs)


@require_POST
@for_staff(Permission.ANSWER_CASES)
def answer(request: HttpRequest, staff: Staff, number: str) -> HttpResponse:
    """Answer, or close with a last word; the customer is told by mail."""
    found, at = _within(staff, number), settings.CIVIL_CLOCK.now()
    text, closes = request.POST.get("text", "")[: rules.MAX_TEXT], request.POST.get("deed") == "close"
    seen(request, staff, page="case", kind="answer", account=found.account, subject=found.number)
    try:
        if closes:
            operations.close(number=number, by=staff.user_name, at=at, text=text)
        else:
            operations.answer(number=number, text=text, by=staff.user_name, at=at)
    except CadranError:
        messages.error(request, _("Écrivez une réponse de 1 à 4000 caractères : rien n’a été envoyé."))
    else:
        messages.success(request, _("Le dossier est clos.") if closes else _("La réponse est envoyée."))
    return redirect("office:case", number=found.number)


def _within(staff: Staff, number: str) -> Case:
    try:
        found = queries.case(number)
    except CadranError:
        raise Http404 from None
    if not staff.serves(found.brand):
        raise Http404
    return found
