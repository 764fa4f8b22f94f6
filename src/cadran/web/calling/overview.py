"""The access numbers of a brand, for everybody; and all that a customer needs for a call, on one page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from babel import Locale
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cadran.numbering import queries as numbering
from cadran.numbering.access import queries as access
from cadran.numbering.access.rules import Service
from cadran.party import queries as party
from cadran.party.calling import queries as calling_queries
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.web import forms, serving
from cadran.web.easydialer import app
from cadran.web.views.customer import for_customers

NOTICE = "calls.announce_access_cost"


@dataclass(slots=True)
class Country:
    """A country with its access numbers."""

    code: str
    name: str
    numbers: list[access.AccessNumber] = field(default_factory=list)


@carries("KRY-4.4.1-access-cost", "KRY-3.1-call-credit")
@require_safe
def access_numbers(request: HttpRequest) -> HttpResponse:
    """Every access number of the brand by country, with place, language and opening, and what the call to it may cost; 404 for a brand
    without any."""
    at, key = settings.CIVIL_CLOCK.now(), serving.brand_key()
    found = access.access_numbers(key, at)
    if not found:
        raise Http404
    home = policy.brand(key).country
    customer = party.customer(user_id=request.user.pk) if request.user.is_authenticated else None
    if customer is not None and customer.brand == key:
        home = customer.country
    context = {
        "countries": by_country(found, home),
        "soon": {one.digits for one in found if not one.is_open(at)},
        "notice": cost_notice(policy.terms_in_force(key, at)),
        "mobility": all(one.service == Service.MOBILITY for one in found),
    }
    return render(request, "calling/access.html", context)


@carries("KRY-4.4.1-access-cost", "KRY-3.1-call-credit")
@require_safe
@for_customers
def calling(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The access number to dial, the numbers that recognise the customer, the speed dial, the PIN, the choice of the minute."""
    at = settings.CIVIL_CLOCK.now()
    found = [one for one in access.access_numbers(customer.brand, at) if one.is_open(at)]
    if not found:
        raise Http404
    context = {
        "customer": customer,
        "nearest": nearest(found, customer),
        "others": len(found) - 1,
        "notice": cost_notice(policy.governing_terms(customer.terms, at)),
        "numbers": numbering.calling_numbers(customer.account),
        "speed_dial": calling_queries.speed_dial(customer.account),
        "contact_count": len(calling_queries.contacts(customer.account)),
        "pin": calling_queries.pin(customer.account),
        "by_minute": calling_queries.by_minute(customer.account),
        "minute_offered": offers_minute(customer, at),
        "easydialer": app.ways(customer.brand, at),
    }
    return render(request, "calling/calling.html", context)


@dataclass(frozen=True, slots=True)
class Reach:
    """How a customer calls by access numbers: the one to dial, and the numbers that recognise it."""

    nearest: access.AccessNumber
    numbers: tuple[numbering.HeldNumber, ...]


def reach(customer: party.Customer, at: datetime) -> Reach | None:
    """What the dashboard says of it; None for a brand without access numbers."""
    found = [one for one in access.access_numbers(customer.brand, at) if one.is_open(at)]
    return Reach(nearest(found, customer), numbering.calling_numbers(customer.account)) if found else None


@carries("KRY-4.4.1-access-cost")
def cost_notice(terms: Terms) -> str:
    """The clause by which customers are told, before they call, that their operator may bill the call to the access number; empty
    where the terms ask for no such notice."""
    stated = terms.values.get(NOTICE)
    return stated.clause if stated is not None and stated.content is True else ""


def offers_minute(customer: party.Customer, at: datetime) -> bool:
    """Whether the customer has a choice: a consumer, under terms that count by more than the second."""
    terms = policy.governing_terms(customer.terms, at)
    stated = terms.values.get("calls.next_increment_s")
    return customer.kind == "person" and stated is not None and stated.content != 1


def nearest(found: Iterable[access.AccessNumber], customer: party.Customer) -> access.AccessNumber:
    """The access number of the customer's country, then of its language."""
    return min(
        found, key=lambda one: (one.country != customer.country, one.language != customer.language, one.opened_at)
    )


def by_country(found: Iterable[access.AccessNumber], home: str) -> list[Country]:
    """The countries in the order of the page's language, the visitor's own first."""
    names = Locale(forms.language()).territories
    countries: dict[str, Country] = {}
    for one in found:
        country = countries.setdefault(one.country, Country(one.country, str(names.get(one.country, one.country))))
        country.numbers.append(one)
    return sorted(
        countries.values(),
        key=lambda one: (one.code != home, unicodedata.normalize("NFD", one.name).casefold()),
    )
