"""The contract month in Paris: both clock changes, leap years, and the instants around midnight of the 1st."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.policy import queries
from cadran.policy.contract_month import contract_month
from cadran.units.period import InvalidPeriod, Period

pytestmark = pytest.mark.clause("IPP-1j-contract-month")


def month(*at: int) -> Period:
    return contract_month(queries.terms("ippi/2018-04"), datetime(*at, tzinfo=UTC))


def days(period: Period) -> timedelta:
    assert period.end is not None
    return period.end - period.start


def test_the_month_of_the_spring_clock_change_has_31_days_less_one_hour():
    period = month(2026, 3, 29, 1)
    assert period == Period(datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert days(period) == timedelta(days=31, hours=-1)


def test_the_month_of_the_autumn_clock_change_has_31_days_and_one_hour():
    period = month(2026, 10, 25, 1)
    assert period == Period(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC))
    assert days(period) == timedelta(days=31, hours=1)


@pytest.mark.parametrize(("year", "length"), [(2023, 28), (2024, 29), (2000, 29), (2100, 28)])
def test_february_has_28_or_29_days(year, length):
    assert days(month(year, 2, 15)) == timedelta(days=length)


@pytest.mark.parametrize(
    ("at", "first"),
    [
        ((2026, 3, 31, 21, 59, 59), (2026, 2, 28, 23)),  # 23:59:59 in Paris on 31 March
        ((2026, 3, 31, 22, 0, 0), (2026, 3, 31, 22)),  # midnight of 1 April
        ((2026, 12, 31, 22, 59, 59), (2026, 11, 30, 23)),
        ((2026, 12, 31, 23, 0, 0), (2026, 12, 31, 23)),  # the year turns
    ],
)
def test_the_month_turns_at_midnight_in_paris(at, first):
    assert month(*at).start == datetime(*first, tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(InvalidPeriod):
        contract_month(queries.terms("ippi/2018-04"), datetime(2026, 1, 1))


@given(st.datetimes(min_value=datetime(1980, 1, 2), max_value=datetime(2100, 1, 1)))
def test_every_instant_lies_in_its_month_and_months_follow_without_gap(at):
    terms, at = queries.terms("ippi/2018-04"), at.replace(tzinfo=UTC)
    period = contract_month(terms, at)
    assert at in period
    assert period.end is not None
    assert contract_month(terms, period.end).start == period.end
    assert timedelta(days=28, hours=-1) <= days(period) <= timedelta(days=31, hours=1)
