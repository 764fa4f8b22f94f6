"""Half-open periods of time and the civil days and months of a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cadran.units.errors import InvalidInput


class InvalidPeriod(InvalidInput):
    """A period that ends before it starts, or an instant without a zone."""

    error_id = "units-period-invalid"


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (included) to `end` (excluded), aware UTC; `end` None means for ever."""

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        utc(self.start)
        if self.end is not None and utc(self.end) < self.start:
            raise InvalidPeriod(f"a period cannot end ({self.end}) before it starts ({self.start})")

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


def utc(at: datetime) -> datetime:
    """The same instant in UTC. Raises InvalidPeriod for a naive datetime."""
    if at.tzinfo is UTC:
        return at
    if at.tzinfo is None:
        raise InvalidPeriod(f"an instant needs its zone: {at.isoformat()} has none")
    return at.astimezone(UTC)


def civil_day(at: datetime, zone: str) -> date:
    """The calendar day in `zone` (an IANA name) at that instant."""
    return utc(at).astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """The instant (UTC) at which `day` begins in `zone`, clock changes included."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def end_of_civil_day(day: date, zone: str) -> datetime:
    """24:00 of `day` in `zone`: the first instant of the next day, in UTC."""
    return midnight(day + timedelta(days=1), zone)


def civil_month(at: datetime, zone: str) -> Period:
    """The calendar month in `zone` that holds that instant, from the 1st at 00:00 to the next 1st at 00:00."""
    day = civil_day(at, zone).replace(day=1)
    following = (day + timedelta(days=31)).replace(day=1)
    return Period(midnight(day, zone), midnight(following, zone))
