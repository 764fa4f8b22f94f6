"""Time bands at their edges, on holidays and on the days of both clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.rating import rules

PARIS = "Europe/Paris"
NIGHT = rules.TimeBand(name="night", zone=PARIS, price_nanos=5, windows=((0, 360), (1320, 1440)))
WEEKDAY = rules.TimeBand(
    name="office",
    zone=PARIS,
    price_nanos=9,
    weekdays=frozenset(range(5)),
    windows=((480, 1140),),
    holidays=frozenset({date(2026, 5, 1)}),
)
SUNDAY_AND_HOLIDAYS = rules.TimeBand(
    name="sunday",
    zone=PARIS,
    price_nanos=3,
    weekdays=frozenset({6}),
    windows=((360, 1320),),
    holidays=frozenset({date(2026, 5, 1)}),
    on_holidays=True,
)


def rate(*bands: rules.TimeBand) -> rules.Rate:
    found = rules.Rate(prefix="33", destination="France", currency="EUR", price_nanos=7, bands=bands)
    rules.check_rate(found)
    return found


ALL = rate(NIGHT, WEEKDAY, SUNDAY_AND_HOLIDAYS)


@pytest.mark.parametrize(
    ("utc", "band"),
    [
        # Monday 2 March 2026, Paris is UTC+1
        ("2026-03-02T04:59:59", "night"),
        ("2026-03-02T05:00:00", ""),
        ("2026-03-02T06:59:59", ""),
        ("2026-03-02T07:00:00", "office"),
        ("2026-03-02T17:59:59", "office"),
        ("2026-03-02T18:00:00", ""),
        ("2026-03-02T20:59:59", ""),
        ("2026-03-02T21:00:00", "night"),
        # Friday 1 May, a holiday, UTC+2: no office, but the prices of Sunday
        ("2026-05-01T06:00:00", "sunday"),
        ("2026-05-01T19:59:59", "sunday"),
        ("2026-05-01T20:00:00", "night"),
        # its neighbours: Thursday, and Saturday which has no band of its own
        ("2026-04-30T06:00:00", "office"),
        ("2026-05-02T06:00:00", ""),
        # Sunday 29 March: 02:00 becomes 03:00, so 05:59 is 03:59 UTC and 06:00 is 04:00 UTC
        ("2026-03-29T00:59:59", "night"),
        ("2026-03-29T01:00:00", "night"),
        ("2026-03-29T03:59:59", "night"),
        ("2026-03-29T04:00:00", "sunday"),
        # Sunday 25 October: 03:00 becomes 02:00, so 05:59 is 04:59 UTC and 06:00 is 05:00 UTC
        ("2026-10-25T03:59:59", "night"),
        ("2026-10-25T04:59:59", "night"),
        ("2026-10-25T05:00:00", "sunday"),
    ],
)
def test_a_band_follows_the_wall_clock_of_its_zone(utc: str, band: str) -> None:
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert rules.price_at(ALL, at)[1] == band


def test_both_hours_of_the_autumn_change_are_one_civil_hour() -> None:
    two = rate(rules.TimeBand(name="two", zone=PARIS, price_nanos=1, windows=((120, 180),)))
    hours = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1, 2)]
    assert [rules.price_at(two, at)[1] for at in hours] == ["two", "two", ""]


def test_an_hour_that_spring_skips_is_never_reached() -> None:
    two = rate(rules.TimeBand(name="two", zone=PARIS, price_nanos=1, windows=((120, 180),)))
    start = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    assert not any(rules.price_at(two, start + timedelta(minutes=minute))[1] for minute in range(23 * 60))


def test_the_price_is_that_of_the_start_however_long_the_call() -> None:
    found = rules.Rate(
        prefix="33",
        destination="F",
        currency="EUR",
        price_nanos=60_000_000,
        bands=(rules.TimeBand(name="night", zone=PARIS, price_nanos=6_000_000, windows=((0, 360),)),),
    )
    last_of_night = datetime(2026, 3, 2, 4, 59, 59, tzinfo=UTC)
    charge = rules.charge(found, 3600, last_of_night)
    assert (charge.micros, charge.band) == (360_000, "night")
    assert rules.charge(found, 3600, last_of_night + timedelta(seconds=1)).micros == 3_600_000
    assert rules.affordable_s(found, 360_000, last_of_night, 7200) == 3600
    assert rules.affordable_s(found, 360_000, last_of_night + timedelta(seconds=1), 7200) == 360


@pytest.mark.parametrize(
    "bands",
    [
        (NIGHT, NIGHT),
        (NIGHT, rules.TimeBand(name="x", zone="UTC", price_nanos=1, windows=((600, 601),))),  # zones shift
        (WEEKDAY, rules.TimeBand(name="x", zone=PARIS, price_nanos=1, windows=((1139, 1200),))),
        (rules.TimeBand(name="x", zone=PARIS, price_nanos=1, windows=((0, 100), (99, 200))),),
        (rules.TimeBand(name="x", zone=PARIS, price_nanos=1, windows=((100, 100),)),),
        (rules.TimeBand(name="x", zone=PARIS, price_nanos=1, windows=((0, 1441),)),),
        (rules.TimeBand(name="x", zone=PARIS, price_nanos=-1),),
        # a holiday of one on an ordinary day of the other
        (
            rules.TimeBand(
                name="x",
                zone=PARIS,
                price_nanos=1,
                weekdays=frozenset(),
                on_holidays=True,
                holidays=frozenset({date(2026, 5, 1)}),
            ),
            rules.TimeBand(name="y", zone=PARIS, price_nanos=1, weekdays=frozenset({4})),
        ),
    ],
)
def test_bands_that_overlap_or_leave_the_day_are_refused(bands: tuple[rules.TimeBand, ...]) -> None:
    with pytest.raises(rules.InvalidRate):
        rate(*bands)


@given(st.integers(0, 366 * 24 * 60))
def test_of_bands_that_pass_the_check_at_most_one_runs(minute: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    assert sum(band.runs(at) for band in ALL.bands) <= 1
    civil = at.astimezone(ZoneInfo(PARIS))
    assert (rules.price_at(ALL, at)[1] == "night") == (civil.hour < 6 or civil.hour >= 22)
