"""Being called back: the order, and its state while it goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_POST, require_safe

from cadran.journeys import callbacks
from cadran.party import queries as party
from cadran.party.calling import queries as book
from cadran.units.clause import carries
from cadran.units.errors import CadranError, InvalidInput
from cadran.voice import control
from cadran.web import wording
from cadran.web.easydialer import app, dialling
from cadran.web.views.customer import for_customers

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
STAGES = ("ringing-you", "ringing-them", "talking")
WHY = {
    "hung-up": _lazy("L’appel est terminé."),
    "ended": _lazy("L’appel est terminé."),
    "cancelled": _lazy("Vous avez annulé cet appel."),
    "credit": _lazy("Votre crédit est épuisé : l’appel a été coupé."),
    "limit": _lazy("La durée la plus longue d’un appel est atteinte."),
    "busy": _lazy("Votre correspondant est occupé."),
    "no-answer": _lazy("Votre correspondant n’a pas répondu."),
    "unreachable": _lazy("Votre correspondant n’est pas joignable."),
    "you-busy": _lazy("Votre téléphone était occupé."),
    "you-no-answer": _lazy("Vous n’avez pas décroché."),
    "you-unreachable": _lazy("Votre téléphone n’est pas joignable."),
    "call-no-credit": _lazy("Votre crédit ne suffit pas pour commencer les deux appels."),
    "operator": _lazy("L’opérateur a mis fin à cet appel."),
}
OTHERWISE = _lazy("L’appel n’a pas pu aboutir. Rien n’est facturé au-delà de ce qui est affiché ici.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a callback. state: done | now | later."""

    name: str
    state: str


@carries("KRY-4.4.1-easydialer")
@require_POST
@for_customers
def order(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Ring the customer, then the correspondent. The page's key makes a second click the same order."""
    app.sold_here()
    typed = request.POST.get("to", "").strip()[: dialling.LONGEST_NUMBER].replace("\0", "")
    first, key = request.POST.get("first", "")[:20], request.POST.get("key", "")
    if not _KEY.fullmatch(key):
        messages.error(request, _("Cette page est trop ancienne : recommencez."))
        return redirect(dialling.back(typed, first))
    try:
        callbacks.order(
            customer=customer,
            key=key,
            second=typed,
            first=first,
            language=customer.language,
            at=settings.CIVIL_CLOCK.now(),
            door=settings.SIP_SOCKET,
        )
    except callbacks.CallbackNotPossible as error:
        messages.error(request, error.decision.en if dialling.english() else error.decision.fr)
        return redirect(dialling.back(typed, first))
    except (CadranError, InvalidInput) as error:
        messages.error(request, wording.of(error))
        return redirect(dialling.back(typed, first))
    return redirect("easydialer_state", key=key)


@require_safe
@for_customers
def one(request: HttpRequest, customer: party.Customer, key: str) -> HttpResponse:
    """Where a callback stands, and what it cost."""
    app.sold_here()
    return render(request, "easydialer/callback.html", _told(customer, key))


@require_safe
@for_customers
def live(request: HttpRequest, customer: party.Customer, key: str) -> HttpResponse:
    """The part of that page that moves."""
    app.sold_here()
    response = render(request, "easydialer/callback_live.html", _told(customer, key))
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
@for_customers
def end(request: HttpRequest, customer: party.Customer, key: str) -> HttpResponse:
    """Hang up, or stop the ringing."""
    app.sold_here()
    try:
        callbacks.end(account=customer.account, key=key, door=settings.SIP_SOCKET)
    except control.CallOver:
        messages.info(request, _("Cet appel était déjà terminé."))
    except control.CallbackUnknown:
        raise Http404 from None
    except CadranError as error:
        messages.error(request, wording.of(error))
    return redirect("easydialer_state", key=key)


def _told(customer: party.Customer, key: str) -> dict[str, object]:
    try:
        found = callbacks.state(account=customer.account, key=key)
    except (control.CallbackUnknown, InvalidInput):
        raise Http404 from None
    state = found.state
    reached = STAGES.index(state.stage) if state.stage in STAGES else len(STAGES) if state.over else -1
    steps = [
        Step(name=name, state="done" if place < reached else "now" if place == reached else "later")
        for place, name in enumerate(STAGES)
    ]
    return {
        "customer": customer,
        "told": found,
        "state": state,
        "steps": steps,
        "name": found.order.name
        or book.contact_names(customer.account, (found.order.second,)).get(found.order.second, ""),
        "why": WHY.get(state.why, OTHERWISE) if state.over else "",
        "talked_s": state.second.measured_s if state.second else 0,
    }
