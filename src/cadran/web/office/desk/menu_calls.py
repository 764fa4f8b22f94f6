"""The voice menu seen from above: who is in it now, how far callers come, where they give up, how long they talk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from cadran.charging import traffic
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.voice.access import queries
from cadran.voice.menu import studio, texts
from cadran.voice.menu.table import LANGUAGES, TableUnknown
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

DAYS = (1, 7, 30, 90)
VIA = ("access-number", "mobility")
WIDE = 1000
REFUSED = {
    "withheld": _("numéro masqué"),
    "unknown": _("numéro inconnu"),
    "closed": _("compte fermé"),
    "suspended": _("compte suspendu"),
    "unauthenticated": _("numéro non garanti, sans code secret"),
    "not-open": _("numéro d’accès fermé"),
    "too-many": _("trop d’essais"),
    "unavailable": _("service indisponible"),
}


@dataclass(frozen=True, slots=True)
class Level:
    """A state of the menu as a bar: those who came to it, those of them who hung up there, in parts of WIDE. says: what is heard."""

    reached: queries.Reached
    says: str
    width: int
    lost: int


@require_safe
@for_staff(Permission.SEE_CALLS)
def seen_from_above(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Calls in progress, the funnel of the last days of one brand, and the minutes talked."""
    brands = [one for one in policy.brands() if staff.serves(one.key)]
    if not brands:
        raise Http404
    keys = [one.key for one in brands]
    chosen = request.GET.get("brand", "")
    if chosen not in keys:
        chosen = next((one.key for one in brands if "calling-card" in one.services), keys[0])
    days = int(request.GET["days"]) if request.GET.get("days") in {str(one) for one in DAYS} else 7
    now = settings.CIVIL_CLOCK.now()
    since = now - timedelta(days=days)
    live = queries.live(brands=[chosen])
    if live and staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="menu-calls", kind="list", subject=" ".join(one.session for one in live)[:120])
    funnel = queries.funnel(brand=chosen, since=since, until=now)
    talked = traffic.talked(brand=chosen, via=VIA, since=since, until=now)
    context = {
        "brands": brands,
        "chosen": chosen,
        "currency": policy.brand(chosen).currency,
        "days": days,
        "choices": DAYS,
        "live": [(one, int((now - one.began_at).total_seconds())) for one in live],
        "funnel": funnel,
        "levels": _levels(funnel, _said(chosen)),
        "refused": sorted(
            ((str(REFUSED.get(why, why)), count) for why, count in funnel.refused.items()), key=lambda one: -one[1]
        ),
        "refused_count": sum(funnel.refused.values()),
        "talked": talked,
        "talk_s": talked.seconds // talked.calls if talked.calls else 0,
        "visit_s": funnel.seconds // funnel.over if funnel.over else 0,
        "wide": WIDE,
    }
    return page(request, staff, "desk_menu_calls.html", context, crumbs=[("", gettext("Accueil vocal"))])


def _levels(funnel: queries.Funnel, said: Mapping[str, str]) -> list[Level]:
    most = max((one.calls for one in funnel.states), default=0) or 1
    return [
        Level(one, said.get(one.state, ""), max(one.calls * WIDE // most, 2), one.given_up * WIDE // most)
        for one in funnel.states
    ]


def _said(brand: str) -> dict[str, str]:
    """The first words of each state of the brand's menus, in the language of the page."""
    language = (get_language() or "")[:2]
    spoken = texts.texts(language if language in LANGUAGES else LANGUAGES[0])
    try:
        tables, _wrong = studio.tables(brand)
    except TableUnknown:
        return {}
    found: dict[str, str] = {}
    for table in tables:
        for name, state in table.states.items():
            prompts = [part.prompt for group in getattr(state, "say", ()) for part in group if part.prompt]
            if prompts and name not in found:
                found[name] = spoken.get(prompts[0].rpartition("/")[2], "")
    return found
