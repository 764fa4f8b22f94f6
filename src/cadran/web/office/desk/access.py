"""Access numbers: which are open, which were, opening another, saying something else of one, closing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.numbering.access import operations, queries, rules
from cadran.party import staff_queries
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.web.office.desk.speech import sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

KINDS = ("access-number-open", "access-number-change", "access-number-close")
ACTS_SHOWN = 30
FIELDS = ("number", "place_fr", "place_en", "language", "service", "at")


@require_safe
@for_staff(Permission.SEE_PRICES)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The access numbers of every brand within reach, and who changed what."""
    return _list(request, staff)


@carries("KRY-3.1-call-credit")
@require_POST
@for_staff(Permission.EDIT_PARTNERS)
def save(request: HttpRequest, staff: Staff, brand: str) -> HttpResponse:
    """Open a number, from an instant on, or say something else of one that is open."""
    _within(staff, brand)
    typed = {name: request.POST.get(name, "").strip()[:80] for name in FIELDS}
    changes, now = request.POST.get("do") == "change", settings.CIVIL_CLOCK.now()
    try:
        described = rules.published(**{name: typed[name] for name in FIELDS[:-1]})
        at = now if changes else _instant(typed["at"], brand, now)
        kind = KINDS[1] if changes else KINDS[0]
        seen(request, staff, page="desk-access", subject=f"{brand}/{described.number}", kind=kind)
        if changes:
            operations.change_number(brand=brand, described=described, by=staff.user_name, at=now)
        else:
            operations.open_number(brand=brand, described=described, by=staff.user_name, opens_at=at, at=now)
    except CadranError as error:
        return _list(request, staff, status=422, problem=_problem(error), wrong=brand, typed=typed)
    messages.success(request, _("C’est enregistré, et publié à l’instant."))
    return redirect("office:access_numbers")


@require_POST
@for_staff(Permission.EDIT_PARTNERS)
def close(request: HttpRequest, staff: Staff, brand: str) -> HttpResponse:
    """Answer a number no longer, from an instant on."""
    _within(staff, brand)
    digits, now = request.POST.get("number", "")[:16], settings.CIVIL_CLOCK.now()
    try:
        at = _instant(request.POST.get("at", "").strip()[:40], brand, now)
        seen(request, staff, page="desk-access", subject=f"{brand}/+{digits}", kind=KINDS[2])
        operations.close_number(brand=brand, digits=digits, by=staff.user_name, closes_at=max(at, now), at=now)
    except CadranError as error:
        return _list(request, staff, status=422, problem=_problem(error))
    messages.success(request, _("Ce numéro ne répondra plus ; qui l’appelle entendra pourquoi."))
    return redirect("office:access_numbers")


def _list(request: HttpRequest, staff: Staff, *, status: int = 200, **more: object) -> HttpResponse:
    brands = [brand for brand in policy.brands() if staff.serves(brand.key)]
    now = settings.CIVIL_CLOCK.now()
    acts = [act for kind in KINDS for act in staff_queries.staff_acts(kind=kind, limit=ACTS_SHOWN)]
    within = tuple(f"{brand.key}/" for brand in brands)
    context = {
        "brands": [
            (brand, [(one, _state(one, now)) for one in queries.every_access_number(brand.key)]) for brand in brands
        ],
        "acts": sorted((act for act in acts if act.subject.startswith(within)), key=lambda act: -act.id)[:ACTS_SHOWN],
        "may_edit": staff.may(Permission.EDIT_PARTNERS),
        "services": list(rules.Service),
        "typed": {},
        **more,
    }
    return page(request, staff, "desk_access.html", context, crumbs=(("", _("Numéros d’accès")),), status=status)


def _state(one: queries.AccessNumber, now: datetime) -> str:
    """open | soon | closing | closed."""
    if one.closed_at is not None:
        return "closed" if one.closed_at <= now else "closing"
    return "open" if one.is_open(now) else "soon"


def _instant(typed: str, brand: str, now: datetime) -> datetime:
    """The instant typed in the brand's civil time, now where nothing was. Raises InvalidAccessNumber."""
    if not typed:
        return now
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=ZoneInfo(policy.brand(brand).zone))
    except ValueError as error:
        raise rules.InvalidAccessNumber("write the instant as 2026-03-01T09:00", field="at") from error


def _within(staff: Staff, brand: str) -> None:
    if brand not in policy.brand_keys() or not staff.serves(brand):
        raise Http404


def _problem(error: CadranError) -> str:
    if isinstance(error, rules.InvalidAccessNumber):
        return _fields().get(str(error.details.get("field")), error.message)
    return _errors().get(error.error_id) or sentence(error)


def _errors() -> Mapping[str, str]:
    return {
        "access-number-taken": _("Ce numéro est déjà ouvert, ou c’est celui d’un client."),
        "access-number-unknown": _("Ce numéro n’est pas ouvert pour cette marque."),
    }


def _fields() -> Mapping[str, str]:
    return {
        "number": _("Écrivez un numéro fixe, mobile ou spécial en entier, comme +33199000100."),
        "place_fr": _("Nommez le lieu en français, en 60 caractères au plus."),
        "place_en": _("Nommez le lieu en anglais, en 60 caractères au plus."),
        "language": _("La langue est le français ou l’anglais."),
        "service": _("Choisissez ce qui répond."),
        "at": _("Écrivez un instant comme 2026-03-01T09:00."),
    }
