"""Counts calls by hour, day and destination as their records are written, so that the first page of the back office adds up a few
thousand rows instead of millions. Each record is counted exactly once: the counts and the place reached change in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Max, Sum

from cadran.balance import search as balance
from cadran.charging import queries as charging
from cadran.charging.records import Record
from cadran.journeys import models
from cadran.policy import queries as policy
from cadran.units.period import utc

CALLS = "calls"
HOURS_KEPT = 70  # days


@dataclass(frozen=True, slots=True)
class Slot:
    """The calls of one civil hour or day."""

    start: str
    by_outcome: dict[str, int]
    seconds: int
    micros: int
    loss_micros: int

    @property
    def calls(self) -> int:
        return sum(self.by_outcome.values())

    def share_answered(self) -> int | None:
        """Answered calls among those that were not refused (ASR), in whole percent, half up; None without a call."""
        tried = self.calls - self.by_outcome.get("refused", 0)
        answered = self.by_outcome.get("answered", 0)
        return (200 * answered + tried) // (2 * tried) if tried else None


@dataclass(frozen=True, slots=True)
class Destination:
    """Answered calls to one destination."""

    destination: str
    destination_en: str
    calls: int
    seconds: int
    micros: int


@dataclass(frozen=True, slots=True)
class Credit:
    """Customers' credit at the end of a civil day (or so far, today)."""

    day: str
    micros: int
    customers: int


def follow_calls(*, limit: int = 1000) -> int:
    """Count the records written since the last time, at most `limit`; returns how many. Idempotent: what was counted stays so."""
    with transaction.atomic():
        place, _ = models.FollowedTo.objects.select_for_update().get_or_create(name=CALLS)
        found = charging.cdrs_after(place.position, limit)
        if not found:
            return 0
        _add(tuple(record for _position, record in found))
        place.position = found[-1][0]
        place.save(update_fields=["position"])
    return len(found)


def count_credit(*, at: datetime) -> int:
    """Write down what credit customers hold now, as today's figure of each brand; returns how many figures. Idempotent."""
    found = balance.outstanding()
    for brand, currency, micros, held, customers in found:
        day = _civil(at, brand).date().isoformat()
        models.CreditCount.objects.update_or_create(
            day=day,
            brand=brand,
            currency=currency,
            defaults={"micros": micros, "held_micros": held, "customers": customers},
        )
    return len(found)


def forget_hours(*, at: datetime) -> int:
    """Remove the figures by hour that are older than HOURS_KEPT days; those by day stay."""
    old = (utc(at) - timedelta(days=HOURS_KEPT)).date().isoformat()
    removed, _ = models.CallCount.objects.filter(grain="hour", start__lt=old).delete()
    return removed


def calls(*, grain: str, first: str, last: str, currency: str, brands: Sequence[str] = ()) -> tuple[Slot, ...]:
    """The figures of each civil hour or day from `first` to `last` (both included, `2026-03-01T14` or `2026-03-01`), in order; those
    without a call are left out. Calls without a price count whatever the currency."""
    rows = models.CallCount.objects.filter(grain=grain, start__gte=first, start__lte=last, currency__in=["", currency])
    if brands:
        rows = rows.filter(brand__in=list(brands))
    sums = rows.values("start", "disposition").annotate(
        n=Sum("calls"), s=Sum("seconds"), m=Sum("micros"), lost=Sum("loss_micros")
    )
    slots: dict[str, dict[str, Any]] = {}
    for row in sums.order_by("start"):
        slot = slots.setdefault(row["start"], {"by_outcome": {}, "seconds": 0, "micros": 0, "loss_micros": 0})
        if row["n"]:
            slot["by_outcome"][row["disposition"]] = row["n"]
        slot["seconds"] += row["s"]
        slot["micros"] += row["m"]
        slot["loss_micros"] += row["lost"]
    return tuple(Slot(start, **slot) for start, slot in slots.items())


def destinations(
    *, first: str, last: str, currency: str, brands: Sequence[str] = (), limit: int = 10
) -> tuple[Destination, ...]:
    """Where most answered calls went, from one civil day to another (both included)."""
    rows = models.DestinationCount.objects.filter(day__gte=first, day__lte=last, currency__in=["", currency])
    if brands:
        rows = rows.filter(brand__in=list(brands))
    sums = rows.values("destination").annotate(
        n=Sum("calls"), s=Sum("seconds"), m=Sum("micros"), en=Max("destination_en")
    )
    return tuple(
        Destination(row["destination"], row["en"], row["n"], row["s"], row["m"])
        for row in sums.order_by("-n", "destination")[:limit]
    )


def credit(*, first: str, last: str, currency: str, brands: Sequence[str] = ()) -> tuple[Credit, ...]:
    """Customers' credit day by day (both included), in order."""
    rows = models.CreditCount.objects.filter(day__gte=first, day__lte=last, currency=currency)
    if brands:
        rows = rows.filter(brand__in=list(brands))
    sums = rows.values("day").annotate(m=Sum("micros"), n=Sum("customers")).order_by("day")
    return tuple(Credit(row["day"], row["m"], row["n"]) for row in sums)


def days(first: date, last: date) -> tuple[str, ...]:
    """Each civil day from the first to the last, as figures name them."""
    return tuple((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))


def _add(found: Sequence[Record]) -> None:
    counts: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    places: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    english: dict[str, str] = {}
    for record in found:
        amounts, charge = _amounts(record)
        civil = _civil(record.corrected_at or record.ended_at, record.brand)
        for grain, start in (("hour", civil.strftime("%Y-%m-%dT%H")), ("day", civil.date().isoformat())):
            slot = counts[grain, start, record.brand, record.currency, record.disposition]
            for place, amount in enumerate(amounts):
                slot[place] += amount
        if record.disposition == "answered":
            name = str(charge.get("destination") or record.number_class)[:80]
            english.setdefault(name, str(charge.get("destination_en") or "")[:80])
            to = places[civil.date().isoformat(), record.brand, record.currency, name]
            for place, amount in enumerate(amounts[:3]):
                to[place] += amount
    for (grain, start, brand, currency, disposition), (n, s, m, lost) in counts.items():
        row, _ = models.CallCount.objects.get_or_create(
            grain=grain, start=start, brand=brand, currency=currency, disposition=disposition
        )
        models.CallCount.objects.filter(pk=row.pk).update(
            calls=F("calls") + n,
            seconds=F("seconds") + s,
            micros=F("micros") + m,
            loss_micros=F("loss_micros") + lost,
        )
    for (day, brand, currency, name), (n, s, m) in places.items():
        to_row, _ = models.DestinationCount.objects.get_or_create(
            day=day, brand=brand, currency=currency, destination=name, defaults={"destination_en": english[name]}
        )
        models.DestinationCount.objects.filter(pk=to_row.pk).update(
            calls=F("calls") + n, seconds=F("seconds") + s, micros=F("micros") + m
        )


def _amounts(record: Record) -> tuple[tuple[int, int, int, int], Mapping[str, object]]:
    """Calls, seconds, micros and lost micros that a record adds, and the charge that names its destination. A correction adds no call,
    only what its price differs from the one before."""
    if not record.corrects:
        return (1, record.charged_s, record.charge_micros, record.loss_micros), record.charge
    first = charging.cdr(record.corrects)
    before = first
    for one in charging.corrections(record.account, record.corrects):
        if one.cdr_id == record.cdr_id:
            break
        before = one
    return (0, 0, record.charge_micros - before.charge_micros, 0), first.charge


def _civil(at: datetime, brand: str) -> datetime:
    return utc(at).astimezone(ZoneInfo(policy.brand(brand).zone))
