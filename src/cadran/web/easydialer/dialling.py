"""Whom to call, what it costs and for how long, and the ways to be connected: prepared for the next call, or called back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.balance import queries as balance
from cadran.catalog import queries as catalog
from cadran.journeys import call_through, callbacks, quote
from cadran.numbering import queries as numbering
from cadran.numbering.access import queries as access
from cadran.party import queries as party
from cadran.party.calling import operations as calling
from cadran.party.calling import queries as book
from cadran.party.calling import rules
from cadran.policy import queries as policy
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web import wording
from cadran.web.easydialer import app
from cadran.web.views.customer import for_customers

LONGEST_NUMBER = 40
CONTACTS, CALLS = 200, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a call to a number would be. through: by an access number. seconds: of conversation that the credit pays for so.

    callback: with both legs, or None with `without`, the sentence that says why not.
    """

    number: str
    name: str
    through: quote.Quote
    seconds: int
    callback: callbacks.Offer | None
    without: str


@carries("KRY-4.4.1-easydialer", "KRY-1.1-beneficiary")
@require_safe
@for_customers
def home(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Contacts, a number, its price and minutes, and the ways to call it. `to`: the number; `first`: which own one rings."""
    brand = app.sold_here()
    at = settings.CIVIL_CLOCK.now()
    ways = app.ways(brand, at)
    numbers = numbering.calling_numbers(customer.account)
    typed = request.GET.get("to", "").strip()[:LONGEST_NUMBER].replace("\0", "")
    chosen = _chosen(request.GET.get("first", ""), numbers)
    outlook = (_outlook if "callback" in ways else _through)(customer, typed, at, chosen) if typed else None
    contacts = sorted(book.contacts(customer.account, limit=CONTACTS), key=lambda one: catalog.folded(one.name))
    context = {
        "customer": customer,
        "ways": ways,
        "credit": balance.balance(customer.account, at),
        "numbers": numbers,
        "chosen": chosen,
        "to": typed,
        "outlook": outlook,
        "unknown": bool(typed) and outlook is None,
        "contacts": contacts,
        "prepared": [(one, _names(customer, one.destination)) for one in book.prepared_calls(customer.account, at=at)],
        "calls": callbacks.history(account=customer.account, limit=CALLS),
        "key": ids.new_id("cbk"),
        "prepared_for_min": int(rules.PREPARED_FOR.total_seconds()) // 60,
    }
    return render(request, "easydialer/home.html", context)


@carries("KRY-4.4.1-easydialer")
@require_POST
@for_customers
def prepare(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The next call from one of the customer's numbers goes straight there."""
    app.sold_here()
    at = settings.CIVIL_CLOCK.now()
    typed = request.POST.get("to", "").strip()[:LONGEST_NUMBER].replace("\0", "")
    chosen = _chosen(request.POST.get("first", ""), numbering.calling_numbers(customer.account))
    outlook = _through(customer, typed, at)
    if not chosen or outlook is None or not outlook.through.priced:
        messages.error(request, _refusal(chosen, outlook))
        return redirect(back(typed, chosen))
    try:
        made = call_through.prepare(customer=customer, calling=f"+{chosen}", destination=f"+{outlook.number}", at=at)
    except CadranError as error:
        messages.error(request, wording.of(error))
        return redirect(back(typed, chosen))
    return redirect("easydialer_ready", prepared_id=made.prepared_id)


@carries("KRY-4.4.1-access-cost")
@require_safe
@for_customers
def ready(request: HttpRequest, customer: party.Customer, prepared_id: str) -> HttpResponse:
    """A call that is prepared: which number to dial, from which telephone, and until when."""
    brand = app.sold_here()
    at = settings.CIVIL_CLOCK.now()
    waiting = [one for one in book.prepared_calls(customer.account, at=at) if one.prepared_id == prepared_id]
    found = waiting[0] if waiting else None
    open_now = access.access_numbers(brand, at, service=app.SERVICE)
    near = sorted(open_now, key=lambda one: (one.country != customer.country, one.country, one.digits))
    context = {
        "customer": customer,
        "prepared": found,
        "name": _names(customer, found.destination) if found else "",
        "left_s": int((found.expires_at - at).total_seconds()) if found else 0,
        "access_numbers": near,
    }
    return render(request, "easydialer/ready.html", context, status=200 if found else 404)


@require_POST
@for_customers
def withdraw(request: HttpRequest, customer: party.Customer, prepared_id: str) -> HttpResponse:
    """The prepared call is not to be made."""
    app.sold_here()
    try:
        calling.withdraw_prepared_call(account=customer.account, prepared_id=prepared_id, at=settings.CIVIL_CLOCK.now())
        messages.success(request, _("Cet appel n’est plus préparé."))
    except calling.PreparedCallUnknown:
        messages.error(request, _("Cet appel a déjà été pris, ou ses deux minutes sont passées."))
    return redirect("easydialer")


def _outlook(customer: party.Customer, typed: str, at: datetime, first: str) -> Outlook | None:
    found = _through(customer, typed, at)
    if found is None or not first:
        return found
    offer, without = None, ""
    try:
        offer = callbacks.offer(customer=customer, second=f"+{found.number}", first=first, at=at)
    except callbacks.CallbackNotPossible as error:
        without = error.decision.en if english() else error.decision.fr
    except CadranError as error:
        without = wording.of(error)
    return Outlook(
        number=found.number,
        name=found.name,
        through=found.through,
        seconds=found.seconds,
        callback=offer,
        without=without,
    )


def _through(customer: party.Customer, typed: str, at: datetime, _first: str = "") -> Outlook | None:
    """The call by an access number, which any of the customer's numbers may dial; None for what is no number."""
    found = quote.quote(
        text=typed,
        brand=customer.brand,
        country=customer.country,
        terms=policy.governing_terms(customer.terms, at),
        seconds=60,
        at=at,
        way=quote.way_of(customer.brand, customer),
    )
    if found is None or not found.number.isdigit():
        return None
    return Outlook(
        number=found.number,
        name=_names(customer, found.number),
        through=found,
        seconds=found.affordable_s(balance.spendable_micros(customer.account, at)),
        callback=None,
        without="",
    )


def _chosen(asked: str, numbers: tuple[numbering.HeldNumber, ...]) -> str:
    """Which of the customer's own numbers: the one asked for where it is one, else the first; empty without any."""
    own = [one.digits for one in numbers]
    wanted = asked.lstrip("+ ")
    return wanted if wanted in own else own[0] if own else ""


def _names(customer: party.Customer, digits: str) -> str:
    return book.contact_names(customer.account, (digits,)).get(digits, "")


def _refusal(chosen: str, outlook: Outlook | None) -> str:
    if not chosen:
        return _("Enregistrez d’abord le numéro depuis lequel vous appelez.")
    if outlook is None:
        return _("Écrivez le numéro de votre correspondant, avec l’indicatif du pays s’il est à l’étranger.")
    return outlook.through.decision.en if english() else outlook.through.decision.fr


def back(typed: str, chosen: str) -> str:
    """The page on which both were chosen."""
    return f"{reverse('easydialer')}?{urlencode({'to': typed, 'first': chosen})}"


def english() -> bool:
    """Whether the page is in English."""
    return (get_language() or "fr").startswith("en")
