"""The sandbox's civil clock: what it shows, and how far it is moved. A production installation has no such page."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cadran.journeys import passage
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units import period
from cadran.units.errors import CadranError
from cadran.web import serving
from cadran.web.office.desk.speech import sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen

KEPT = "office_clock_acts"
MOST_SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
@for_staff(Permission.MOVE_CLOCK)
def clock(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Show the civil time, advance it, and list the acts that ran on the way."""
    if not settings.SANDBOX:
        raise Http404
    zone = policy.brand(serving.brand_key()).zone
    if request.method == "POST":
        now = settings.CIVIL_CLOCK.now()
        target = _target(request.POST.get("step", ""), request.POST.get("day", ""), now, zone)
        if target is None:
            messages.error(request, _("Choisissez un instant à venir, à vingt ans au plus."))
        else:
            seen(request, staff, page="desk-clock", subject=target.isoformat(), kind="clock-advance")
            _advance(request, now, target)
        return redirect("office:clock")
    now = settings.CIVIL_CLOCK.now()
    wall = datetime.now(UTC)
    context = {
        "now": now,
        "zone": zone,
        "ahead_days": (now - wall + timedelta(minutes=1)).days,
        "journey": request.session.pop(KEPT, None),
        "tomorrow": period.civil_day(now, zone) + timedelta(days=1),
    }
    return page(request, staff, "desk_clock.html", context, crumbs=(("", _("Horloge du bac à sable")),))


def _advance(request: HttpRequest, now: datetime, target: datetime) -> None:
    acts: list[dict[str, object]] = []
    problem = ""
    try:
        passage.advance(
            target, lambda name, at, count: acts.append({"name": name, "at": at.isoformat(), "count": count})
        )
    except CadranError as error:
        problem = sentence(error)
        messages.error(request, problem)
    request.session[KEPT] = {
        "from": now.isoformat(),
        "to": settings.CIVIL_CLOCK.now().isoformat(),
        "acts": acts[:MOST_SHOWN],
        "count": len(acts),
    }


def _target(step: str, day: str, now: datetime, zone: str) -> datetime | None:
    """The instant that was chosen: a day or a month further at the same hour of that zone, or the midnight of a date."""
    local = now.astimezone(ZoneInfo(zone))
    if step == "day":
        return _same_hour(local, local.date() + timedelta(days=1), zone)
    if step == "month":
        year, month = divmod(local.year * 12 + local.month, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return _same_hour(local, date(year, month + 1, min(local.day, last)), zone)
    if step != "date":
        return None
    try:
        target = period.midnight(date.fromisoformat(day), zone)
    except (ValueError, OverflowError):
        return None
    return target if target > now else None


def _same_hour(local: datetime, day: date, zone: str) -> datetime:
    return datetime.combine(day, local.time(), ZoneInfo(zone)).astimezone(UTC)
