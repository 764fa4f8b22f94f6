"""What a case is: kinds, states, tracking numbers, deadlines. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cadran.units.errors import InvalidInput

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
MAX_TEXT = 4000
_NUMBER = re.compile(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")


class InvalidCase(InvalidInput):
    """A case that cannot be opened or answered as asked."""

    error_id = "compliance-case-invalid"


class Kind(StrEnum):
    """What a case is about."""

    LOST_CODES = "lost-codes"
    ABUSE = "abuse"
    DATA_ACCESS = "data-access"
    DATA_ERASURE = "data-erasure"
    BILLING = "billing"
    OTHER = "other"


class State(StrEnum):
    """Where a case stands: it waits for the operator, for nobody (answered, may be written to again), or is over."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Lost(StrEnum):
    """What a report says was lost or stolen, and so what is blocked."""

    SITE = "site"
    SIP = "sip"
    FACTOR = "factor"


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the operator must have answered, and the clause that says so."""

    due_at: datetime
    clause: str


def checked_number(text: str) -> str:
    """A tracking number as it is kept, however it was typed: `4k7m 92qx-h3wd` -> `4K7M-92QX-H3WD`. Raises InvalidCase."""
    bare = re.sub(r"[^0-9A-Z]", "", text.upper())[:40]
    number = "-".join(bare[start : start + 4] for start in range(0, len(bare), 4))
    if not _NUMBER.fullmatch(number):
        raise InvalidCase("a tracking number has three groups of four letters and digits, such as 4K7M-92QX-H3WD")
    return number


def checked_text(text: str) -> str:
    """What somebody writes in a case: 1 to 4000 characters, without control characters. Raises InvalidCase."""
    kept = "".join(c for c in text.replace("\r\n", "\n") if c >= " " or c == "\n").strip()
    if not 1 <= len(kept) <= MAX_TEXT:
        raise InvalidCase(f"write 1 to {MAX_TEXT} characters")
    return kept


def after_days(at: datetime, days: int, clause: str) -> Deadline:
    """The deadline `days` times 24 hours from `at`."""
    return Deadline(at + timedelta(days=days), clause)


def after_months(at: datetime, months: int, zone: str, clause: str) -> Deadline:
    """The deadline `months` civil months from `at`, on the same day of the month or the last one that it has."""
    local = at.astimezone(ZoneInfo(zone))
    return Deadline(_months_later(local, months).astimezone(UTC), clause)


def years_later(at: datetime, years: int, zone: str) -> datetime:
    """The same civil instant `years` later; 29 February becomes 28 February."""
    return _months_later(at.astimezone(ZoneInfo(zone)), 12 * years).astimezone(UTC)


def _months_later(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    for day in range(local.day, 27, -1):
        try:
            return local.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return local.replace(year=year, month=month + 1)
