"""The first page: how the operator is doing, from counts kept up by the jobs, never from the calls themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from cadran.charging import queries as charging
from cadran.journeys import figures
from cadran.journeys.figures import Slot
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.web import serving
from cadran.web.office import listing, plots
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page
from cadran.web.templatetags import shown

PERIODS = {"24h": 24, "7d": 7, "30d": 30, "90d": 90}
LEAST_MICROS = 40_000  # an axis of money is never shorter: a cent a step


@dataclass(frozen=True, slots=True)
class Row:
    """One slot as the table beside a plot shows it."""

    label: str
    answered: int
    missed: int
    failed: int
    micros: int
    share: int | None


@require_safe
@for_staff(Permission.SEE_CALLS)
def start(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Where to look first: calls, revenue, credit, failures, destinations, over the period chosen."""
    period = listing.choice(request, "period", PERIODS) or "24h"
    brand = policy.brand(serving.brand_key())
    brands = listing.brands(request, staff)
    now = settings.CIVIL_CLOCK.now().astimezone(ZoneInfo(brand.zone))
    names, labels = _slots(period, now)
    grain, currency = ("hour" if period == "24h" else "day"), brand.currency
    kept = {
        slot.start: slot
        for slot in figures.calls(grain=grain, first=names[0], last=names[-1], currency=currency, brands=brands)
    }
    rows = [_row(label, kept.get(name)) for name, label in zip(names, labels, strict=True)]
    first, last = names[0][:10], names[-1][:10]
    context: dict[str, object] = {
        "period": period,
        "periods": [(name, listing.address(request, period=name)) for name in PERIODS],
        "brand_choices": listing.brand_choices(staff),
        "open_calls": charging.open_calls(),
        "calls": sum(row.answered + row.missed + row.failed for row in rows),
        "answered": sum(row.answered for row in rows),
        "share": _share(list(kept.values())),
        "currency": currency,
        "rows": rows,
        "outcome": plots.columns([(row.answered, row.missed, row.failed) for row in rows], labels),
        "failures": plots.line(
            [row.share for row in rows],
            labels,
            most=100,
            told=["0\u00a0%", "25\u00a0%", "50\u00a0%", "75\u00a0%", "100\u00a0%"],
        ),
        "destinations": figures.destinations(first=first, last=last, currency=currency, brands=brands),
    }
    if staff.may(Permission.SEE_MONEY):
        context |= _money(rows, labels, first, last, currency, brands)
    return page(request, staff, "start.html", context)


def _money(
    rows: list[Row], labels: list[str], first: str, last: str, currency: str, brands: tuple[str, ...]
) -> dict[str, object]:
    revenue = [row.micros for row in rows]
    top = plots.ceiling(max([LEAST_MICROS, *revenue]))
    credit = {one.day: one for one in figures.credit(first=first, last=last, currency=currency, brands=brands)}
    days = figures.days(datetime.fromisoformat(first).date(), datetime.fromisoformat(last).date())
    known = [credit[day].micros if day in credit else None for day in days]
    highest = plots.ceiling(max([LEAST_MICROS, *(value for value in known if value is not None)]))
    return {
        "revenue": sum(revenue),
        "revenue_plot": plots.columns([(value,) for value in revenue], labels, most=top, told=_amounts(top, currency)),
        "credit_now": next((credit[day] for day in reversed(days) if day in credit), None),
        "credit_rows": [credit[day] for day in days if day in credit],
        "credit_plot": plots.line(known, [_day(day) for day in days], most=highest, told=_amounts(highest, currency)),
    }


def _amounts(top: int, currency: str) -> list[str]:
    return [shown.whole(value, currency) for value in plots.steps(top)]


def _slots(period: str, now: datetime) -> tuple[list[str], list[str]]:
    """The names of the slots, oldest first, and what is written below them."""
    if period == "24h":
        hours = [now - timedelta(hours=back) for back in range(23, -1, -1)]
        names = [hour.strftime("%Y-%m-%dT%H") for hour in hours]
        unique = list(dict.fromkeys(names))  # the hour that a clock change repeats is one slot
        return unique, [f"{name[11:]}\u00a0h" for name in unique]
    days = figures.days(now.date() - timedelta(days=PERIODS[period] - 1), now.date())
    return list(days), [_day(day) for day in days]


def _day(name: str) -> str:
    return format_date(datetime.fromisoformat(name), "d MMM", locale=get_language() or "fr")


def _row(label: str, slot: Slot | None) -> Row:
    if slot is None:
        return Row(label, 0, 0, 0, 0, None)
    outcome = slot.by_outcome
    failed = outcome.get("failed", 0) + outcome.get("refused", 0)
    answered = outcome.get("answered", 0)
    return Row(label, answered, slot.calls - answered - failed, failed, slot.micros, slot.share_answered())


def _share(slots: list[Slot]) -> int | None:
    outcome: dict[str, int] = {}
    for slot in slots:
        for name, count in slot.by_outcome.items():
            outcome[name] = outcome.get(name, 0) + count
    return Slot("", outcome, 0, 0, 0).share_answered()
