"""Codes, serials, states and waits of vouchers, with the numbers that the terms of the selling brand state."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.payment.vouchers import rules
from cadran.payment.vouchers.rules import Outcome, Tries, VoucherState, Wish
from cadran.policy import queries as policy

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = policy.terms("kryptoow/2018-01")
MADE_CODE = rules.code_of(572_943_018_266_117)
NONE = Tries()
codes = st.integers(0, 10**15 - 1).map(rules.code_of)


def test_the_check_digit_is_damm_s() -> None:
    assert rules.check_digit("572") == "4"
    assert rules.check_digit("5724") == "0"
    assert MADE_CODE[:15] == "572943018266117"


@given(codes, st.integers(0, 15), st.integers(1, 9))
def test_one_wrong_digit_is_a_slip_and_never_another_code(code: str, place: int, by: int) -> None:
    wrong = code[:place] + str((int(code[place]) + by) % 10) + code[place + 1 :]
    assert rules.read_code(code) == code
    assert rules.read_code(wrong) is None


@given(codes, st.integers(0, 14))
def test_two_neighbours_that_changed_places_are_a_slip(code: str, place: int) -> None:
    one, two = code[place], code[place + 1]
    swapped = code[:place] + two + one + code[place + 2 :]
    assert rules.read_code(swapped) == (code if one == two else None)


@pytest.mark.parametrize("between", ["", " ", "-", ".", "\u00a0", "  "])
def test_a_code_is_read_however_it_is_spaced(between: str) -> None:
    typed = between.join(MADE_CODE[start : start + 4] for start in range(0, 16, 4))
    assert rules.read_code(typed) == MADE_CODE
    assert rules.grouped(MADE_CODE) == f"{MADE_CODE[:4]} {MADE_CODE[4:8]} {MADE_CODE[8:12]} {MADE_CODE[12:]}"


@pytest.mark.parametrize(
    "typed",
    ["", " ", MADE_CODE[:15], MADE_CODE + "0", "٥" * 16, "a" * 16, "0" * 10_000, "' OR 1=1 --      ", "\x00" * 16],
)
def test_what_is_no_code_is_read_as_none(typed: str) -> None:
    assert rules.read_code(typed) is None


def test_a_serial_is_read_as_printed_and_its_check_digit_is_heeded() -> None:
    serial = rules.serial_of("KRY", 12, 34)
    assert serial[:13] == "KRY0012000034"
    assert rules.shown_serial(serial) == f"KRY 0012 000034 {serial[-1]}"
    assert rules.read_serial(f" kry 0012-000034 {serial[-1]}") == serial
    assert rules.index_of(serial) == 34
    with pytest.raises(rules.InvalidSerial):
        rules.read_serial(serial[:-1] + str((int(serial[-1]) + 1) % 10))
    with pytest.raises(rules.InvalidSerial):
        rules.read_serial("KRY" + "٣" * 11)


@pytest.mark.clause("KRY-2.4-coupons")
def test_a_batch_has_a_value_of_the_terms_and_5000_vouchers_at_most_good_for_365_days() -> None:
    for euros in (5, 10, 20, 50):
        assert (
            rules.checked_wish(TERMS, Wish(series="KRY", face_micros=euros * 1_000_000, count=5000)).valid_days == 365
        )
    for wrong in (
        Wish(series="KRY", face_micros=15_000_000, count=10),
        Wish(series="KRY", face_micros=10_000_000, count=5001),
        Wish(series="KRY", face_micros=10_000_000, count=0),
        Wish(series="KRY", face_micros=10_000_000, count=10, valid_days=366),
        Wish(series="KRY", face_micros=10_000_000, count=10, valid_days=-1),
        Wish(series="K", face_micros=10_000_000, count=10),
        Wish(series="KRYPTOO", face_micros=10_000_000, count=10),
        Wish(series="KR1", face_micros=10_000_000, count=10),
    ):
        with pytest.raises(rules.InvalidBatch):
            rules.checked_wish(TERMS, wrong)
    with pytest.raises(rules.InvalidBatch):
        rules.checked_wish(policy.terms("ippi/2018-04"), Wish(series="IPP", face_micros=10_000_000, count=1))


@pytest.mark.clause("KRY-2.4-coupons")
def test_a_voucher_is_good_until_the_end_of_its_last_day_in_paris() -> None:
    assert rules.expiry(TERMS, datetime(2026, 3, 2, 9, tzinfo=UTC), 365) == datetime(2027, 3, 2, 23, tzinfo=UTC)
    assert rules.expiry(TERMS, datetime(2026, 3, 2, 22, 59, tzinfo=UTC), 1) == datetime(2026, 3, 3, 23, tzinfo=UTC)
    assert rules.expiry(TERMS, datetime(2026, 3, 2, 23, 0, tzinfo=UTC), 1) == datetime(2026, 3, 4, 23, tzinfo=UTC)
    assert rules.expiry(TERMS, datetime(2026, 3, 28, 12, tzinfo=UTC), 1) == datetime(2026, 3, 29, 22, tzinfo=UTC)


@pytest.mark.clause("KRY-2.4-coupons")
@pytest.mark.parametrize(
    ("wrong", "waits_s"),
    [(0, 0), (4, 0), (5, 60), (6, 120), (7, 240), (10, 1920), (15, 61440), (16, 86400), (900, 86400)],
)
def test_from_the_fifth_wrong_code_each_further_one_doubles_the_wait(wrong: int, waits_s: int) -> None:
    tries = Tries(wrong, AT if wrong else None)
    until = _locked(account=tries)
    assert until == (AT + timedelta(seconds=waits_s) if waits_s else None)


@pytest.mark.clause("KRY-2.4-coupons")
def test_slips_are_15_and_an_address_has_20_whoever_asks_from_it() -> None:
    assert _locked(mistyped=Tries(14, AT)) is None
    assert _locked(mistyped=Tries(15, AT)) == AT + timedelta(seconds=60)
    assert _locked(source=Tries(19, AT)) is None
    assert _locked(source=Tries(20, AT)) == AT + timedelta(seconds=60)
    assert _locked(account=Tries(6, AT), source=Tries(20, AT)) == AT + timedelta(seconds=120)


@pytest.mark.clause("KRY-2.4-coupons")
def test_beyond_200_wrong_codes_an_hour_one_is_too_many_and_who_made_none_is_heard() -> None:
    one = Tries(1, AT)
    assert _locked(account=one, everybody_wrong=200) is None
    assert _locked(account=one, everybody_wrong=201) == AT + timedelta(seconds=60)
    assert _locked(everybody_wrong=10**6) is None


def test_a_wait_that_is_over_locks_nobody() -> None:
    assert _locked(account=Tries(5, AT), at=AT + timedelta(seconds=59, microseconds=999_999)) is not None
    assert _locked(account=Tries(5, AT), at=AT + timedelta(seconds=60)) is None


def test_what_ended_never_begins_again() -> None:
    for state in (VoucherState.REDEEMED, VoucherState.BLOCKED, VoucherState.EXPIRED):
        assert rules.FOLLOWS[state] == frozenset()
    ends = {VoucherState.REDEEMED, VoucherState.BLOCKED, VoucherState.EXPIRED}
    for one, other in itertools.permutations(VoucherState, 2):
        if other in rules.FOLLOWS[one]:
            assert one not in ends


def test_each_outcome_has_its_sentence_in_both_languages_and_only_good_ones_allow() -> None:
    for outcome in Outcome:
        said = rules.said(TERMS, outcome, {})
        assert said.fr
        assert said.en
        assert said.clause == "KRY-2.4-coupons"
        assert said.allowed is (outcome in (Outcome.OK, Outcome.PENDING))


def _locked(
    account: Tries = NONE,
    mistyped: Tries = NONE,
    source: Tries = NONE,
    everybody_wrong: int = 0,
    at: datetime = AT,
) -> datetime | None:
    return rules.locked_until(
        TERMS, account=account, mistyped=mistyped, source=source, everybody_wrong=everybody_wrong, at=at
    )
