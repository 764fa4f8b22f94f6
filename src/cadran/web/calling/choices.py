"""The PIN of calls, and whether national calls are paid by the minute."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from cadran.journeys import calling_numbers
from cadran.party import queries as party
from cadran.party.calling import operations, queries, rules
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import wording
from cadran.web.accounts import again
from cadran.web.accounts.limits import at_most
from cadran.web.calling import overview
from cadran.web.views.customer import for_customers

_PIN = {"inputmode": "numeric", "autocomplete": "off", "maxlength": "8", "class": "code-input"}


class PinForm(forms.Form):
    """A PIN, typed twice, since nobody reads it again."""

    pin = forms.CharField(
        label=gettext_lazy("Nouveau code"), max_length=16, widget=forms.PasswordInput(attrs=_PIN), strip=True
    )
    repeated = forms.CharField(
        label=gettext_lazy("Le même, encore"), max_length=16, widget=forms.PasswordInput(attrs=_PIN), strip=True
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("pin") and data.get("repeated") and data["pin"] != data["repeated"]:
            self.add_error("repeated", _("Les deux codes diffèrent : tapez deux fois le même."))
        return data


@carries("KRY-4.4.1-caller-id")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(20, 3600, "pin")
def pin(request: HttpRequest) -> HttpResponseBase:
    """Choose the PIN, or do without; whoever asks proved in the last minutes who it is. A form sent too late is typed again: it would
    be kept readable while the password is asked for."""
    if request.method == "POST" and again.needed(request):
        return redirect("pin")
    return _asked(request)


@again.asked_again
@for_customers
def _asked(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    at = settings.CIVIL_CLOCK.now()
    if request.method == "POST" and request.POST.get("do") == "remove":
        operations.remove_pin(account=customer.account, at=at)
        messages.success(request, _("Vous n’avez plus de code secret."))
        return redirect("calling")
    form = PinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        known = calling_numbers.known_digits(customer)
        try:
            operations.set_pin(account=customer.account, pin=form.cleaned_data["pin"], known=known, at=at)
        except CadranError as error:
            form.add_error("pin", wording.of(error))
        else:
            messages.success(request, _("Votre code secret est enregistré : il vaut dès votre prochain appel."))
            return redirect("calling")
    context = {
        "customer": customer,
        "form": form,
        "pin": queries.pin(customer.account),
        "tries": rules.PIN_TRIES,
    }
    return render(request, "calling/pin.html", context)


@carries("LAW-per-second")
@require_POST
@for_customers
def minute(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Keep the choice of the minute or the second; nobody but a consumer has one."""
    at, wished = settings.CIVIL_CLOCK.now(), request.POST.get("unit", "")
    if wished not in ("second", "minute") or not overview.offers_minute(customer, at):
        raise Http404
    operations.choose_minute(account=customer.account, by_minute=wished == "minute", by=customer.username, at=at)
    messages.success(request, _("Votre choix est enregistré : il vaut pour vos prochains appels."))
    return redirect("calling")
