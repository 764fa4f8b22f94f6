"""Pages of the customer signed in. Each reads by the customer's own account: an identifier in an address gives nothing of others."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cadran.journeys import warnings
from cadran.numbering import queries as numbering
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.policy import calls as call_rules
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.web import forms, places, serving

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)


def for_customers(
    view: Callable[Concatenate[HttpRequest, party.Customer, P], R],
) -> Callable[..., R | HttpResponse]:
    """The view, for a customer who signed in and is validated (IPP-5.2), and for nobody else; others see what is missing."""

    @functools.wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> R | HttpResponse:
        customer = party.customer(user_id=request.user.pk or 0)
        if customer is not None and customer.state == "registered" and customer.brand == serving.brand_key():
            return redirect("registration")
        if customer is None or not customer.active or customer.brand != serving.brand_key():
            return render(request, "web/not_open.html", {"customer": customer}, status=403)
        return view(request, customer, *args, **kwargs)

    return login_required(checked)


@require_safe
@for_customers
def numbers(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The numbers of the account and the number shown to those it calls."""
    context = {
        "customer": customer,
        "numbers": numbering.numbers_of(customer.account),
        "shown_number": numbering.shown_number(customer.account),
    }
    return render(request, "web/numbers.html", context)


@carries("IPP-9.6-120-minutes")
@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def preferences(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The longest call, what was accepted, and the codes."""
    terms = policy.governing_terms(customer.terms, settings.CIVIL_CLOCK.now())
    if request.method == "POST":
        if call_rules.longest_s(terms, raised=True) is None:
            raise Http404
        choice = request.POST.get("duration", "")
        if choice not in {"ordinary", "raised"}:
            raise Http404
        at = settings.CIVIL_CLOCK.now()
        party_operations.set_raised_duration(account=customer.account, raised=choice == "raised", at=at)
        messages.success(request, _("Votre choix est enregistré : il vaut pour vos prochains appels."))
        return redirect("preferences")
    context = {
        "customer": customer,
        "ordinary_s": call_rules.longest_s(terms, raised=False),
        "raised_s": call_rules.longest_s(terms, raised=True),
        "acceptances": party.acceptances(customer_id=customer.id),
        "labels": forms.DOCUMENT_LABELS,
        "warning_clause": getattr(terms.values.get(warnings.LOW_MICROS), "clause", ""),
        "warning": warnings.choices(customer.account, customer.terms, settings.CIVIL_CLOCK.now()),
    }
    return render(request, "web/preferences.html", context)


@require_safe
@for_customers
def account(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Where each page about the customer, the codes and the contract is."""
    return render(
        request,
        "web/account.html",
        {"customer": customer, "groups": list(places.hub(customer.brand, settings.CIVIL_CLOCK.now()))},
    )
