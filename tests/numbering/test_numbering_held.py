"""Numbers that customers hold or have verified: history, waiting time, what is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cadran.numbering import operations, queries
from cadran.numbering.rules import NumberClass
from cadran.units.e164 import E164, InvalidNumber

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = "33970000001"


def assign(account: str = "acc-1", user: str = "alice", at: datetime = NOON, number: str = NUMBER) -> None:
    operations.assign_number(e164=number, account=account, sip_username=user, at=at)


def test_an_assigned_number_has_its_holder_and_rings_its_sip_user():
    assign()
    assert queries.holder(NUMBER) == queries.NumberHolder("acc-1", "alice")
    assert queries.holder("+" + NUMBER) == queries.NumberHolder("acc-1", "alice")
    assert queries.holder("33970000002") is None


def test_assigning_twice_changes_nothing_and_a_new_sip_user_is_a_new_row():
    assign()
    assign(at=NOON + timedelta(hours=1))
    assert len(queries.history(NUMBER)) == 1
    assign(user="bob", at=NOON + timedelta(hours=2))
    assert [(row.sip_username, row.until_at) for row in queries.history(NUMBER)] == [
        ("alice", NOON + timedelta(hours=2)),
        ("bob", None),
    ]


def test_a_number_has_one_holder_at_a_time():
    assign()
    with pytest.raises(operations.UnableToAssignNumber):
        assign(account="acc-2")
    assert queries.holder(NUMBER) == queries.NumberHolder("acc-1", "alice")


@pytest.mark.clause("LAW-porting-out")
def test_a_released_number_waits_40_days_for_its_last_holder_before_another_gets_it():
    assign()
    operations.release_number(e164=NUMBER, account="acc-1", at=NOON)
    assert queries.holder(NUMBER) is None
    with pytest.raises(operations.UnableToAssignNumber):
        assign(account="acc-2", at=NOON + timedelta(days=40) - timedelta(seconds=1))
    assign(account="acc-2", at=NOON + timedelta(days=40))
    assert queries.holder(NUMBER) == queries.NumberHolder("acc-2", "alice")


@pytest.mark.clause("LAW-porting-out")
def test_the_last_holder_recovers_a_released_number_at_once():
    assign()
    operations.release_number(e164=NUMBER, account="acc-1", at=NOON)
    assign(at=NOON + timedelta(seconds=1))
    assert [row.until_at for row in queries.history(NUMBER)] == [NOON, None]


def test_only_the_holder_releases_a_number():
    assign()
    with pytest.raises(operations.NumberNotHeld):
        operations.release_number(e164=NUMBER, account="acc-2", at=NOON)


@pytest.mark.parametrize("number", ["112", "870773110000", "883510012345678", "33937123456", "abc", "", "0142000001"])
def test_a_number_that_nobody_can_hold_is_refused(number):
    with pytest.raises((operations.UnableToAssignNumber, InvalidNumber)):
        assign(number=number)


@pytest.mark.clause("IPP-0-calls")
def test_a_customer_shows_its_own_number_else_a_verified_one_else_none():
    assert queries.shown_number("acc-1") == ""
    operations.record_verified_number(e164=E164("+33612345678"), account="acc-1", at=NOON)
    assert queries.shown_number("acc-1") == "33612345678"
    assign(at=NOON + timedelta(days=1))
    assert queries.shown_number("acc-1") == NUMBER
    assert queries.may_show("acc-1", "+33612345678")
    assert not queries.may_show("acc-2", "+33612345678")


def test_a_verification_is_recorded_once_and_can_be_withdrawn():
    for _ in range(2):
        operations.record_verified_number(e164="33612345678", account="acc-1", at=NOON)
    assert len(queries.numbers_of("acc-1")) == 1
    operations.withdraw_verified_number(e164="33612345678", account="acc-1", at=NOON + timedelta(days=1))
    assert queries.shown_number("acc-1") == ""
    assert len(queries.history("33612345678")) == 1


@pytest.mark.parametrize("number", ["33899123456", "33937123456", "870773110000", "337001234567890"])
def test_a_number_that_nobody_calls_from_cannot_be_verified(number):
    with pytest.raises(operations.UnableToVerifyNumber):
        operations.record_verified_number(e164=number, account="acc-1", at=NOON)


def test_the_number_of_another_customer_cannot_be_verified():
    assign()
    with pytest.raises(operations.UnableToVerifyNumber):
        operations.record_verified_number(e164=NUMBER, account="acc-2", at=NOON)


def test_two_customers_of_one_household_may_verify_the_same_number():
    for account in ("acc-1", "acc-2"):
        operations.record_verified_number(e164="33142000001", account=account, at=NOON)
        assert queries.shown_number(account) == "33142000001"


@pytest.mark.clause("IPP-10.1-free-on-net")
def test_a_customers_number_is_on_the_network_whatever_way_it_is_dialled():
    assign()
    for text in ("09 70 00 00 01", "+33970000001", "0033970000001"):
        assert queries.called(text).number_class is NumberClass.ON_NET
    assert queries.called("0970000002").number_class is NumberClass.GEOGRAPHIC
    assert queries.called("15").number_class is NumberClass.EMERGENCY
