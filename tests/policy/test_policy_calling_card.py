"""What KRYPTOOW's terms and the law say of its calls and credit, in numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cadran.numbering.tables import french_plan
from cadran.policy import calls
from cadran.policy import queries as policy
from cadran.policy.law import UnknownLaw

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
CREDIT = "KRY-3.1-call-credit"


@pytest.mark.clause("KRY-3.1-call-credit")
def test_the_credit_that_is_sold_and_how_long_it_lasts() -> None:
    terms = policy.terms("kryptoow/2018-01")
    assert terms.integers("topup.amounts_micros") == (5_000_000, 10_000_000, 20_000_000, 50_000_000)
    assert terms.integers("topup.amounts_after_days") == (0, 0, 0, 0)
    assert terms.integers("topup.automatic_thresholds_micros") == (1_000_000, 2_000_000, 5_000_000)
    assert terms.integers("credit.expiry_warning_days") == (30, 7)
    numbers = {
        "account.price_micros": 0,
        "topup.transfer_wait_days": 30,
        "credit.validity_days": 365,
        "credit.low_warning_micros": 1_000_000,
        "credit.floor_micros": 0,
        "calls.first_grant_min_s": 10,
    }
    texts = {"topup.zone": "Europe/Paris", "credit.zone": "Europe/Paris", "credit.extension_from": "purchase"}
    assert {name: terms.integer(name) for name in numbers} == numbers
    assert {name: terms.text(name) for name in texts} == texts
    assert {terms.clause(name) for name in (*numbers, *texts)} == {CREDIT}
    assert terms.integer("topup.monthly_card_limit_micros") == 150_000_000
    assert terms.flag("credit.refundable") is False


@pytest.mark.clause("KRY-3.1-call-credit")
@pytest.mark.parametrize(
    ("number_class", "code"),
    [
        ("geographic", "call-charged"),
        ("mobile", "call-charged"),
        ("excluded", "call-charged"),
        ("on_net", "call-charged"),  # nothing is free, whoever serves the number
        ("inum", "call-not-offered"),
        ("open_sip", "call-not-offered"),
        ("unknown", "call-not-offered"),
        ("emergency", "call-refused-emergency"),
        ("satellite", "call-refused-satellite"),
        ("special", "call-refused-special"),
    ],
)
@pytest.mark.parametrize("free_account", [False, True])
def test_what_may_be_dialled_behind_an_access_number(number_class: str, code: str, free_account: bool) -> None:
    terms = policy.terms("kryptoow/2018-01")
    found = calls.call_decision(terms, number_class, emergency_routed=False, inputs={}, free_account=free_account)
    assert found.code == code
    assert found.allowed == (code == "call-charged")
    assert calls.duration_limit(terms, number_class, raised=False) == (None, "")


@pytest.mark.clause("KRY-3.1-call-credit")
def test_the_lists_of_classes_name_no_others() -> None:
    terms = policy.terms("kryptoow/2018-01")
    assert terms.texts("calls.offered_classes") == ("on_net", "geographic", "mobile", "excluded")
    assert terms.texts("calls.refused_classes") == ("emergency", "satellite", "special")
    for name in ("calls.free_classes", "calls.limited_classes", "account.free_classes"):
        assert terms.texts(name) == ()


@pytest.mark.clause("KRY-4.4.1-per-minute")
def test_the_minute_and_no_fee() -> None:
    terms = policy.terms("kryptoow/2018-01")
    names = ("calls.first_increment_s", "calls.next_increment_s", "calls.connection_fee_micros")
    assert [terms.integer(name) for name in names] == [60, 60, 0]


@pytest.mark.clause("KRY-3.2.2-operator")
def test_the_operator_sells_calls_in_its_own_name() -> None:
    assert policy.terms("kryptoow/2018-01").flag("order.operator_is_principal") is True


@pytest.mark.clause("LAW-per-second")
def test_what_the_law_says_of_national_calls_and_from_when() -> None:
    paris_midnight = datetime(2016, 6, 30, 22, tzinfo=UTC)
    for at in (paris_midnight, AT):
        assert policy.law("billing.national_per_second", at).content is True
        found = policy.law("billing.national_territories", at)
        assert found.texts() == ("FR", "GP", "MF", "BL", "GF", "MQ", "RE", "YT", "PM", "NC", "PF", "WF")
        assert found.clause == "LAW-per-second"
    assert set(french_plan().regions) <= set(found.texts())
    with pytest.raises(UnknownLaw):
        policy.law("billing.national_per_second", datetime(2016, 6, 30, 21, 59, tzinfo=UTC))


@pytest.mark.clause("KRY-3.3-territories")
def test_no_country_and_no_service_is_closed_until_the_operator_closes_one() -> None:
    names = ("calls.closed_countries", "calls.closed_services", "account.closed_countries")
    assert [policy.terms("kryptoow/2018-01").texts(name) for name in names] == [(), (), ()]
    assert policy.terms("izikall/2018-01").texts("account.closed_countries") == ()
