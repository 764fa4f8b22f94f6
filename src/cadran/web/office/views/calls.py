"""Calls in progress, with their cut; calls that are over, each with its why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.charging import queries as charging
from cadran.charging import search, usage
from cadran.charging.records import Record
from cadran.charging.rules import DISPOSITIONS, ENDINGS
from cadran.ledger import queries as ledger
from cadran.numbering.rules import NumberClass
from cadran.party import search as customers
from cadran.party import staff_queries
from cadran.party.queries import Customer, Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.policy import usage_data
from cadran.policy.queries import UnknownTerms
from cadran.units.errors import CadranError
from cadran.voice import control
from cadran.voice import queries as voice
from cadran.web.office import listing, words
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

SHOWN = "office_live_calls"


@dataclass(frozen=True, slots=True)
class Shown:
    """A call in progress as the page shows it. seconds: since the answer, None before; `micros`: what those seconds cost so far."""

    call: search.LiveCall
    customer: Customer | None
    seconds: int | None
    micros: int


@require_safe
@for_staff(Permission.SEE_CALLS)
def live(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Calls in progress, the newest first."""
    found = search.live(brands=listing.brands(request, staff))
    calls_shown = " ".join(one.session for one in found)
    if staff.may(Permission.SEE_PERSONAL_DATA) and request.session.get(SHOWN) != calls_shown:
        request.session[SHOWN] = calls_shown  # a page that refreshes by itself is written down once for the same calls
        seen(request, staff, page="live", kind="list", subject=calls_shown[:120])
    rows = shown(found, at=settings.CIVIL_CLOCK.now())
    context = {"calls": rows, "grounds": words.GROUNDS, "brand_choices": listing.brand_choices(staff)}
    return page(request, staff, "live.html", context, crumbs=[("", _("Appels en cours"))])


def shown(found: tuple[search.LiveCall, ...], *, at: datetime) -> list[Shown]:
    """With who calls, for how long, and what is held for it."""
    answered = voice.answered([one.session for one in found])
    known = customers.of_accounts([one.account for one in found])
    rows = []
    for one in found:
        seconds = None
        if (now := answered.get(one.session)) is not None:
            seconds = max(0, int((at - now.answered_at).total_seconds()))
        rows.append(Shown(one, known.get(one.account), seconds, one.cost(seconds or 0)))
    return rows


@require_POST
@for_staff(Permission.CUT_CALLS)
def cut(request: HttpRequest, staff: Staff, session: str) -> HttpResponse:
    """End a call in progress, for one of the known grounds: written into the log first."""
    ground = request.POST.get("ground", "")
    if ground not in words.GROUNDS:
        raise Http404
    call = next((one for one in search.live(brands=staff.brands, limit=2000) if one.session == session), None)
    if call is None:
        messages.info(request, _("Cet appel est déjà terminé : rien n’a été coupé."))
        return redirect("office:live")
    note = "".join(c for c in request.POST.get("note", "") if c.isprintable())[:300]
    reason = f"{ground}: {note}" if note else ground
    seen(request, staff, page="live", kind="cut", account=call.account, subject=session, reason=reason)
    try:
        control.cut(session, door=settings.SIP_SOCKET)
    except control.CallOver:
        messages.info(request, _("Cet appel est déjà terminé : rien n’a été coupé."))
    except CadranError:
        messages.error(
            request, _("Le processus des appels ne répond pas : vérifiez si l’appel continue, puis réessayez.")
        )
    else:
        messages.success(request, _("L’appel est coupé : les deux côtés ont reçu la fin."))
    return redirect("office:live")


@require_safe
@for_staff(Permission.SEE_CALLS)
def calls(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Call records, newest first, with filters and a download."""
    wanted = _wanted(request, staff)
    if listing.wants_download(request, staff):
        return listing.download(request, staff, name="calls", columns=_COLUMNS, rows=_rows(wanted))
    parts = listing.place(request, datetime, int)
    after = search.Place(datetime.fromisoformat(parts[0]), int(parts[1])) if parts else None
    found = search.calls(wanted, after=after, limit=listing.ON_PAGE)
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="calls", kind="list", account=wanted.account, subject=request.GET.urlencode()[:120])
    further = found.further and f"{found.further.ended_at.isoformat()}~{found.further.position}"
    context = {
        "found": found,
        "known": customers.of_accounts([one.account for one in found.records]),
        "further": listing.address(request, after=further) if further else "",
        "first": listing.address(request, after=None) if parts else "",
        "dispositions": sorted(DISPOSITIONS),
        "endings": sorted(ENDINGS),
        "classes": [one.value for one in NumberClass],
        "brand_choices": listing.brand_choices(staff),
        "downloads": [(form, listing.address(request, **{"as": form, "after": None})) for form in ("csv", "json")],
    }
    return page(request, staff, "calls.html", context, crumbs=[("", _("Appels"))])


_COLUMNS: tuple[str, ...] = (
    "cdr",
    "account",
    "brand",
    "direction",
    "class",
    "destination",
    "shown",
    "authorised_at",
    "answered_at",
)
_COLUMNS += ("ended_at", "disposition", "ended_by", "sip_code", "carrier", "charged_s", "charge_micros", "currency")
_COLUMNS += ("clause", "terms", "loss_s", "loss_micros", "corrects")


def _rows(wanted: search.Wanted) -> Iterator[tuple[object, ...]]:
    after = None
    while True:
        found = search.calls(wanted, after=after, limit=search.MAX_ROWS)
        yield from (_cells(one) for one in found.records)
        after = found.further
        if after is None:
            return


def _cells(one: Record) -> tuple[object, ...]:
    return (
        *(one.cdr_id, one.account, one.brand, one.direction, one.number_class, one.destination, one.shown),
        *(one.authorised_at, one.answered_at, one.ended_at, one.disposition, one.ended_by, one.sip_code, one.carrier),
        *(
            one.charged_s,
            one.charge_micros,
            one.currency,
            one.clause,
            one.terms,
            one.loss_s,
            one.loss_micros,
            one.corrects,
        ),
    )


def _wanted(request: HttpRequest, staff: Staff) -> search.Wanted:
    account = listing.typed(request, "account", 16).upper()
    if account:
        listing.reach(staff, account)
    since, until = listing.between(request)
    destination = listing.typed(request, "destination", 80).replace(" ", "").removeprefix("+")
    return search.Wanted(
        brands=listing.brands(request, staff),
        account=account,
        destination=destination,
        disposition=listing.choice(request, "disposition", DISPOSITIONS),
        ended_by=listing.choice(request, "ended_by", ENDINGS),
        direction=listing.choice(request, "direction", {"inbound", "outbound"}),
        number_class=listing.choice(request, "class", {one.value for one in NumberClass}),
        since=since,
        until=until,
    )


@require_safe
@for_staff(Permission.SEE_CALLS)
def call(request: HttpRequest, staff: Staff, cdr_id: str) -> HttpResponse:
    """Everything about one call: what was decided and why, the arithmetic, the entries in the books, what staff did."""
    found = search.by_id(cdr_id)
    if found is None or not staff.serves(found.brand):
        raise Http404
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="call", account=found.account, subject=cdr_id)
    try:
        terms = policy.terms(found.terms)
    except UnknownTerms:
        terms = None
    family = usage.legs(found.account, found.family)
    context = {
        "call": found,
        "family": family,
        "family_micros": sum(leg.micros for leg in family),
        "customer": customers.of_accounts([found.account]).get(found.account),
        "charge": dict(found.charge),
        "terms": terms,
        "kept_until": usage_data.kept_until(terms, found.ended_at, policy.brand(found.brand).zone) if terms else None,
        "legs": ledger.legs(found.account, found.transfers) if staff.may(Permission.SEE_MONEY) else (),
        "corrections": charging.corrections(found.account, cdr_id),
        "acts": [
            one for one in staff_queries.staff_acts(account=found.account, kind="cut") if one.subject == found.session
        ],
    }
    crumbs = [(reverse("office:calls"), _("Appels")), ("", found.cdr_id)]
    return page(request, staff, "call.html", context, crumbs=crumbs)
