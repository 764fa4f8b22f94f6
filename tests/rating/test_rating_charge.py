"""The charge of a call against an oracle in fractions, at the boundaries of increments."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.rating import rules

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def rate(price: str = "0.0120", first_s: int = 1, next_s: int = 1, **more: object) -> rules.Rate:
    nanos = Fraction(price) * 10**9
    assert nanos.denominator == 1
    return rules.Rate(
        prefix="33",
        destination="France",
        currency="EUR",
        price_nanos=nanos.numerator,
        first_s=first_s,
        next_s=next_s,
        **more,  # type: ignore[arg-type]
    )


def oracle(found: rules.Rate, seconds: int) -> tuple[int, Fraction]:
    """Counts increment by increment, in fractions of a unit of currency, and rounds by comparing with one half."""
    if seconds == 0:
        return 0, Fraction(0)
    counted, amount = 0, Fraction(0)
    while counted < seconds:
        increment = found.first_s if counted == 0 else found.next_s
        amount += Fraction(found.price_nanos, 10**9) * Fraction(increment, 60)
        counted += increment
    amount = max(amount + Fraction(found.connection_micros, 10**6), Fraction(found.minimum_micros, 10**6))
    exact = amount * 10**6
    down = exact.numerator // exact.denominator
    return (down + 1 if exact - down >= Fraction(1, 2) else down), exact


rates = st.builds(
    rules.Rate,
    prefix=st.just("33"),
    destination=st.just("France"),
    currency=st.just("EUR"),
    price_nanos=st.one_of(st.integers(0, 10**4), st.integers(0, 3 * 10**9), st.just(10**12)),
    first_s=st.sampled_from([1, 6, 7, 20, 30, 60, 180]),
    next_s=st.sampled_from([1, 6, 7, 10, 30, 60]),
    connection_micros=st.one_of(st.just(0), st.integers(0, 200_000)),
    minimum_micros=st.one_of(st.just(0), st.integers(0, 200_000)),
)


@pytest.mark.clause("IPP-10.1-per-second")
@pytest.mark.parametrize(
    ("seconds", "billed", "micros"), [(0, 0, 0), (1, 1, 200), (59, 59, 11_800), (60, 60, 12_000), (61, 61, 12_200)]
)
def test_by_the_second_each_second_counts_from_the_first(seconds: int, billed: int, micros: int) -> None:
    found = rules.charge(rate("0.0120"), seconds, AT)
    assert (found.billed_s, found.micros) == (billed, micros)


@pytest.mark.parametrize(
    ("first_s", "next_s", "seconds", "billed"),
    [
        (60, 60, 0, 0),
        (60, 60, 1, 60),
        (60, 60, 60, 60),
        (60, 60, 61, 120),
        (60, 60, 120, 120),
        (60, 60, 121, 180),
        (30, 6, 1, 30),
        (30, 6, 30, 30),
        (30, 6, 31, 36),
        (30, 6, 36, 36),
        (30, 6, 37, 42),
        (60, 1, 60, 60),
        (60, 1, 61, 61),
        (1, 60, 1, 1),
        (1, 60, 2, 61),
    ],
)
def test_seconds_are_rounded_up_to_whole_increments(first_s: int, next_s: int, seconds: int, billed: int) -> None:
    assert rules.billed_s(rate(first_s=first_s, next_s=next_s), seconds, AT) == billed


@pytest.mark.parametrize(
    ("price", "seconds", "micros"),
    [
        ("0.0000015", 20, 1),  # 0.5 micro goes up
        ("0.000001497", 20, 0),  # 0.499 micro goes down
        ("0.0000045", 20, 2),  # 1.5 goes up to 2, and 2.5 to 3: not to the even one
        ("0.0000075", 20, 3),
    ],
)
def test_half_a_micro_is_rounded_up_once(price: str, seconds: int, micros: int) -> None:
    found = rules.charge(rate(price), seconds, AT)
    assert found.micros == micros
    assert found.rounding == "half-up to 0.000001"


def test_connection_fee_comes_with_the_first_second_and_not_with_none() -> None:
    found = rate("0.06", connection_micros=50_000)
    assert rules.charge(found, 0, AT).micros == 0
    assert rules.charge(found, 1, AT).micros == 51_000


def test_minimum_charge_is_the_least_of_an_answered_call() -> None:
    found = rate("0.06", minimum_micros=10_000)
    assert [rules.charge(found, seconds, AT).micros for seconds in (0, 1, 10, 11)] == [0, 10_000, 10_000, 11_000]


@pytest.mark.parametrize("seconds", [-1, 100 * 86_400 + 1, 1.5, True, None])
def test_seconds_that_no_call_lasts_are_refused(seconds: object) -> None:
    with pytest.raises(rules.InvalidDuration):
        rules.charge(rate(), seconds, AT)  # type: ignore[arg-type]


def test_a_charge_tells_its_steps_and_its_deck_line() -> None:
    found = rate("0.10", 60, 6, connection_micros=20_000, deck="world", version="1", line=7)
    told = rules.charge(found, 61, AT).as_dict()
    assert told["micros"] == 130_000
    assert (told["deck"], told["version"], told["line"], told["prefix"]) == ("world", "1", 7, "33")
    assert [(step["kind"], step["arithmetic"]) for step in told["steps"]] == [  # type: ignore[attr-defined]
        ("first", "1 × 60 s × 0.1 / 60 s = 0.1"),
        ("next", "1 × 6 s × 0.1 / 60 s = 0.01"),
        ("connection", "fee 0.02"),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("1/8", "0.125"), ("-5/2", "-2.5"), ("1/3", "1/3"), ("12", "12"), ("61/5000", "0.0122")],
)
def test_exact_amounts_are_decimals_where_they_end(value: str, text: str) -> None:
    assert rules.exact_text(Fraction(value)) == text


@given(rates, st.integers(0, 5_000))
def test_charge_agrees_with_the_oracle(found: rules.Rate, seconds: int) -> None:
    micros, exact = oracle(found, seconds)
    said = rules.charge(found, seconds, AT)
    assert (said.micros, said.exact) == (micros, exact)
    assert sum(step.exact for step in said.steps) == exact


@given(rates, st.integers(0, 4_000))
def test_charge_never_falls_as_a_call_goes_on(found: rules.Rate, seconds: int) -> None:
    assert rules.charge(found, seconds, AT).micros <= rules.charge(found, seconds + 1, AT).micros


@given(rates, st.one_of(st.integers(-10, 10**6), st.integers(0, 10**9)), st.integers(0, 7_200))
def test_affordable_seconds_are_the_exact_inverse_of_the_charge(found: rules.Rate, micros: int, limit: int) -> None:
    seconds = rules.affordable_s(found, micros, AT, limit)
    assert 0 <= seconds <= limit
    if seconds:
        assert rules.charge(found, seconds, AT).micros <= micros
    if seconds < limit:
        assert rules.charge(found, seconds + 1, AT).micros > micros


@given(rates, st.sampled_from([0, 1, 10, 60]))
def test_first_grant_is_whole_increments_and_not_below_the_minimum(found: rules.Rate, minimum: int) -> None:
    seconds = rules.first_grant_s(found, AT, minimum)
    assert seconds >= max(minimum, found.first_s)
    assert rules.billed_s(found, seconds, AT) == seconds
    assert seconds - max(minimum, found.first_s) < found.next_s


def test_first_grants_by_increments() -> None:
    assert rules.first_grant_s(rate(), AT, 10) == 10
    assert rules.first_grant_s(rate(first_s=60, next_s=60), AT, 10) == 60
    assert rules.first_grant_s(rate(first_s=30, next_s=6), AT, 31) == 36
    assert rules.first_grant_s(rate(first_s=1, next_s=60), AT, 10) == 61
