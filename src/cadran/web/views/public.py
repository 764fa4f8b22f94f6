"""Pages that anybody reads: welcome, prices, terms and what goes with them; errors; the brand's colours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language as django_set_language

from cadran.catalog import queries as catalog
from cadran.journeys import quote, registration
from cadran.numbering.access import queries as access
from cadran.numbering.access.rules import Service
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.policy import notices
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.rating import rules as rating
from cadran.units.clause import carries
from cadran.web import forms, serving, texts

SHOWN_PRICES = (
    *("33142000001", "33612345678", "442079460000", "447911123456", "3225000000", "34911234567"),
    *("12125550100", "212661234567", "213551234567", "21620123456", "221771234567", "919812345678"),
)
LATER = "topup.amounts_after_days"
DIAL_S = 42  # the seconds that the dial of the welcome page shows
MAX_SEARCH = 40
LEAST_DIGITS = 7
EXAMPLE_MINUTES, MOST_MINUTES = 5, 600
FARTHEST = timedelta(days=366)
_LASTING = re.compile(r"(?:([0-9]{1,3})(?::([0-5][0-9]))?|([0-9]{1,5}) ?s)")
EXAMPLES_MICROS = (5_000_000, 10_000_000, 20_000_000)
ACCESS_SHOWN = 4


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answers as soon as pages can be served."""
    return JsonResponse({"status": "ok"})


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the brand offers, with the values of the terms in force and a few prices of the day."""
    at = settings.CIVIL_CLOCK.now()
    prices = catalog.chosen(serving.brand_key(), SHOWN_PRICES, at)
    context = {
        "terms": _values(policy.terms_in_force(serving.brand_key(), at)),
        "prices": prices[:8],
        "dial": _dial(serving.brand_key(), at) if prices else None,
        "summary": policy.brand(serving.brand_key()).summary[forms.language()],
        "access": _access(serving.brand_key(), at),
    }
    return render(request, "web/home.html", context)


def _access(key: str, at: datetime) -> list[access.AccessNumber]:
    """A few access numbers for the welcome of a calling card: of the brand's own country first."""
    home = policy.brand(key).country
    found = [one for one in access.access_numbers(key, at, service=Service.CALLING_CARD) if one.is_open(at)]
    return sorted(found, key=lambda one: (one.country != home, one.opened_at))[:ACCESS_SHOWN]


def _dial(key: str, at: datetime) -> rating.Charge | None:
    """What the call of the picture costs, counted as such a call is."""
    terms, country = policy.terms_in_force(key, at), policy.brand(key).country
    told = quote.quote(text=f"+{SHOWN_PRICES[0]}", brand=key, country=country, terms=terms, seconds=DIAL_S, at=at)
    return told.charge if told else None


@carries("IPP-10.1-per-second")
@require_safe
def prices(request: HttpRequest) -> HttpResponse:
    """The prices of the day, by country, town or number; what one call would cost, step by step, and minutes for an amount."""
    at, key = settings.CIVIL_CLOCK.now(), serving.brand_key()
    search = request.GET.get("q", "").strip()[:MAX_SEARCH].replace("\0", "")
    seconds, start = _seconds(request.GET.get("minutes", "")), _start(request.GET.get("at", ""), key, at)
    told = _quote(request, key, search, seconds, start or at)
    found = catalog.listed(key, at, search, limit=200) if search and told is None else ()
    if not search:
        found = catalog.chosen(key, SHOWN_PRICES, at)
    context = {
        "search": search,
        "seconds": seconds,
        "lasting": f"{seconds // 60}:{seconds % 60:02d}" if seconds % 60 else seconds // 60,
        "start": start,
        "start_text": start.astimezone(ZoneInfo(policy.brand(key).zone)).strftime("%Y-%m-%dT%H:%M") if start else "",
        "told": told,
        "charge": told.charge.as_dict() if told and told.charge else None,
        "talks": [(micros, told.affordable_s(micros)) for micros in EXAMPLES_MICROS] if told else [],
        "card_terms": _values(policy.terms_in_force(key, at)) if "calling-card" in policy.brand(key).services else None,
        "prices": found,
        "deck": catalog.in_force(key, start or at),
        "at": at,
    }
    return render(request, "web/prices.html", context)


def _quote(request: HttpRequest, key: str, search: str, seconds: int, at: datetime) -> quote.Quote | None:
    """What a call to what was typed would cost, where it is a whole number; under the terms of the customer signed in, if one is."""
    digits = sum(mark.isdigit() for mark in search)
    if digits < LEAST_DIGITS and "@" not in search:
        return None
    customer = party.customer(user_id=request.user.pk) if request.user.is_authenticated else None
    own = customer is not None and customer.brand == key
    terms_ref = policy.terms(customer.terms) if customer and own else policy.terms_in_force(key, at)
    country = customer.country if customer and own else policy.brand(key).country
    way = quote.way_of(key, customer if own else None)
    who = request.GET.get("who", "")
    if who in ("company", "by-minute"):
        way = quote.Way(way.via, consumer=who != "company", by_minute=who == "by-minute")
    return quote.quote(text=search, brand=key, country=country, terms=terms_ref, seconds=seconds, at=at, way=way)


def _seconds(typed: str) -> int:
    """How long the example call lasts: `10` minutes, `1:01` or `61s`, up to MOST_MINUTES; EXAMPLE_MINUTES where nothing sensible was
    typed."""
    match = _LASTING.fullmatch(typed.strip())
    if match is None:
        return EXAMPLE_MINUTES * 60
    minutes, rest, alone = (int(part or 0) for part in match.groups())
    seconds = minutes * 60 + rest + alone
    return seconds if 0 < seconds <= MOST_MINUTES * 60 else EXAMPLE_MINUTES * 60


def _start(typed: str, key: str, at: datetime) -> datetime | None:
    """When the example call starts, in the civil time of the brand, within a year of now and under some terms; None: now."""
    try:
        civil = datetime.fromisoformat(typed[:19])
        start = civil.replace(tzinfo=ZoneInfo(policy.brand(key).zone)).astimezone(UTC)
        policy.terms_in_force(key, start)
    except (ValueError, OverflowError, policy.UnknownTerms):
        return None
    return start if abs(start - at) <= FARTHEST else None


@require_safe
def terms(request: HttpRequest, version: str = "") -> HttpResponse:
    """A version of the terms: the one in force, or another one of the brand."""
    brand, in_force = (
        policy.brand(serving.brand_key()),
        policy.terms_in_force(serving.brand_key(), settings.CIVIL_CLOCK.now()),
    )
    try:
        shown = policy.terms(f"{brand.key}/{version}") if version else in_force
    except policy.UnknownTerms as error:
        raise Http404 from error
    text, sha256 = policy.terms_text(shown.ref, forms.language())
    context = {
        "shown": shown,
        "in_force": shown.ref == in_force.ref,
        "text": texts.html(text),
        "sha256": sha256,
        "versions": brand.versions,
        "indicative": forms.language() != brand.language,
        "fallback": forms.language() not in shown.sha256,
        "text_language": forms.language() if forms.language() in shown.sha256 else brand.language,
    }
    return render(request, "web/terms.html", context)


@require_safe
def described(request: HttpRequest, part: str) -> HttpResponse:
    """The descriptions of the services, or the offers, from the values of the terms in force."""
    at = settings.CIVIL_CLOCK.now()
    document = registration.Document(part)
    offered = {
        one.document: one for one in registration.documents(brand=serving.brand_key(), language=forms.language(), at=at)
    }
    in_force = policy.terms_in_force(serving.brand_key(), at)
    context = {
        "offered": offered[document],
        "terms": _values(in_force),
        "shown": in_force,
        "later": LATER in in_force.values and any(in_force.integers(LATER)),
        "summary": policy.brand(serving.brand_key()).summary[forms.language()],
    }
    return render(request, f"web/{part}.html", context)


@require_safe
def notice(request: HttpRequest, part: str) -> HttpResponse:
    """The legal notice in force, or the special conditions of the brand's products; 404 where the brand has none."""
    at, language, key = settings.CIVIL_CLOCK.now(), forms.language(), serving.brand_key()
    legal = policy.notice(key, notices.LEGAL, language, at) if part == notices.LEGAL else None
    shown = [legal] if legal else list(policy.special_conditions(key, language, at) if part == "special" else ())
    if not shown:
        raise Http404
    offered = {one.document.value: one for one in registration.documents(brand=key, language=language, at=at)}
    context = {
        "part": part,
        "texts": [texts.html(one.text) for one in shown],
        "offered": offered[part],
        "indicative": language != policy.brand(key).language,
    }
    return render(request, "web/notice.html", context)


@require_safe
@cache_control(max_age=300)
def brand_css(request: HttpRequest) -> HttpResponse:
    """The brand's colours as CSS properties; they were checked as #rrggbb when the brand was read."""
    colours = policy.brand(serving.brand_key()).colours
    css = ":root{" + "".join(f"--brand-{name}:{value};" for name, value in sorted(colours.items())) + "}\n"
    return HttpResponse(css, content_type="text/css; charset=utf-8")


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Change the language of the pages, and of mails and announcements for a customer signed in."""
    response = django_set_language(request)
    code = request.POST.get("language", "")
    if request.user.is_authenticated and code in dict(settings.LANGUAGES):
        party_operations.set_language(user_id=request.user.pk, language=code)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token, or from elsewhere: nothing was done."""
    return render(request, "web/error.html", {"code": 403, "csrf": True}, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "web/error.html", {"code": 400}, status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "web/error.html", {"code": 403}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "web/error.html", {"code": 404}, status=404)


def failed(request: HttpRequest) -> HttpResponse:
    """A failure of ours; the page reads neither database nor brand, which may be what failed."""
    return HttpResponse(render_to_string("500.html"), status=500)


def _values(of: Terms) -> dict[str, object]:
    """The values of the terms under names that templates can read: `credit.validity_days` -> `credit_validity_days`."""
    return {name.replace(".", "_"): value for name, value in of.values.items()}
