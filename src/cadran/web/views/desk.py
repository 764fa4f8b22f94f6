"""The dashboard: credit and until when, calls in progress, the month, how long one can talk, and what needs attention."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.balance import queries as balance
from cadran.balance import rules as balance_rules
from cadran.catalog import queries as catalog
from cadran.charging import queries as charging
from cadran.charging import usage
from cadran.journeys import quote, warnings
from cadran.numbering import favourites
from cadran.numbering import queries as numbering
from cadran.party import queries as party
from cadran.party.calling import queries as contacts
from cadran.policy import calls as call_rules
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units import e164, ids, period
from cadran.units.clause import carries
from cadran.voice import queries as voice
from cadran.web import topups, wording
from cadran.web.calling import overview
from cadran.web.views.customer import for_customers

CALLS_SHOWN = 5
CALLEES_SHOWN = 5
USED_LATELY = timedelta(days=90)
SHOWN = ("balance", "paid_calls", "free_calls", "minutes", "callees", "time_left")
PICTURE = 1000  # units of the picture of the buckets from left to right


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bucket in the picture: from its purchase to its end, what is over and what is left, in units of PICTURE."""

    bucket: balance_rules.Bucket
    bought_micros: int
    start: int
    now: int
    width: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How long one can talk with one number."""

    number: str
    quote: quote.Quote
    seconds: int
    kept: bool


@carries("IPP-10.1-consumption", "IPP-1d-dashboard")
@require_safe
@for_customers
def dashboard(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Everything at a glance; each part leads to its page."""
    at = settings.CIVIL_CLOCK.now()
    terms = policy.governing_terms(customer.terms, settings.CIVIL_CLOCK.now())
    credit = balance.balance(customer.account, at)
    zone = policy.brand(customer.brand).zone
    month = usage.Wanted(since=period.civil_month(at, zone).start)
    typed = request.GET.get("to", "").strip()[:40].replace("\0", "")
    asked, found = _asked(customer, terms, typed, credit.free_micros, at)
    recent = usage.page(account=customer.account, wanted=usage.Wanted(), limit=CALLS_SHOWN).calls
    context = {
        **_now(customer, credit),
        "bars": _bars(credit, balance.bought(customer.account), at),
        "warnings": _warned(customer, terms, credit, at),
        "month": usage.totals(account=customer.account, wanted=month),
        "month_day": at,
        "callees": usage.callees(account=customer.account, wanted=month, limit=CALLEES_SHOWN),
        "calls": recent,
        "names": contacts.contact_names(customer.account, tuple(one.record.destination for one in recent)),
        "talks": _talks(customer, terms, credit.free_micros, at),
        "to": typed,
        "asked": asked,
        "found": found,
        "identities": party.sip_identities(account=customer.account),
        "devices": voice.devices(_users(customer), now_wall_s=time.time()),
        "shown_number": numbering.shown_number(customer.account),
        "limit_s": call_rules.longest_s(terms, customer.raised_duration),
        "reach": overview.reach(customer, at),
        "terms": terms,
        "shown": _shown(terms),
        "validity_days": terms.integer("credit.validity_days"),
        "choices": topups.choices(customer, terms, at)[:3],
        "key": ids.new_id("topup"),
    }
    return render(request, "web/dashboard.html", context)


@carries("IPP-10.1-consumption")
@require_safe
@for_customers
def live(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The part of the dashboard that moves: credit and calls in progress, for the page to fetch again and again."""
    credit = balance.balance(customer.account, settings.CIVIL_CLOCK.now())
    response = render(request, "web/live.html", _now(customer, credit))
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
@for_customers
def favourite(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Keep a number among those whose talking time is shown, or no longer."""
    digits = request.POST.get("number", "").lstrip("+")
    try:
        number = e164.E164(f"+{digits[:20]}")
        if request.POST.get("keep") == "no":
            favourites.remove(account=customer.account, digits=number.digits)
        else:
            favourites.keep(account=customer.account, number=number, at=settings.CIVIL_CLOCK.now())
    except (e164.InvalidNumber, favourites.TooManyFavourites) as error:
        messages.error(request, wording.of(error))
    return redirect("dashboard")


def _now(customer: party.Customer, credit: balance.Balance) -> dict[str, object]:
    measured = voice.measured_ms(usage.open_sessions(customer.account))
    return {
        "customer": customer,
        "balance": credit,
        "live": usage.live(account=customer.account, measured_ms=measured),
        "open_calls": charging.open_calls(customer.account),
        "validity_days": policy.terms(customer.terms).integer("credit.validity_days"),
        "shown": _shown(policy.terms(customer.terms)),
    }


def _users(customer: party.Customer) -> list[str]:
    return [identity.username for identity in party.sip_identities(account=customer.account)]


def _bars(credit: balance.Balance, bought: dict[str, int], at: datetime) -> list[Bar]:
    """The buckets as bars on one scale: from the first purchase to the last end."""
    if not credit.buckets:
        return []
    first = min(bucket.available_from for bucket in credit.buckets)
    span = max((max(bucket.expires_at for bucket in credit.buckets) - first) / timedelta(seconds=1), 1)

    def place(instant: datetime) -> int:
        return round((instant - first) / timedelta(seconds=1) * PICTURE / span)

    bars = []
    for bucket in credit.buckets:
        start, now, end = place(bucket.available_from), place(at), place(bucket.expires_at)
        whole = max(bought.get(bucket.bucket, 0), bucket.balance_micros, 1)
        bars.append(
            Bar(
                bucket=bucket,
                bought_micros=bought.get(bucket.bucket, bucket.balance_micros),
                start=start,
                now=now,
                width=max(end - start, 4),
                left=max((end - start) * bucket.balance_micros // whole, 4),
            )
        )
    return bars


def _warned(customer: party.Customer, terms: Terms, credit: balance.Balance, at: datetime) -> list[str]:
    """What to say before it hurts: little credit, or credit that ends soon; as the terms say, or the customer for little."""
    found: list[str] = []
    if not credit.buckets:
        return found
    if credit.free_micros < warnings.threshold(customer.account, terms):
        found.append(_("Votre crédit est presque épuisé : un appel payant peut s’arrêter."))
    days = min(terms.integers(warnings.EXPIRY_DAYS)) if warnings.EXPIRY_DAYS in terms.values else 0
    if credit.buckets[0].expires_at - at < timedelta(days=days):
        found.append(_("Une part de votre crédit expire bientôt : un achat la prolonge."))
    return found


def _shown(terms: Terms) -> tuple[str, ...]:
    """What of the consumption the dashboard shows: as the terms promise, everything where they do not say."""
    return terms.texts("consumption.shown") if "consumption.shown" in terms.values else SHOWN


def _asked(
    customer: party.Customer, terms: Terms, typed: str, free_micros: int, at: datetime
) -> tuple[Talk | None, tuple[catalog.Price, ...]]:
    """The number that was typed, or the destinations whose name was."""
    if not typed:
        return None, ()
    talk = _talk(customer, terms, typed, free_micros, at, kept=False)
    if talk is not None:
        return talk, ()
    return None, catalog.prices(customer.brand, at, typed, limit=6)


def _talks(customer: party.Customer, terms: Terms, free_micros: int, at: datetime) -> list[Talk]:
    """The numbers kept; without any, those talked to longest of late."""
    kept = favourites.kept(customer.account)
    numbers = kept
    if not kept:
        lately = usage.callees(account=customer.account, wanted=usage.Wanted(since=at - USED_LATELY), limit=8)
        numbers = tuple(callee.number for callee in lately if callee.micros)[:3]
    talks = [_talk(customer, terms, f"+{digits}", free_micros, at, kept=digits in kept) for digits in numbers]
    return [talk for talk in talks if talk is not None]


def _talk(
    customer: party.Customer, terms: Terms, text: str, free_micros: int, at: datetime, *, kept: bool
) -> Talk | None:
    told = quote.quote(
        text=text,
        brand=customer.brand,
        country=customer.country,
        terms=terms,
        seconds=60,
        at=at,
        way=quote.way_of(customer.brand, customer),
    )
    if told is None:
        return None
    return Talk(number=told.number, quote=told, seconds=told.affordable_s(free_micros), kept=kept)
