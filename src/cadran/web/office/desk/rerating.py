"""Calls of the past charged again: seen before, asked for, approved by a second person, followed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.catalog import queries as catalog
from cadran.journeys.deck_reports import CARRIER
from cadran.journeys.proposals import rules as proposals
from cadran.journeys.proposals.rules import ProposalState
from cadran.journeys.rerating import operations, queries, rules, weighing
from cadran.journeys.rerating.queries import Run
from cadran.journeys.rerating.rules import RunState, Scope
from cadran.journeys.rerating.weighing import Preview
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units import ids, period
from cadran.units.errors import CadranError
from cadran.web.office.desk.speech import person, sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, refused, seen
from cadran.web.office.streamed import streamed

DEEDS = ("approve", "refuse", "withdraw")
DAYS = 30
ROWS = 50


@require_safe
@for_staff(Permission.SEE_MONEY)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What was charged again, what waits, and the form of a preview."""
    return _form(request, staff)


@require_safe
@for_staff(Permission.SEE_MONEY)
def preview(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What a re-rating would do, counted while the page is sent; nothing is written."""
    at = settings.CIVIL_CLOCK.now()
    try:
        scope = _scope(staff, request.GET, at)
        context = {"scope": scope, "brand": policy.brand(scope.brand), "last_day": _last_day(scope)}
        steps = weighing.preview_steps(scope=scope, at=at)
        seen(request, staff, page="desk-rerating-preview", subject=f"{scope.brand}/{scope.deck}/{scope.version}")
        crumbs = ((reverse("office:reratings"), _("Recalculs")), ("", _("Aperçu")))
        return streamed(
            request,
            staff,
            "desk_rerating_preview.html",
            context,
            steps=steps,
            told=lambda found: ("desk_rerating_found.html", _found(found, staff, request.GET)),
            crumbs=crumbs,
        )
    except CadranError as error:
        return _form(request, staff, status=422, problem=_why_not(error))


@require_POST
@for_staff(Permission.ADJUST_CREDIT)
def propose(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Ask for what the preview showed."""
    at = settings.CIVIL_CLOCK.now()
    try:
        scope = _scope(staff, request.POST, at)
        reason, key = request.POST.get("reason", ""), request.POST.get("key", "")
        seen(
            request,
            staff,
            page="desk-rerating",
            subject=f"{scope.brand}/{scope.version}",
            kind="rerating-ask",
            reason=reason[:200],
        )
        made = operations.propose(key=key, scope=scope, reason=reason, by=person(staff), at=at)
    except CadranError as error:
        return _form(request, staff, status=422, problem=_why_not(error))
    messages.success(request, _("Demande enregistrée : une seconde personne doit l’approuver."))
    return redirect("office:rerating", rerating_id=made.rerating_id)


@require_safe
@for_staff(Permission.SEE_MONEY)
def shown(request: HttpRequest, staff: Staff, rerating_id: str) -> HttpResponse:
    """One re-rating: what was asked, how far it has come, what it did, and what may be done with it."""
    found = _run(staff, rerating_id)
    waits = found.proposal.state is ProposalState.PROPOSED
    mine = found.proposal.proposed_by == staff.user_id
    context = {
        "one": found,
        "brand": policy.brand(found.scope.brand),
        "last_day": _last_day(found.scope),
        "customers": queries.customers_of(rerating_id),
        "left": sorted(found.left.items()),
        "moves": found.state in (RunState.RUNNING, RunState.TELLING),
        "may_decide": waits and not mine and staff.may(Permission.APPROVE_ADJUSTMENTS),
        "may_withdraw": waits and mine,
        "bars": _bars(found.preview.get("destinations", ())),
    }
    crumbs = ((reverse("office:reratings"), _("Recalculs")), ("", found.rerating_id[-8:]))
    return page(request, staff, "desk_rerating_one.html", context, crumbs=crumbs)


@require_POST
@for_staff(Permission.SEE_MONEY)
def decide(request: HttpRequest, staff: Staff, rerating_id: str) -> HttpResponse:
    """Approve, refuse or withdraw."""
    _run(staff, rerating_id)
    deed, at = request.POST.get("deed", ""), settings.CIVIL_CLOCK.now()
    if deed not in DEEDS:
        raise Http404
    if deed != "withdraw" and not staff.may(Permission.APPROVE_ADJUSTMENTS):
        return refused(request, staff)
    seen(request, staff, page="desk-rerating", subject=rerating_id, kind=f"rerating-{deed}")
    try:
        if deed == "approve":
            operations.approve(rerating_id=rerating_id, by=person(staff), at=at)
            messages.success(request, _("Approuvé : le calcul commence. Cette page dit où il en est."))
        elif deed == "refuse":
            reason = request.POST.get("reason", "")
            operations.refuse(rerating_id=rerating_id, by=person(staff), reason=reason, at=at)
            messages.success(request, _("Demande refusée."))
        else:
            operations.withdraw(rerating_id=rerating_id, by=person(staff), at=at)
            messages.success(request, _("Demande retirée."))
    except proposals.InvalidProposal:
        messages.error(request, _("Donnez la raison, en 8 à 400 caractères : elle reste comme preuve."))
    except CadranError as error:
        messages.error(request, _why_not(error))
    return redirect("office:rerating", rerating_id=rerating_id)


def _form(request: HttpRequest, staff: Staff, *, status: int = 200, problem: str = "") -> HttpResponse:
    at = settings.CIVIL_CLOCK.now()
    brands = [one for one in policy.brands() if staff.serves(one.key)]
    asked = request.POST if request.method == "POST" else request.GET
    decks = [
        one
        for one in reversed(catalog.decks())
        if any(one.brand == brand.key for brand in brands) and not one.name.startswith(CARRIER)
    ]
    today = period.civil_day(at, brands[0].zone) if brands else at.date()
    typed = {name: asked.get(name, "")[:2000] for name in ("deck", "since", "until", "prefixes")}
    typed["since"] = typed["since"] or (today - timedelta(days=DAYS)).isoformat()
    typed["until"] = typed["until"] or today.isoformat()
    context = {
        "runs": [one for one in queries.runs(limit=ROWS) if staff.serves(one.scope.brand)],
        "decks": [(one, f"{one.brand}/{one.name}/{one.version}") for one in decks[:100]],
        "typed": typed,
        "today": today.isoformat(),
        "problem": problem,
    }
    return page(request, staff, "desk_rerating.html", context, crumbs=(("", _("Recalculs")),), status=status)


def _scope(staff: Staff, asked: Mapping[str, str], at: datetime) -> Scope:
    """What the form asks for; `until` is the last day, whole, or now where that is today. Raises InvalidRerating."""
    brand, _slash, rest = asked.get("deck", "").partition("/")
    name, _slash, version = rest.partition("/")
    if brand not in policy.brand_keys() or not staff.serves(brand) or name.startswith(CARRIER):
        raise rules.InvalidRerating("choose the corrected deck", rule="deck")
    zone = policy.brand(brand).zone
    try:
        since = period.midnight(date.fromisoformat(asked.get("since", "")), zone)
        until = min(period.end_of_civil_day(date.fromisoformat(asked.get("until", "")), zone), at)
        if exact := asked.get("exact", ""):
            until = min(datetime.fromisoformat(exact), at)
    except (ValueError, OverflowError, TypeError):
        raise rules.InvalidRerating("choose the first and the last day", rule="period") from None
    prefixes = tuple(asked.get("prefixes", "")[:4000].replace(",", " ").replace(";", " ").split())
    return Scope(brand=brand, deck=name, version=version, since=since, until=until, prefixes=prefixes)


def _found(found: Preview, staff: Staff, asked: Mapping[str, str]) -> dict[str, object]:
    told = found.as_dict()
    left = {
        verdict: number for verdict, number in found.tally.verdicts.items() if verdict not in rules.CHANGES and number
    }
    return {
        "preview": found,
        "tally": found.tally,
        "currency": found.currency,
        "bars": _bars(told["destinations"]),
        "left": [
            (verdict.value, number, *found.tally.left.get(verdict, (0, 0))) for verdict, number in sorted(left.items())
        ],
        "may_ask": found.tally.changed > 0 and staff.may(Permission.ADJUST_CREDIT),
        "asked": {name: asked.get(name, "") for name in ("deck", "since", "until", "prefixes")},
        "exact": found.scope.until.isoformat(),
        "key": ids.new_id("rerate"),
    }


def _bars(rows: object) -> list[dict[str, object]]:
    """Destinations with the widths of their two bars, up and down, in hundredths of the longest."""
    found = [dict(row) for row in rows][:20] if isinstance(rows, list | tuple) else []
    longest = max((max(int(one["up_micros"]), int(one["down_micros"])) for one in found), default=0) or 1
    for one in found:
        one["up"] = -(-100 * int(one["up_micros"]) // longest)
        one["down"] = -(-100 * int(one["down_micros"]) // longest)
        one["left"] = 100 - one["down"]
    return found


def _last_day(scope: Scope) -> date:
    zone = policy.brand(scope.brand).zone
    return period.civil_day(scope.until - timedelta(microseconds=1), zone)


def _run(staff: Staff, rerating_id: str) -> Run:
    try:
        found = queries.run(rerating_id)
    except queries.UnknownRerating:
        raise Http404 from None
    if not staff.serves(found.scope.brand):
        raise Http404
    return found


def _why_not(error: CadranError) -> str:
    said = {
        "deck": _("Choisissez la grille corrigée."),
        "period": _("Choisissez le premier et le dernier jour : 400 jours au plus."),
        "future": _("Seuls des appels passés se recalculent : la période finit aujourd’hui au plus tard."),
        "prefixes": _("Un préfixe est fait de 1 à 15 chiffres et commence par l’indicatif du pays ; 200 au plus."),
        "reason": _("Donnez la raison en 8 à 240 caractères : les clients la lisent."),
        "journeys-rerating-nothing": _("Aucun appel ne changerait de prix."),
        "journeys-rerating-already-asked": _("La même demande attend ou est en cours."),
        "journeys-rerating-too-much": _(
            "Pour un seul client, le montant dépasse ce qui se déplace en une fois : resserrez la période."
        ),
        "journeys-rerating-too-many": _("Trop d’appels pour une seule fois : resserrez la période ou les préfixes."),
        "catalog-deck-unknown": _("Choisissez la grille corrigée."),
    }
    return said.get(str(error.details.get("rule")), said.get(error.error_id, sentence(error)))
