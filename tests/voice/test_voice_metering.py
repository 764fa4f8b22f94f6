"""Grants, extensions, the warning and the cut of one charged leg."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cadran.voice.rules import metering
from cadran.voice.rules.metering import Due, Meter, Pace, Question

WARNING = Pace(lead_s=5, retry_s=1, warning_s=60)


def answered(granted_s: int | None, limit_s: int | None = None, *, final: bool = False, pace: Pace = WARNING) -> Meter:
    """A leg answered at the instant 100."""
    meter = Meter(pace)
    meter.allowed(granted_s, limit_s, final)
    assert meter.due == Due()
    meter.answered(100)
    return meter


def test_nothing_is_due_before_the_answer_and_no_time_is_used() -> None:
    meter = Meter(WARNING)
    meter.allowed(60, None, final=False)
    assert (meter.due, meter.used_ms(5_000), meter.left_s(5_000)) == (Due(), 0, 0)


def test_more_is_asked_before_the_warning_would_be_due() -> None:
    """Of 300 s, the warning is due at 240: charging is asked 5 s earlier, and at 235 says whether it is the end."""
    meter = answered(300)
    assert meter.due == Due(extend_at=335, warn_at=None, cut_at=400)


def test_a_first_grant_shorter_than_the_warning_is_extended_within_a_second() -> None:
    assert answered(60).due.extend_at == 101
    assert answered(1).due.extend_at == 100.5


def test_without_a_warning_more_is_asked_five_seconds_before_the_end_or_half_way() -> None:
    assert answered(60, pace=Pace()).due == Due(155, None, 160)
    assert answered(4, pace=Pace()).due == Due(102, None, 104)


def test_one_minute_before_the_end_the_customer_is_warned_once() -> None:
    meter = answered(300)
    assert meter.ask(335) == Question(1, 235)
    assert meter.extended(1, 335.1, allowed=True, granted_s=310, limit_s=None, final=True)
    assert meter.due == Due(extend_at=None, warn_at=350, cut_at=410)
    assert meter.left_s(350) == 60
    meter.warned()
    assert meter.due == Due(cut_at=410)


def test_a_call_of_one_minute_in_all_is_not_warned_a_minute_before_its_end_for_it_begins_there() -> None:
    assert answered(60, final=True).due == Due(cut_at=160)
    assert answered(61, final=True).due == Due(warn_at=101, cut_at=161)


def test_no_warning_while_more_can_follow() -> None:
    meter = answered(90)
    assert meter.due.warn_at is None
    meter.ask(101)
    assert meter.extended(1, 101, allowed=True, granted_s=120, limit_s=None, final=False)
    assert meter.due == Due(extend_at=155, warn_at=None, cut_at=220)


def test_the_longest_duration_is_warned_of_as_well() -> None:
    meter = answered(None, limit_s=3600)
    assert meter.due == Due(extend_at=None, warn_at=3640, cut_at=3700)
    assert meter.ended_by == metering.LIMIT


def test_a_refused_extension_leaves_what_was_granted_and_warns_at_once_where_less_than_a_minute_is_left() -> None:
    meter = answered(70)
    meter.ask(120)
    assert meter.extended(1, 120, allowed=False, granted_s=None, limit_s=None, final=False)
    assert meter.due == Due(extend_at=None, warn_at=110, cut_at=170)
    assert meter.ended_by == metering.CREDIT


def test_charging_lost_is_asked_the_same_again_until_the_grant_is_over_and_the_end_is_ours() -> None:
    meter = answered(90)
    assert meter.ask(101) == Question(1, 1)
    assert meter.not_answered(1, 105)
    assert meter.due.extend_at == 106
    assert meter.ask(106) == Question(1, 1)
    assert meter.ended_by == metering.OPERATOR
    assert not meter.extended(7, 107, allowed=True, granted_s=900, limit_s=None, final=False)
    assert meter.extended(1, 107, allowed=True, granted_s=120, limit_s=None, final=False)
    assert meter.ended_by == metering.CREDIT
    assert meter.ask(155) == Question(2, 55)


def test_a_call_that_nothing_limits_is_neither_extended_nor_cut() -> None:
    meter = answered(None)
    assert meter.due == Due()
    assert meter.left_s(1_000) == 0
    assert meter.used_ms(101.2345) == 1234 or meter.used_ms(101.2345) == 1235


def test_a_later_grant_never_shortens_an_earlier_one() -> None:
    meter = answered(120)
    meter.ask(155)
    meter.extended(1, 155, allowed=True, granted_s=90, limit_s=None, final=True)
    assert meter.due.cut_at == 220


@given(
    grants=st.lists(st.tuples(st.integers(1, 600), st.booleans()), min_size=1, max_size=8),
    limit_s=st.none() | st.integers(1, 7200),
)
def test_the_end_never_moves_back_and_everything_due_lies_before_it(
    grants: list[tuple[int, bool]], limit_s: int | None
) -> None:
    first, final = grants[0]
    meter = answered(first, limit_s, final=final)
    now, end = 100.0, meter.due.cut_at
    assert end is not None
    for more, last in grants[1:]:
        if (ask_at := meter.due.extend_at) is None:
            break
        assert now <= ask_at <= end
        now = ask_at
        question = meter.ask(now)
        granted = (meter.granted_s or 0) + more
        assert meter.extended(question.seq, now, allowed=True, granted_s=granted, limit_s=limit_s, final=last)
        cut_at = meter.due.cut_at
        assert cut_at is not None
        assert cut_at >= end
        assert limit_s is None or cut_at <= 100 + limit_s
        end = cut_at
        assert meter.due.warn_at is None or meter.due.warn_at < cut_at
