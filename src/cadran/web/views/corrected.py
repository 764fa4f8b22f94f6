"""Calls whose price was corrected: what a re-rating changed for this customer, and questioning it."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cadran.charging import queries as charging
from cadran.charging import traffic
from cadran.compliance.rules import InvalidCase
from cadran.journeys import questions
from cadran.party import queries as party
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import InvalidInput
from cadran.web.views.customer import for_customers


@carries("IPP-10.1-re-rating")
@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def rerating(request: HttpRequest, customer: party.Customer, rerating_id: str) -> HttpResponse:
    """Each call that a re-rating corrected, with both prices; sent, what the customer questions of it."""
    rows = (
        traffic.corrected(account=customer.account, key_begins=f"{rerating_id}-") if rerating_id.isprintable() else ()
    )
    if not rows:
        raise Http404
    if request.method == "POST":
        return _question(request, customer, rerating_id)
    changes = [one.charge_micros - before for one, before in rows]
    context = {
        "customer": customer,
        "rows": rows,
        "reason": rows[0][0].reason,
        "clause": rows[0][0].clause,
        "at": max(one.corrected_at for one, _before in rows if one.corrected_at),
        "up": sum(change for change in changes if change > 0),
        "down": -sum(change for change in changes if change < 0),
        "owed": sum(one.owed_micros for one, _before in rows),
        "key": ids.new_id("ask"),
    }
    return render(request, "web/rerating.html", context)


@carries("IPP-10.1-re-rating")
@require_POST
@for_customers
def question(request: HttpRequest, customer: party.Customer, cdr_id: str) -> HttpResponse:
    """The customer questions the correction of a call: a case is opened, and shown with its tracking number."""
    return _question(request, customer, cdr_id)


def _question(request: HttpRequest, customer: party.Customer, subject: str) -> HttpResponse:
    try:
        case = questions.question(
            customer=customer,
            subject=subject,
            text=request.POST.get("text", "")[:2000],
            key=request.POST.get("key", ""),
            at=settings.CIVIL_CLOCK.now(),
        )
    except charging.UnknownCdr as error:
        raise Http404 from error
    except (InvalidCase, InvalidInput):
        messages.error(request, _("Écrivez ce que vous contestez."))
        return redirect(request.path if request.path.startswith("/account/") else f"/calls/{subject}/")
    messages.success(
        request, _("Votre contestation est enregistrée sous le numéro %(number)s.") % {"number": case.number}
    )
    return redirect("case", number=case.number)
