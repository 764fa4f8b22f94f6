"""The whole tariff language, by the second against a walk in fractions, and by examples worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.catalog.rules import (
    PLAIN,
    AtMaximum,
    InvalidRate,
    Pricing,
    Rate,
    RateGroup,
    Rounding,
    Tariff,
    TimeBand,
    check_rate,
)
from cadran.rating import decks, increments, rules

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
PARIS = "Europe/Paris"


def rate(price: int = 60_000_000, **more: object) -> Rate:
    """0.06 a minute by the second unless told otherwise."""
    tariff = more.pop("tariff", None)
    return Rate(prefix="33", destination="France", currency="EUR", price_nanos=price, tariff=tariff, **more)  # type: ignore[arg-type]


def micros(found: Rate, seconds: int, at: datetime = AT) -> int:
    return rules.charge(found, seconds, at).micros


def test_the_first_minute_is_dearer() -> None:
    # 0.50 for the first minute whole, then 0.10 a minute by the second.
    found = rate(500_000_000, first_s=60, tariff=Tariff(groups=(RateGroup(from_s=60, price_nanos=100_000_000),)))
    assert [micros(found, seconds) for seconds in (1, 60, 61, 90, 120)] == [
        500_000,
        500_000,
        501_667,
        550_000,
        600_000,
    ]


def test_an_increment_that_began_before_a_group_runs_to_its_end() -> None:
    # Increments of 45 s: the second one (45 to 90) begins before the group that starts at 60, and is paid at the first price.
    found = rate(
        first_s=45, next_s=45, tariff=Tariff(groups=(RateGroup(from_s=60, price_nanos=6_000_000, increment_s=10),))
    )
    charged = rules.charge(found, 91, AT)
    assert [(step.start_s, step.units, step.unit_s) for step in charged.steps] == [(0, 1, 45), (45, 1, 45), (90, 1, 10)]
    assert charged.exact == 90_000 + 1_000
    assert charged.billed_s == 100


def test_free_seconds_cost_nothing_but_the_connection() -> None:
    found = rate(connection_micros=20_000, first_s=30, next_s=10, tariff=Tariff(free_s=60))
    assert [micros(found, seconds) for seconds in (0, 1, 60, 61, 91, 100)] == [
        0,
        20_000,
        20_000,
        50_000,
        60_000,
        60_000,
    ]


def test_beyond_the_maximum_a_call_is_free_or_cut() -> None:
    free = rate(tariff=Tariff(maximum_micros=100_000, at_maximum=AtMaximum.FREE))
    cut = rate(tariff=Tariff(maximum_micros=100_000))
    assert [micros(free, seconds) for seconds in (99, 100, 101, 5_000)] == [99_000, 100_000, 100_000, 100_000]
    assert rules.cut_s(free, AT) is None
    assert rules.cut_s(cut, AT) == 100
    assert rules.affordable_s(free, 100_000, AT, 5_000) == 5_000
    assert rules.affordable_s(cut, 100_000_000, AT, 5_000) == 100
    assert [step.kind for step in rules.charge(free, 101, AT).steps] == ["first", "next", "maximum"]


@pytest.mark.parametrize(
    ("rounding", "decimals", "seconds", "expected"),
    [
        (Rounding.UP, 2, 1, 10_000),
        (Rounding.HALF_UP, 2, 4, 0),
        (Rounding.HALF_UP, 2, 5, 10_000),
        (Rounding.DOWN, 2, 19, 10_000),
        (Rounding.UP, 0, 1, 1_000_000),
        (Rounding.DOWN, 0, 999, 0),
        (Rounding.UP, 2, 10, 10_000),
        (Rounding.UP, 2, 11, 20_000),
    ],
)
def test_rounding_is_as_stated(rounding: Rounding, decimals: int, seconds: int, expected: int) -> None:
    assert micros(rate(tariff=Tariff(rounding=rounding, decimals=decimals)), seconds) == expected  # 0.001 a second


def test_a_price_may_be_for_any_number_of_seconds() -> None:
    found = rate(1_000_000_000, tariff=Tariff(unit_s=7))
    assert rules.charge(found, 1, AT).exact == Fraction(10**6, 7)
    assert micros(found, 1) == 142_857


NIGHT = TimeBand(name="night", zone=PARIS, price_nanos=6_000_000, windows=((0, 480), (1_200, 1_440)))


def test_a_call_is_split_across_bands_where_the_tariff_says_so() -> None:
    at = datetime(2026, 11, 22, 18, 59, 30, tzinfo=UTC)  # 19:59:30 in Paris
    split = rate(bands=(NIGHT,), tariff=Tariff(split=True))
    whole = rate(bands=(NIGHT,))
    assert micros(whole, 60, at) == 60_000
    assert micros(split, 60, at) == 30_000 + 3_000
    assert rules.affordable_s(split, 33_000, at, 3_600) == 60
    assert [(step.start_s, step.units, step.band) for step in rules.charge(split, 60, at).steps] == [
        (0, 1, ""),
        (1, 29, ""),
        (30, 30, "night"),
    ]


def test_an_increment_is_priced_where_it_begins() -> None:
    at = datetime(2026, 11, 22, 18, 59, 30, 1, tzinfo=UTC)  # a microsecond later the second at 30 begins in the night
    split = rate(bands=(NIGHT,), first_s=20, next_s=20, tariff=Tariff(split=True))
    assert micros(split, 60, at) == 20_000 + 20_000 + 2_000


@pytest.mark.parametrize(
    ("start", "seconds", "night_s"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 3_600, 3_600),  # 01:30 to 03:30 in Paris: 02:00 does not exist
        (datetime(2026, 3, 29, 5, 30, tzinfo=UTC), 3_600, 1_800),  # 07:30 to 08:30 in summer time
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), 7_200, 7_200),  # 01:30, and the hour from 02:00 twice
        (datetime(2026, 10, 25, 6, 30, tzinfo=UTC), 3_600, 1_800),  # 07:30 in winter time again
    ],
)
def test_bands_follow_the_wall_clock_when_it_changes(start: datetime, seconds: int, night_s: int) -> None:
    split = rate(bands=(NIGHT,), tariff=Tariff(split=True))
    assert rules.charge(split, seconds, start).exact == night_s * 100 + (seconds - night_s) * 1_000


def test_a_band_whose_window_starts_in_the_missing_hour_begins_at_the_change() -> None:
    band = TimeBand(name="b", zone=PARIS, price_nanos=0, windows=((150, 240),))
    split = rate(bands=(band,), tariff=Tariff(split=True))
    assert rules.charge(split, 3_600, datetime(2026, 3, 29, 0, 30, tzinfo=UTC)).exact == 1_800 * 1_000


def test_the_heavier_band_counts_and_brings_its_own_pricing() -> None:
    own = Pricing(
        price_nanos=1_000_000, unit_s=1, first_s=10, next_s=10, connection_micros=5_000, minimum_micros=20_000
    )
    sale = TimeBand(name="sale", zone=PARIS, price_nanos=1_000_000, weight=2, month_days=frozenset({22}), pricing=own)
    found = rate(bands=(NIGHT, sale))
    check_rate(found)
    assert micros(found, 1) == 20_000
    assert micros(found, 20) == 25_000
    assert micros(found, 20, AT + timedelta(days=1)) == 20_000
    assert micros(found, 20, AT.replace(hour=21) + timedelta(days=1)) == 2_000


def test_bands_of_one_weight_may_not_meet() -> None:
    other = TimeBand(name="sunday", zone=PARIS, price_nanos=1, weekdays=frozenset({6}))
    with pytest.raises(InvalidRate):
        check_rate(rate(bands=(NIGHT, other)))
    check_rate(rate(bands=(NIGHT, TimeBand(name="sunday", zone=PARIS, price_nanos=1, weight=1))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tariff": Tariff(groups=(RateGroup(from_s=0, price_nanos=1),))},
        {"tariff": Tariff(groups=(RateGroup(from_s=60, price_nanos=1), RateGroup(from_s=60, price_nanos=1)))},
        {"tariff": Tariff(groups=(RateGroup(from_s=60, price_nanos=1, increment_s=0),))},
        {"tariff": Tariff(free_s=-1)},
        {"tariff": Tariff(maximum_micros=-1)},
        {"tariff": Tariff(decimals=13)},
        {"tariff": Tariff(unit_s=0)},
        {"price": -1},
    ],
)
def test_what_nobody_could_charge_by_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRate):
        check_rate(rate(**wrong))  # type: ignore[arg-type]


def test_a_call_goes_on_under_the_rate_that_follows() -> None:
    change = AT + timedelta(seconds=30)
    before = rate(valid_to=change, tariff=Tariff(split=True))
    deck = decks.of_rates([before, rate(6_000_000, valid_from=change)])
    found = deck.find("33142000001", AT)
    assert found is not None
    assert micros(found, 60) == 30_000 + 3_000
    assert micros(rate(valid_to=change), 60) == 60_000
    assert deck.find("33142000001", change).successors == ()  # type: ignore[union-attr]


def test_a_longer_prefix_that_expires_is_followed_by_the_shorter_one_and_a_gap_by_nothing_else() -> None:
    longer = rate(valid_to=AT + timedelta(seconds=10), tariff=Tariff(split=True))
    mobile = decks.of_rates(
        [
            Rate(
                prefix="336",
                destination="m",
                currency="EUR",
                price_nanos=120_000_000,
                valid_to=longer.valid_to,
                tariff=longer.tariff,
            ),
            rate(6_000_000, valid_to=AT + timedelta(seconds=20)),
            rate(600_000_000, valid_from=AT + timedelta(seconds=40)),
        ]
    )
    found = mobile.find("33600000000", AT)
    assert found is not None
    # 10 s at 0.12, then 30 s at 0.006 (the last one goes on through the gap), then 20 s at 0.60 a minute.
    assert micros(found, 60) == 20_000 + 3_000 + 200_000
    assert [step.prefix for step in rules.charge(found, 60, AT).steps] == ["", "", "33", "33"]


def test_tariffs_survive_their_text() -> None:
    from cadran.catalog import bands

    own = Pricing(price_nanos=1, groups=(RateGroup(from_s=9, price_nanos=2),))
    band = TimeBand(
        name="n",
        zone=PARIS,
        price_nanos=1,
        weight=3,
        years=frozenset({2026}),
        holidays=frozenset({date(2026, 5, 1)}),
        pricing=own,
    )
    assert bands.from_text(bands.to_text((band,))) == (band,)
    tariff = Tariff(
        unit_s=7,
        free_s=2,
        groups=own.groups,
        maximum_micros=9,
        at_maximum=AtMaximum.FREE,
        rounding=Rounding.UP,
        decimals=2,
    )
    assert bands.tariff_from_text(bands.tariff_to_text(tariff)) == tariff
    assert bands.tariff_from_text("") is None


groups = (
    st.lists(st.integers(1, 200), max_size=3, unique=True)
    .map(sorted)
    .flatmap(
        lambda starts: st.tuples(
            *(
                st.builds(
                    RateGroup,
                    from_s=st.just(start),
                    price_nanos=st.integers(0, 10**9),
                    unit_s=st.sampled_from([1, 7, 60]),
                    increment_s=st.sampled_from([1, 6, 45]),
                )
                for start in starts
            )
        )
    )
)
tariffs = st.builds(
    Tariff,
    unit_s=st.sampled_from([1, 7, 60]),
    free_s=st.sampled_from([0, 1, 30]),
    groups=groups,
    maximum_micros=st.none() | st.integers(0, 3_000_000),
    at_maximum=st.sampled_from(AtMaximum),
    rounding=st.sampled_from(Rounding),
    decimals=st.integers(0, 8),
    split=st.booleans(),
)
rates = st.builds(
    rate,
    st.integers(0, 10**9),
    first_s=st.sampled_from([1, 20, 60]),
    next_s=st.sampled_from([1, 7, 60]),
    connection_micros=st.sampled_from([0, 12_345]),
    minimum_micros=st.sampled_from([0, 54_321]),
    bands=st.sampled_from([(), (NIGHT,)]),
    tariff=st.none() | tariffs,
)
starts = st.integers(0, 7_200).map(
    lambda seconds: datetime(2026, 10, 25, 5, 58, tzinfo=UTC) + timedelta(seconds=seconds)
)


@settings(max_examples=150)
@given(rates, starts, st.integers(0, 400))
def test_each_second_costs_what_a_walk_from_increment_to_increment_says(
    found: Rate, at: datetime, seconds: int
) -> None:
    tariff, elapsed, usage = found.tariff or PLAIN, (found.tariff or PLAIN).free_s, Fraction(0)
    began = elapsed
    while elapsed < seconds:
        moment = at + timedelta(seconds=elapsed) if tariff.split else at
        pricing = increments.pricing_of(found, NIGHT if found.bands and NIGHT.runs(moment) else None)
        begun = [group for group in pricing.groups if group.from_s <= elapsed]
        price = begun[-1] if begun else pricing
        length = begun[-1].increment_s if begun else pricing.first_s if elapsed == began else pricing.next_s
        usage += Fraction(price.price_nanos * length, 1_000 * price.unit_s)
        elapsed += length
    charged = rules.charge(found, seconds, at)
    fee = found.connection_micros if seconds else 0
    least = found.minimum_micros if seconds else 0
    most = Fraction(10**18) if tariff.maximum_micros is None else Fraction(tariff.maximum_micros)
    assert charged.exact == min(most, max(Fraction(least), usage + fee))
    step = 10 ** (6 - min(tariff.decimals, 6))
    scaled = (usage + fee) / step
    down = scaled.numerator // scaled.denominator
    upwards = scaled > down and (
        tariff.rounding is Rounding.UP or (tariff.rounding is Rounding.HALF_UP and scaled - down >= Fraction(1, 2))
    )
    assert charged.micros == min(most, max(least, (down + upwards) * step))
    assert sum(one.exact for one in charged.steps) == charged.exact


@settings(max_examples=60)
@given(rates, starts, st.integers(0, 2_000_000), st.integers(0, 300))
def test_what_is_affordable_is_the_most_that_is_paid_for(found: Rate, at: datetime, held: int, limit: int) -> None:
    most = rules.affordable_s(found, held, at, limit)
    cut = rules.cut_s(found, at)
    assert micros(found, most, at) <= held or most == 0
    if most < limit and most != cut:
        assert micros(found, most + 1, at) > held


@settings(max_examples=60)
@given(rates, starts, st.integers(1, 100))
def test_the_first_grant_is_whole_increments(found: Rate, at: datetime, least: int) -> None:
    granted = rules.first_grant_s(found, at, least)
    assert granted >= least
    assert micros(found, granted, at) >= 0
    free = (found.tariff or PLAIN).free_s
    assert rules.billed_s(found, granted, at) + free == granted
