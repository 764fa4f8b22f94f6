"""Which access numbers there are, and what answers at one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from cadran.numbering.access import models
from cadran.units.clause import carries
from cadran.units.period import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessNumber:
    """One access number. digits: E.164 without plus. closed_at: the first instant at which it is not answered any more, or None."""

    digits: str
    brand: str
    country: str
    place_fr: str
    place_en: str
    language: str
    service: str
    opened_at: datetime
    closed_at: datetime | None

    def is_open(self, at: datetime) -> bool:
        return self.opened_at <= at and (self.closed_at is None or at < self.closed_at)

    def place(self, language: str) -> str:
        return self.place_en if language == "en" else self.place_fr


def access_number(digits: str, at: datetime) -> AccessNumber | None:
    """The access number that was dialled (E.164 digits, with or without plus), open or not at `at` (`is_open`: one that opens later or
    is closed still says which brand and language it has); None for a number that never was one."""
    rows = models.AccessNumber.objects.filter(digits=digits.removeprefix("+"))
    begun = rows.filter(opened_at__lte=utc(at)).order_by("-opened_at", "-pk").first()
    row = begun or rows.order_by("opened_at", "pk").first()
    return _facts(row) if row else None


@carries("KRY-3.1-call-credit")
def access_numbers(brand: str, at: datetime, *, service: str = "") -> tuple[AccessNumber, ...]:
    """The access numbers of a brand that are open at `at`, or open later, by country and place; `service` narrows them."""
    rows = models.AccessNumber.objects.filter(Q(closed_at=None) | Q(closed_at__gt=utc(at)), brand=brand)
    if service:
        rows = rows.filter(service=service)
    return tuple(_facts(row) for row in rows)


def every_access_number(brand: str) -> tuple[AccessNumber, ...]:
    """Closed ones too, newest opening first of each number."""
    rows = models.AccessNumber.objects.filter(brand=brand).order_by("country", "place_fr", "digits", "-opened_at")
    return tuple(_facts(row) for row in rows)


def is_access_number(digits: str) -> bool:
    """Whether that number is, or is to be, one of any brand."""
    return models.AccessNumber.objects.filter(digits=digits.removeprefix("+"), closed_at=None).exists()


def _facts(row: models.AccessNumber) -> AccessNumber:
    return AccessNumber(
        digits=row.digits,
        brand=row.brand,
        country=row.country,
        place_fr=row.place_fr,
        place_en=row.place_en,
        language=row.language,
        service=row.service,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )
