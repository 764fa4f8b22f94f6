"""Below how much credit a customer wants to be warned by mail."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cadran.journeys import warnings
from cadran.party import queries as party
from cadran.web.views.customer import for_customers


@require_POST
@for_customers
def choose(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Keep the choice; only what is offered is taken."""
    typed = request.POST.get("threshold", "")
    micros = int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 12 else -1
    try:
        warnings.choose(account=customer.account, terms=customer.terms, micros=micros, at=settings.CIVIL_CLOCK.now())
    except warnings.NotOffered:
        raise Http404 from None
    messages.success(request, _("Votre seuil est enregistré."))
    return redirect("preferences")
