"""Reports on a version of a deck: what it does to last month's traffic, what is suspicious in it, what it earns over a carrier."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.catalog import comparison, inspection, queries
from cadran.catalog.queries import DeckVersion
from cadran.journeys import deck_reports
from cadran.journeys.deck_reports import Impact, Margin
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import Crumb
from cadran.web.office.streamed import streamed

DAYS = (7, 30, 90)
SHOWN = 20


@require_safe
@for_staff(Permission.SEE_PRICES)
def impact(request: HttpRequest, staff: Staff, brand: str, name: str, version: str) -> HttpResponse:
    """What the version makes of the last days' traffic, against the one in force before it."""
    found, at, days = _deck(staff, brand, name, version), settings.CIVIL_CLOCK.now(), _days(request)
    before = comparison.replaced(found, at)
    if before is None:
        messages.info(request, _("La première version de cette grille : rien à quoi la comparer."))
        return redirect("office:deck", brand=brand, name=name, version=version)
    report = Impact(days, found.currency)

    def steps() -> Generator[tuple[int, int], None, Impact]:
        yield from deck_reports.impact_steps(report, before=before, after=found, at=at)
        return report

    return streamed(
        request,
        staff,
        "desk_deck_report.html",
        _context(found, "impact", days) | {"before": before},
        steps=steps(),
        told=_told_impact,
        crumbs=_crumbs(found, _("Sur le trafic")),
    )


@require_safe
@for_staff(Permission.SEE_PRICES)
def check(request: HttpRequest, staff: Staff, brand: str, name: str, version: str) -> HttpResponse:
    """What is suspicious in the version."""
    found, at = _deck(staff, brand, name, version), settings.CIVIL_CLOCK.now()

    def steps() -> Generator[tuple[int, int], None, inspection.Inspection]:
        yield 0, found.lines
        return deck_reports.inspect(version=found, at=at)

    return streamed(
        request,
        staff,
        "desk_deck_report.html",
        _context(found, "check", 0),
        steps=steps(),
        told=lambda done: ("desk_deck_check.html", {"found": done, "groups": _groups(done)}),
        crumbs=_crumbs(found, _("Contrôle")),
    )


@require_safe
@for_staff(Permission.SEE_MONEY)
def margin(request: HttpRequest, staff: Staff, brand: str, name: str, version: str) -> HttpResponse:
    """What the version earns over a carrier's deck, the largest loss first."""
    found, at, days = _deck(staff, brand, name, version), settings.CIVIL_CLOCK.now(), _days(request)
    costs = deck_reports.carrier_decks(brand)
    wanted = request.GET.get("cost", "")
    cost = next((one for one in costs if one.name == wanted), costs[0] if costs else None)
    if cost is None or cost.currency != found.currency:
        messages.info(
            request,
            _("Aucune grille d’opérateur partenaire dans cette monnaie : chargez-en une sous le nom carrier.NOM."),
        )
        return redirect("office:deck", brand=brand, name=name, version=version)
    report = deck_reports.margin_of(found, cost, at, days)

    def steps() -> Generator[tuple[int, int], None, Margin]:
        yield from deck_reports.margin_steps(report, retail=found, cost=cost, at=at)
        return report

    return streamed(
        request,
        staff,
        "desk_deck_report.html",
        _context(found, "margin", days) | {"costs": costs, "cost": cost},
        steps=steps(),
        told=_told_margin,
        crumbs=_crumbs(found, _("Marge")),
    )


def _told_impact(found: Impact) -> tuple[str, Mapping[str, object]]:
    rows = [*found.dearer(SHOWN), *found.cheaper(SHOWN)]
    longest = max((abs(row.change_micros) for row in rows), default=0) or 1
    bars = [_bar(row, row.change_micros, longest, good=False) for row in rows]
    return "desk_deck_impact.html", {"found": found, "bars": bars, "minutes": found.seconds // 60}


def _told_margin(found: Margin) -> tuple[str, Mapping[str, object]]:
    rows = found.worst(2 * SHOWN)
    longest = max((abs(row.margin_micros) for row in rows), default=0) or 1
    bars = [_bar(row, row.margin_micros, longest, good=True) for row in rows]
    context = {"found": found, "bars": bars, "exposed": found.places()[: 2 * SHOWN], "minutes": found.seconds // 60}
    return "desk_deck_margin.html", context | {"share": f"{found.tax_bp / 100:g}\u00a0%" if found.tax_bp else ""}


def _bar(row: deck_reports.Row, micros: int, longest: int, *, good: bool) -> dict[str, object]:
    """A destination with a bar to the right for what rises, to the left for what falls. good: rising is good news."""
    width, rises = -(-100 * abs(micros) // longest), micros > 0
    return {
        "row": row,
        "micros": abs(micros),
        "rises": rises,
        "bad": rises is not good,
        "width": width,
        "x": 100 if rises else 100 - width,
    }


def _groups(found: inspection.Inspection) -> list[tuple[str, int, list[inspection.Finding]]]:
    return [(kind.value, found.counts[kind], found.of(kind)[:100]) for kind in inspection.Kind if found.counts[kind]]


def _context(found: DeckVersion, report: str, days: int) -> dict[str, object]:
    return {
        "deck": found,
        "brand": policy.brand(found.brand),
        "currency": found.currency,
        "report": report,
        "days": days,
        "choices": DAYS,
    }


def _crumbs(found: DeckVersion, words: str) -> tuple[Crumb, ...]:
    deck = reverse("office:deck", args=(found.brand, found.name, found.version))
    return ((reverse("office:decks"), _("Tarifs")), (deck, f"{found.name} {found.version}"), ("", words))


def _days(request: HttpRequest) -> int:
    typed = request.GET.get("days", "")
    return int(typed) if typed.isascii() and typed.isdigit() and int(typed[:4]) in DAYS else 30


def _deck(staff: Staff, brand: str, name: str, version: str) -> DeckVersion:
    try:
        found = queries.deck(brand, name, version)
    except queries.UnknownDeck:
        raise Http404 from None
    if not staff.serves(found.brand):
        raise Http404
    return found
