"""The choices of a run follow from its seed, its oracle agrees with rating, its plots can be drawn of nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.catalog import rules as catalog
from cadran.commands import chaos
from cadran.commands.chaos import diary, drawing, oracle, plan, replay
from cadran.rating import rules as rating

AT = datetime(2035, 3, 25, 9, tzinfo=UTC)


def size(seed: int) -> plan.Size:
    return plan.Size(seconds=5, accounts=20, sessions=10, seed=seed, kill_every_s=1, switches=2)


def made(seed: int) -> list[object]:
    """Some of the choices of a run."""
    choices = plan.Choices(size(seed), plan.markets(AT))
    rng = choices.rng("s0", 0, 3, 7)
    accounts = [choices.account(rng) for _ in range(20)]
    talks = [choices.talk_s(rng) for _ in range(20)]
    numbers = [choices.number(rng, account.market).digits for account in accounts]
    return [*[account.name for account in accounts], *talks, *numbers, *islice(choices.kill_gaps(), 5)]


def test_the_same_seed_makes_the_same_choices_and_another_one_others() -> None:
    assert made(1) == made(1)
    assert made(1) != made(2)


@given(
    price=st.integers(0, 2 * 10**9),
    first_s=st.integers(1, 120),
    next_s=st.integers(1, 120),
    connection=st.integers(0, 10**6),
    minimum=st.integers(0, 10**5),
    maximum=st.none() | st.integers(10**5, 10**7),
    goes_on=st.booleans(),
    free_s=st.integers(0, 40),
    group=st.none() | st.tuples(st.integers(1, 300), st.integers(0, 10**9), st.integers(1, 60)),
    rounding=st.sampled_from(catalog.Rounding),
    decimals=st.integers(0, 6),
    night=st.none() | st.integers(0, 10**9),
    split=st.booleans(),
    ahead_s=st.integers(-60, 900),
    seconds=st.integers(0, 900),
)
def test_the_oracle_of_chaos_agrees_with_rating_which_it_does_not_use(
    price: int,
    first_s: int,
    next_s: int,
    connection: int,
    minimum: int,
    maximum: int | None,
    goes_on: bool,
    free_s: int,
    group: tuple[int, int, int] | None,
    rounding: catalog.Rounding,
    decimals: int,
    night: int | None,
    split: bool,
    ahead_s: int,
    seconds: int,
) -> None:
    """Around the hour at which night begins; a line has a night or groups, as in the decks of a run."""
    at = datetime(2035, 3, 25, 17, tzinfo=UTC) - timedelta(seconds=ahead_s)
    groups = () if group is None or night is not None else (group,)
    tariff = oracle.Tariff(
        price_nanos=price,
        first_s=first_s,
        next_s=next_s,
        connection_micros=connection,
        minimum_micros=minimum,
        maximum_micros=maximum,
        goes_on=goes_on,
        free_s=free_s,
        groups=groups,
        rounding=rounding.value,
        decimals=decimals,
        night_nanos=night,
        split=split,
    )
    band = catalog.TimeBand(name="night", zone="Europe/Paris", price_nanos=night or 0, windows=((0, 480), (1140, 1440)))
    rate = catalog.Rate(
        prefix="33",
        destination="France",
        currency="EUR",
        price_nanos=price,
        first_s=first_s,
        next_s=next_s,
        connection_micros=connection,
        minimum_micros=minimum,
        bands=() if night is None else (band,),
        tariff=catalog.Tariff(
            free_s=free_s,
            groups=tuple(
                catalog.RateGroup(from_s=from_s, price_nanos=nanos, increment_s=increment)
                for from_s, nanos, increment in groups
            ),
            maximum_micros=maximum,
            at_maximum=catalog.AtMaximum.FREE if goes_on else catalog.AtMaximum.CUT,
            rounding=rounding,
            decimals=decimals,
            split=split,
        ),
        deck="chaos",
    )
    assert oracle.micros(tariff, seconds, at) == rating.charge(rate, seconds, at).micros


def test_the_oracle_follows_the_wall_clock_at_night_and_the_date_of_a_successor() -> None:
    night = oracle.Tariff(price_nanos=60_000_000, night_nanos=6_000_000)
    before_eight = datetime(2035, 3, 25, 5, 59, 59, tzinfo=UTC)  # 7:59:59 in Paris, on summer time since that night
    assert oracle.micros(night, 60, before_eight) == 6_000
    assert oracle.micros(night, 60, before_eight + timedelta(seconds=1)) == 60_000
    later = oracle.Tariff(price_nanos=60_000_000, later=(AT, 120_000_000))
    assert oracle.micros(later, 60, AT - timedelta(microseconds=1)) == 60_000
    assert oracle.micros(later, 60, AT) == 120_000


def test_the_decks_of_a_run_have_a_line_for_each_price_its_night_its_groups_and_its_successor() -> None:
    for market in plan.markets(AT):
        lines = plan.deck(market).splitlines()
        assert {line.count(",") for line in lines} == {len(plan.COLUMNS) - 1}
        more = [bool(one.later) + (one.night_nanos is not None) + len(one.groups) for one in market.tariffs.values()]
        assert len(lines) == 1 + len(market.tariffs) + sum(more)
    assert "3361,To 3361,0.130000000,1,1,0.000000,0.000000,2035-03-25T09:00:00+00:00,," in plan.deck(
        plan.markets(AT)[0]
    )


def test_a_diary_is_read_as_it_was_written(tmp_path: Path) -> None:
    with diary.Diary(tmp_path / "d.gz") as written:
        written.ask("settle", "s1", {"measured_ms": 10})
        written.ack("settle", "s1", {"charged_s": 1})
        written.refuse("extend", "s1#1", "session-settled")
        written.left("s2", 12, 10)
    lines = list(diary.read(tmp_path / "d.gz"))
    assert [(line.kind, line.op, line.key) for line in lines] == [
        ("ask", "settle", "s1"),
        ("ack", "settle", "s1"),
        ("refused", "extend", "s1#1"),
        ("left", "left", "s2"),
    ]
    assert diary.said(lines[1]) == {"charged_s": 1}
    assert diary.said(lines[3]) == [12, 10]


def test_no_more_requests_are_kept_for_asking_again_than_stated() -> None:
    samples = replay.Samples(plan.Choices(size(1), plan.markets(AT)).rng("samples"))
    for number in range(replay.KEPT + 500):
        samples.add("settle", str(number), lambda charging: charging.ping(), None)
    samples.add("expire_credit", "E1", lambda charging: charging.ping(), 3)
    assert len(samples.kept) == replay.KEPT
    assert samples.seen == replay.KEPT + 500


@pytest.mark.parametrize(
    ("most", "last"), [(0, "4"), (3, "4"), (5, "8"), (9, "10"), (1500, "2\u202f000"), (2001, "4\u202f000")]
)
def test_an_axis_holds_its_largest_value_in_four_round_steps(most: float, last: str) -> None:
    marks = drawing.nice(most)
    assert marks[-1][1] == last
    assert marks[-1][0] >= most


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    panel = drawing.Panel("<b>", (drawing.Curve([1, 2, None, 3], area=True),), drawing.nice(3))
    root = ElementTree.fromstring(drawing.Drawing(label="x", seconds=4, panels=(panel,), kills=(1, 2)).svg())
    assert len(root.findall("{*}polyline[@class='line']")) == 2
    assert len(root.findall("{*}line[@class='kill']")) == 2


def test_prices_are_of_the_day_on_which_the_run_begins() -> None:
    assert chaos.START.tzinfo is UTC
    assert plan.markets(chaos.START)[1].currency == "USD"
