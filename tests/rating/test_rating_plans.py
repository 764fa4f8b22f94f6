"""Plans of CGRateS come out at the exact arithmetic value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import cgrates_plans
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.catalog import plan_search
from cadran.catalog import plans as values
from cadran.catalog.adapters import cgrates, cgrates_deck, deck_csv, deck_lines
from cadran.rating import decks, plans, rules


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> values.TariffPlan:
    reading = cgrates.read(cgrates_plans.write(tmp_path_factory.mktemp("engine"), cgrates_plans.ENGINE))
    assert reading.problems == []
    return reading.plan


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> values.TariffPlan:
    reading = cgrates.read(cgrates_plans.write(tmp_path_factory.mktemp("tutorial"), cgrates_plans.TUTORIAL))
    assert reading.problems == []
    return reading.plan


def cost(
    plan: values.TariffPlan,
    to: str,
    at: str,
    seconds: int,
    subject: str = "*any",
    tenant: str = "cgrates.org",
    category: str = "call",
    zone: str = "UTC",
) -> plans.PlanCharge:
    return plans.charge(
        plan,
        tenant=tenant,
        category=category,
        subject=subject,
        destination=to,
        at=datetime.fromisoformat(at).replace(tzinfo=UTC),
        seconds=seconds,
        zone=zone,
    )


@pytest.mark.parametrize(
    ("tenant", "category", "subject", "to", "at", "seconds", "exact", "rounded"), cgrates_plans.PUBLISHED
)
def test_published_costs_come_out_exactly(
    engine: values.TariffPlan,
    tenant: str,
    category: str,
    subject: str,
    to: str,
    at: str,
    seconds: int,
    exact: str,
    rounded: str,
) -> None:
    found = cost(engine, to, at, seconds, subject, tenant, category).as_dict()
    assert (found["cost"], found["rounded"]) == (exact, rounded)


@pytest.mark.parametrize(
    ("to", "at", "seconds", "exact"),
    [
        ("1002", "2014-08-04T13:00:00", 20, "0.6"),  # published for the tutorial plan
        ("1002", "2014-08-04T13:00:00", 85, "77/120"),  # published as 0.6417
        ("1004", "2014-08-04T13:00:00", 20, "1"),  # published
        ("1004", "2014-08-04T13:00:00", 85, "1.3"),  # published
        ("1005", "2026-11-20T10:00:00", 1, "1"),  # peak: 0.8 and one block of 30 s at 0.4 a minute
        ("1005", "2026-11-20T10:00:00", 30, "1"),
        ("1005", "2026-11-20T10:00:00", 31, "1.2"),
        ("1005", "2026-11-20T10:00:00", 60, "1.2"),
        ("1005", "2026-11-20T10:00:00", 61, "37/30"),  # and 10 s at 0.2 a minute
        ("1005", "2026-11-21T10:00:00", 61, "361/1200"),  # the weekend: 0.2, 0.1 and 1 s at 0.05 a minute
        ("1005", "2026-11-20T18:59:30", 60, "1.1"),  # 30 s of peak, then a block of 60 s off-peak
        ("1005", "2026-11-20T19:00:00", 60, "0.3"),
        ("1005", "2026-11-20T07:59:59", 61, "1/3"),  # the second minute begins at the peak
        ("1002", "2026-11-20T10:00:00", 61, "361/600"),  # the longer prefix
        ("+4915112345678", "2026-11-20T10:00:00", 61, "0"),
        ("004915112345678", "2026-11-20T10:00:00", 61, "0"),
        ("4915112345678", "2026-11-20T10:00:00", 61, "0"),
        ("1003", "2026-11-20T10:00:00", 61, "0.61"),
        ("1003", "2026-11-20T10:00:00", 62, "0.62"),
        ("1003", "2026-11-20T10:00:00", 63, "0.62"),
        ("1003", "2026-11-20T10:00:00", 8640000, "0.62"),
    ],
)
def test_groups_peak_and_maximum_are_counted_as_they_are_written(
    tutorial: values.TariffPlan, to: str, at: str, seconds: int, exact: str
) -> None:
    assert cost(tutorial, to, at, seconds).as_dict()["cost"] == exact


def test_a_maximum_that_disconnects_tells_where_and_prices_all_that_was_asked(tutorial: values.TariffPlan) -> None:
    found = cost(tutorial, "1007", "2026-11-20T10:00:00", 70).as_dict()
    assert (found["cost"], found["cut"]) == ("0.7", {"seconds": 62, "maximum": "0.62", "cost": "0.62"})
    assert cost(tutorial, "1007", "2026-11-20T10:00:00", 62).cut is None


def test_a_fall_back_subject_prices_what_the_subject_does_not(tutorial: values.TariffPlan) -> None:
    assert cost(tutorial, "1002", "2026-11-20T10:00:00", 61, "1001").cost == Fraction("0.02")
    found = cost(tutorial, "1003", "2026-11-20T10:00:00", 10, "1001")
    assert (found.cost, found.steps[0].match.subject) == (Fraction("0.1"), "*any")


@pytest.mark.parametrize(
    ("to", "at", "subject", "word"),
    [
        ("33612345678", "2026-11-20T10:00:00", "*any", "has no price for '33612345678'"),
        ("1002", "2014-01-13T23:59:59", "*any", "has no price for '1002'"),
        ("1002", "2026-11-20T10:00:00", "*any", ""),
    ],
)
def test_no_price_is_told(tutorial: values.TariffPlan, to: str, at: str, subject: str, word: str) -> None:
    if not word:
        with pytest.raises(plan_search.NoPrice, match="no profile for other"):
            cost(tutorial, to, at, 60, subject, tenant="other")
        return
    with pytest.raises(plan_search.NoPrice, match=word):
        cost(tutorial, to, at, 60, subject)


def test_no_timing_in_force_is_no_price(engine: values.TariffPlan) -> None:
    with pytest.raises(plan_search.NoPrice, match="no timing of STANDARD"):
        cost(engine, "43123", "2013-03-02T10:00:00", 60, "one", "vdf", "0")


def test_fall_backs_that_go_round_in_a_circle_end(engine: values.TariffPlan) -> None:
    with pytest.raises(plan_search.NoPrice):
        cost(engine, "0256", "2013-03-05T10:00:00", 60, "inf", "vdf", "0")


@pytest.mark.parametrize("seconds", [-1, rules.MAX_DURATION_S + 1, 10**40])
def test_durations_that_no_call_lasts_are_refused(tutorial: values.TariffPlan, seconds: int) -> None:
    with pytest.raises(rules.InvalidDuration):
        cost(tutorial, "1002", "2026-11-20T10:00:00", seconds)


@pytest.mark.parametrize(
    ("at", "exact"),
    [
        # Europe/Paris: peak begins at 08:00 local, 06:00 UTC in summer and 07:00 in winter.
        ("2026-10-23T05:59:59", "0.30"),
        ("2026-10-23T06:00:00", "1.2"),
        ("2026-10-26T06:59:59", "0.30"),
        ("2026-10-26T07:00:00", "1.2"),
    ],
)
def test_timings_follow_the_civil_time_of_a_zone(tutorial: values.TariffPlan, at: str, exact: str) -> None:
    assert cost(tutorial, "1005", at, 60, zone="Europe/Paris").cost == Fraction(exact)


# Against an oracle that knows nothing of runs: one increment after the other, everything looked up again each time.


def oracle(
    pieces: list[tuple[datetime, list[values.Interval]]], at: datetime, seconds: int, zone: str = "UTC"
) -> Fraction:
    def in_force(elapsed: Fraction) -> values.Interval:
        instant = at + timedelta(microseconds=int(elapsed * 10**6))
        intervals = [some for since, some in pieces if since <= instant][-1]
        running = [one for one in intervals if one.timing.runs(instant.astimezone(ZoneInfo(zone)))]
        return max(
            running,
            key=lambda one: (
                one.weight,
                one.timing.start_s,
                -one.rate.slot(elapsed).rate / one.rate.slot(elapsed).unit_s,
            ),
        )

    elapsed = total = Fraction(0)
    if seconds:
        total += in_force(elapsed).rate.connect_fee
    while elapsed < seconds:
        slot = in_force(elapsed).rate.slot(elapsed)
        total += slot.rate * slot.increment_s / slot.unit_s
        elapsed += slot.increment_s
    return total


amounts = st.fractions(0, 5, max_denominator=1000)


@st.composite
def rates(draw: st.DrawFn) -> values.PlanRate:
    starts = sorted({0, *draw(st.lists(st.integers(1, 400), max_size=2))})
    slots = tuple(
        values.Slot(
            start_s=Fraction(start),
            rate=draw(amounts),
            unit_s=Fraction(draw(st.sampled_from([1, 10, 60]))),
            increment_s=draw(st.sampled_from([Fraction(1), Fraction(6), Fraction(30), Fraction(60), Fraction(1, 2)])),
        )
        for start in starts
    )
    return values.PlanRate(tag="r", connect_fee=draw(amounts), slots=slots)


@st.composite
def intervals(draw: st.DrawFn) -> list[values.Interval]:
    always = values.Interval(rate=draw(rates()), timing=values.ALWAYS, weight=Fraction(0))
    others = [
        values.Interval(
            rate=draw(rates()),
            timing=values.Timing(
                tag="t",
                weekdays=frozenset(draw(st.lists(st.integers(0, 6), max_size=3))),
                start_s=draw(st.sampled_from([0, 30, 7_200, 9_030, 80_000, 86_370])),
                end_s=draw(st.sampled_from([86_400, 86_400, 86_390])),
            ),
            weight=Fraction(draw(st.integers(0, 2))),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    return [always, *others]


@settings(max_examples=80, deadline=None)
@given(st.lists(intervals(), min_size=1, max_size=3), st.data(), st.integers(0, 700))
def test_runs_of_increments_cost_what_one_after_the_other_does(
    lists: list[list[values.Interval]], data: st.DataObject, seconds: int
) -> None:
    # Across midnight, and across both changes of the clock.
    zone, start = data.draw(
        st.sampled_from(
            [
                ("UTC", datetime(2026, 11, 20, 23, 55, tzinfo=UTC)),
                ("Europe/Paris", datetime(2026, 10, 25, 0, 52, tzinfo=UTC)),
                ("Europe/Paris", datetime(2026, 10, 25, 1, 25, tzinfo=UTC)),
                ("Europe/Paris", datetime(2026, 3, 29, 0, 52, tzinfo=UTC)),
            ]
        )
    )
    at = start + timedelta(seconds=data.draw(st.integers(0, 600)))
    offsets = sorted(data.draw(st.lists(st.integers(1, 700), min_size=len(lists) - 1, max_size=len(lists) - 1)))
    since = [at - timedelta(days=1), *(at + timedelta(seconds=offset) for offset in offsets)]
    plan = values.TariffPlan(
        prefixes={"33": ("D",)},
        plans={
            str(index): values.RatingPlan(tag=str(index), by_destination={"D": tuple(some)})
            for index, some in enumerate(lists)
        },
        profiles={
            ("t", "c", "s"): tuple(values.Activation(at=start, plan=str(index)) for index, start in enumerate(since))
        },
    )
    found = plans.charge(
        plan, tenant="t", category="c", subject="s", destination="336", at=at, seconds=seconds, zone=zone
    )
    assert found.cost == oracle(list(zip(since, lists, strict=True)), at, seconds, zone)
    assert found.billed_s >= seconds
    assert sum((step.amount for step in found.steps), Fraction(0)) == found.cost


@pytest.mark.parametrize("seconds", [0, 1, 29, 30, 31, 60, 61, 62, 63, 100, 4000, 90_000])
@pytest.mark.parametrize("to", ["1002", "1003", "1005", "1007", "4915112345678"])
def test_a_plan_imported_as_a_deck_charges_what_the_plan_does(
    tutorial: values.TariffPlan, to: str, seconds: int
) -> None:
    reading = cgrates.Reading(plan=tutorial)
    translation = cgrates_deck.translate(reading, "cgrates.org", "call", "*any")
    found = deck_csv.read(translation.data, deck_lines.Blanks("UTC", "EUR"))
    assert [*translation.problems, *found.problems] == []
    deck = decks.of_rates(found.rates)
    for at in ("2026-11-20T07:59:30", "2026-11-20T18:59:59", "2026-11-22T23:59:00", "2026-11-21T12:00:00"):
        start = datetime.fromisoformat(at).replace(tzinfo=UTC)
        rate = deck.find(to, start)
        assert rate is not None
        told = cost(tutorial, to, at, seconds)
        # Where the plan disconnects, a deck charges no more than the maximum.
        expected = told.cut.cost if told.cut else told.rounded
        assert Fraction(rules.charge(rate, seconds, start).micros, 10**6) == expected
