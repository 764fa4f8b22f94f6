"""Due acts run in the order of the civil clock, each at its own instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.journeys import due

START = datetime(2026, 3, 28, 22, tzinfo=UTC)


class Diary:
    """Things to do at instants; running an instant does what is due then and no later."""

    def __init__(self, name: str, *offsets_s: int) -> None:
        self.name, self.left = name, sorted(START + timedelta(seconds=offset) for offset in offsets_s)
        self.did: list[datetime] = []

    def act(self) -> due.Act:
        return due.Act(self.name, lambda: self.left[0] if self.left else None, self.run)

    def run(self, at: datetime) -> int:
        now = [instant for instant in self.left if instant <= at]
        self.left = self.left[len(now) :]
        self.did += now
        return len(now)


def test_the_earliest_act_runs_first_whatever_the_order_of_the_list() -> None:
    late, early = Diary("late", 50), Diary("early", 10, 90)
    done = due.run_in_order([late.act(), early.act()], until=START + timedelta(seconds=60))
    assert [(one.name, (one.at - START).seconds) for one in done] == [("early", 10), ("late", 50)]
    assert len(early.left) == 1


@pytest.mark.parametrize(("until_s", "ran"), [(9, 0), (10, 1), (11, 1)])
def test_an_act_due_exactly_at_the_end_runs_and_one_second_later_does_not(until_s: int, ran: int) -> None:
    assert len(due.run_in_order([Diary("one", 10).act()], until=START + timedelta(seconds=until_s))) == ran


def test_the_clock_reaches_each_instant_before_its_act_runs() -> None:
    reached: list[datetime] = []
    diary = Diary("one", 10, 20)
    seen: list[int] = []
    act = due.Act("one", diary.act().next_at, lambda at: seen.append(len(reached)) or diary.run(at))
    due.run_in_order([act], until=START + timedelta(hours=1), reach=reached.append)
    assert [(at - START).seconds for at in reached] == [10, 20]
    assert seen == [1, 2]


def test_an_act_that_another_brings_about_runs_too_and_time_never_goes_back() -> None:
    follower = Diary("follower")
    leader = Diary("leader", 30)

    def lead(at: datetime) -> int:
        follower.left.append(at - timedelta(seconds=5))
        return leader.run(at)

    done = due.run_in_order(
        [due.Act("leader", leader.act().next_at, lead), follower.act()], until=START + timedelta(seconds=60)
    )
    assert [(one.name, (one.at - START).seconds) for one in done] == [("leader", 30), ("follower", 30)]


def test_an_act_that_stays_due_is_refused_rather_than_run_for_ever() -> None:
    stuck = due.Act("stuck", lambda: START, lambda at: 0)
    with pytest.raises(due.ActStuck, match="stuck is still due"):
        due.run_in_order([stuck], until=START)


def test_a_run_is_bounded() -> None:
    with pytest.raises(due.TooManyActs):
        due.run_in_order([Diary("many", *range(11)).act()], until=START + timedelta(hours=1), most=10)


@given(st.lists(st.lists(st.integers(0, 1000), max_size=8), min_size=1, max_size=4), st.integers(0, 1000))
def test_any_diaries_are_run_completely_in_order_and_nothing_later(diaries: list[list[int]], until_s: int) -> None:
    kept = [Diary(str(place), *offsets) for place, offsets in enumerate(diaries)]
    until = START + timedelta(seconds=until_s)
    done = due.run_in_order([one.act() for one in kept], until=until)
    assert [one.at for one in done] == sorted(one.at for one in done)
    assert all(at > until for one in kept for at in one.left)
    assert sum(one.count for one in done) == sum(1 for offsets in diaries for offset in offsets if offset <= until_s)
