"""For how long the data that charges rest on is kept. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.period import utc

YEARS = "usage.retention_years"


@carries("KAV-10-usage-data")
def kept_until(terms: Terms, recorded_at: datetime, zone: str) -> datetime | None:
    """The instant (UTC) until which a record of usage is kept at least: so many civil years of `zone` after its recording, on the same
    day and hour, 29 February becoming 28 February. None where the terms promise nothing."""
    if YEARS not in terms.values:
        return None
    local = utc(recorded_at).astimezone(ZoneInfo(zone))
    year = local.year + terms.integer(YEARS)
    try:
        return local.replace(year=year).astimezone(UTC)
    except ValueError:
        return local.replace(year=year, day=28).astimezone(UTC)
