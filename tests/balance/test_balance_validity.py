"""Until when credit is valid: 180 days, to midnight in Paris, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from balance_rig import terms
from hypothesis import given
from hypothesis import strategies as st

from cadran.balance import rules

SECOND = timedelta(seconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bucket(
    expires_at: datetime, micros: int = 10, held: int = 0, name: str = "b", bought: str = "2025-01-01 00:00"
) -> rules.Bucket:
    return rules.Bucket(
        owner="acc1",
        bucket=name,
        currency="EUR",
        available_from=utc(bought),
        expires_at=expires_at,
        balance_micros=micros,
        held_micros=held,
    )


@pytest.mark.clause("IPP-9.2-180-days")
@pytest.mark.parametrize(
    ("bought", "until"),
    [
        # winter to summer: 2026-10-01 + 180 days = 2027-03-30, after the change of 28 March 2027: midnight is 22:00 UTC
        ("2026-10-01 08:00", "2027-03-30 22:00"),
        # the 180th day is the day of the change to summer itself: it ends at 22:00 UTC
        ("2026-09-29 08:00", "2027-03-28 22:00"),
        # the day before the change: still winter, 23:00 UTC
        ("2026-09-28 08:00", "2027-03-27 23:00"),
        # summer to winter: the 180th day is 25 October 2026, of 25 hours: it ends at 23:00 UTC
        ("2026-04-28 08:00", "2026-10-25 23:00"),
        # the day before: still summer, 22:00 UTC
        ("2026-04-27 08:00", "2026-10-24 22:00"),
        # one second before midnight in Paris is still that day, at midnight it is the next
        ("2026-06-01 21:59:59", "2026-11-28 23:00"),
        ("2026-06-01 22:00", "2026-11-29 23:00"),
        # across 29 February
        ("2027-12-15 12:00", "2028-06-12 22:00"),
    ],
)
def test_credit_is_valid_to_the_end_in_paris_of_the_180th_day(bought: str, until: str) -> None:
    assert rules.purchase_expiry(terms(), utc(bought)) == utc(until)


@pytest.mark.clause("IPP-9.2-180-days")
def test_a_purchase_one_second_before_expiry_extends_and_one_at_expiry_does_not() -> None:
    end = utc("2026-06-30 22:00")
    assert rules.extended_expiry(terms(), bucket(end), end - SECOND) == utc("2026-12-27 23:00")
    assert rules.extended_expiry(terms(), bucket(end), end) == end
    assert rules.extended_expiry(terms(), bucket(end), end + SECOND) == end


@pytest.mark.clause("IPP-9.2-180-days")
def test_consumed_credit_is_not_extended() -> None:
    end = utc("2026-06-30 22:00")
    assert rules.extended_expiry(terms(), bucket(end, micros=0), utc("2026-05-01 12:00")) == end
    assert rules.extended_expiry(terms(), bucket(end, micros=1, held=1), utc("2026-05-01 12:00")) == utc(
        "2026-10-28 23:00"
    )


@pytest.mark.clause("IPP-9.2-180-days")
def test_the_extension_counts_from_the_purchase_as_written_or_from_the_old_expiry_where_the_terms_say_so() -> None:
    end, bought = utc("2026-06-30 22:00"), utc("2026-05-01 12:00")
    assert rules.extended_expiry(terms(), bucket(end), bought) == utc("2026-10-28 23:00")
    # 30 June + 180 days = 27 December
    assert rules.extended_expiry(terms(extension_from="expiry"), bucket(end), bought) == utc("2026-12-27 23:00")


def test_an_unknown_start_of_the_extension_names_where_it_stands() -> None:
    with pytest.raises(rules.UnknownExtension, match="extension_from"):
        rules.extended_expiry(
            terms(extension_from="birthday"), bucket(utc("2026-06-30 22:00")), utc("2026-05-01 12:00")
        )


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2060, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
)
def test_an_extension_never_shortens_and_credit_lasts_180_to_181_days(at: datetime) -> None:
    until = rules.purchase_expiry(terms(), at)
    assert timedelta(days=180, hours=-1) <= until - at <= timedelta(days=181, hours=1)
    assert rules.extended_expiry(terms(), bucket(until), at + timedelta(days=1)) >= until


def test_what_expires_first_is_used_first_and_nothing_out_of_its_dates() -> None:
    at = utc("2026-05-01 12:00")
    late, early = bucket(utc("2026-09-01 00:00"), name="late"), bucket(utc("2026-06-01 00:00"), name="early")
    over, empty = bucket(at, name="over"), bucket(utc("2026-06-01 00:00"), micros=3, held=3, name="empty")
    future = bucket(utc("2026-06-01 00:00"), name="future", bought="2026-05-01 12:00:01")
    assert [found.bucket for found in rules.in_order_of_use([late, over, future, empty, early], at)] == [
        "early",
        "late",
    ]


def test_an_amount_is_spread_whole_or_not_at_all() -> None:
    first, second = bucket(utc("2026-06-01 00:00"), 10, 4, "a"), bucket(utc("2026-07-01 00:00"), 5, 0, "b")
    assert rules.spread(6, [first, second]) == (rules.Part("a", 6),)
    assert rules.spread(11, [first, second]) == (rules.Part("a", 6), rules.Part("b", 5))
    assert rules.spread(12, [first, second]) == ()


@pytest.mark.clause("IPP-9.2-no-refund")
def test_prepaid_credit_is_not_refunded_and_says_why() -> None:
    decision = rules.refund_decision(terms(), 5_000_000)
    assert (decision.allowed, decision.clause, decision.terms) == (False, "IPP-9.2-no-refund", "ippi/2018-04")
    assert "not refundable" in decision.en
    assert "pas remboursable" in decision.fr
