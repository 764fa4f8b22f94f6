"""Money, periods, clocks and keys: the smallest words, at their boundaries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.units import clock, ids, money, period


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_rounding_is_to_the_nearest_and_halves_go_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    rounded = money.round_half_up(exact)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)


@given(st.integers(-(10**15), 10**15))
def test_an_amount_is_shown_exactly_and_read_again(micros: int) -> None:
    assert money.money(money.decimal_text(micros)).micros == micros


@pytest.mark.parametrize("text", ["", "1,5", "1.2345678", "1e3", "NaN", " 1", "--1", "1 000", "٣"])
def test_an_unreadable_amount_is_refused(text: str) -> None:
    with pytest.raises(money.InvalidMoney):
        money.money(text)


def test_two_currencies_are_never_mixed() -> None:
    with pytest.raises(money.InvalidMoney):
        money.Money(1, "EUR") + money.Money(1, "USD")


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_civil_day_in_paris_has_23_24_or_25_hours(day: date, hours: int) -> None:
    begin, end = period.midnight(day, "Europe/Paris"), period.end_of_civil_day(day, "Europe/Paris")
    assert end - begin == timedelta(hours=hours)
    assert period.civil_day(begin, "Europe/Paris") == day
    assert period.civil_day(end - timedelta(microseconds=1), "Europe/Paris") == day
    assert period.civil_day(end, "Europe/Paris") == day + timedelta(days=1)


def test_a_period_holds_its_start_and_not_its_end() -> None:
    whole = period.Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    assert whole.start in whole
    assert whole.end not in whole
    with pytest.raises(period.InvalidPeriod):
        period.Period(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(period.InvalidPeriod):
        period.utc(datetime(2026, 1, 1))


def test_the_civil_clock_of_a_sandbox_moves_forward_only_and_every_reader_sees_it(tmp_path: Path) -> None:
    moved, reader = clock.OffsetClock(tmp_path / "clock.json"), clock.OffsetClock(tmp_path / "clock.json")
    before = reader.now()
    moved.advance_to(before + timedelta(days=180))
    assert timedelta(days=180) <= reader.now() - before < timedelta(days=181)
    with pytest.raises(clock.ClockMovedBack):
        moved.advance_to(before + timedelta(days=179))


def test_ids_differ_are_keys_and_later_ones_sort_later() -> None:
    made = [ids.new_id("cdr") for _ in range(200)]
    assert len(set(made)) == 200
    assert all(ids.checked_key(one) == one for one in made)
    assert made[0][:14] <= made[-1][:14]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129, "a\n", None, 7])
def test_a_key_of_another_form_is_refused(key: object) -> None:
    with pytest.raises(ids.InvalidKey):
        ids.checked_key(key)  # type: ignore[arg-type]
