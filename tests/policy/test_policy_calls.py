"""What the IPPI terms say of a call, by class: the numbers are those of the contract, not those of the file."""

from __future__ import annotations

import pytest

from cadran.policy import queries
from cadran.policy.calls import call_decision, duration_limit
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms


@pytest.fixture
def terms() -> Terms:
    return queries.terms("ippi/2018-04")


def decide(terms: Terms, number_class: str, routed: bool = False, free_account: bool = False) -> Decision:
    return call_decision(
        terms, number_class, emergency_routed=routed, inputs={"destination": "33142000001"}, free_account=free_account
    )


@pytest.mark.clause("IPP-0-restrictions")
@pytest.mark.parametrize("number_class", ["emergency", "satellite", "special"])
def test_a_number_that_the_terms_do_not_route_is_refused_with_a_sentence_in_both_languages(terms, number_class):
    decision = decide(terms, number_class)
    assert not decision.allowed
    assert decision.clause == "IPP-0-restrictions"
    assert decision.terms == "ippi/2018-04"
    assert decision.code == f"call-refused-{number_class}"
    assert decision.fr.endswith(".")
    assert decision.en.endswith(".")
    assert decision.inputs == {"destination": "33142000001", "number_class": number_class} | (
        {"law": "LAW-emergency"} if number_class == "emergency" else {}
    )


@pytest.mark.clause("IPP-0-restrictions", "LAW-emergency")
def test_who_dials_an_emergency_number_is_told_to_use_another_phone(terms):
    decision = decide(terms, "emergency")
    assert "autre téléphone" in decision.fr
    assert "another phone" in decision.en


@pytest.mark.clause("LAW-emergency")
def test_an_emergency_call_is_free_where_routing_is_switched_on(terms):
    decision = decide(terms, "emergency", routed=True)
    assert decision.allowed
    assert (decision.clause, decision.code) == ("LAW-emergency", "call-emergency-routed")


@pytest.mark.clause("LAW-emergency")
def test_emergency_routing_is_off_in_every_country_as_the_contract_says(terms):
    assert terms.texts("emergency.routed_countries") == ()
    assert queries.brand("ippi").emergency_routed == ()


@pytest.mark.clause("LAW-emergency", "IPP-0-restrictions")
@pytest.mark.parametrize("number_class", ["satellite", "special"])
def test_the_emergency_switch_opens_no_other_class(terms, number_class):
    assert not decide(terms, number_class, routed=True).allowed


@pytest.mark.clause("IPP-10.1-free-on-net")
@pytest.mark.parametrize("number_class", ["on_net", "open_sip", "inum"])
def test_calls_to_customers_open_sip_and_inum_are_free(terms, number_class):
    decision = decide(terms, number_class)
    assert decision.allowed
    assert decision.clause == "IPP-10.1-free-on-net"
    assert decision.code == f"call-free-{number_class.replace('_', '-')}"


@pytest.mark.clause("IPP-9.1-free")
@pytest.mark.parametrize("number_class", ["on_net", "open_sip", "inum"])
def test_a_free_account_makes_the_same_calls_free_under_the_free_offer(terms, number_class):
    decision = decide(terms, number_class, free_account=True)
    assert decision.allowed
    assert decision.clause == "IPP-9.1-free"


@pytest.mark.clause("IPP-9.1-free")
def test_a_free_account_costs_nothing(terms):
    assert terms.integer("account.price_micros") == 0


@pytest.mark.clause("IPP-9.1-free", "IPP-10.1-per-second", "IPP-10.1-free-on-net")
@pytest.mark.parametrize("free_account", [True, False])
@pytest.mark.parametrize("number_class", ["geographic", "mobile", "excluded"])
def test_calls_to_telephones_are_charged_by_the_second_from_the_first(terms, number_class, free_account):
    decision = decide(terms, number_class, free_account=free_account)
    assert decision.allowed
    assert (decision.clause, decision.code) == ("IPP-10.1-per-second", "call-charged")
    assert "à la seconde dès la première seconde" in decision.fr
    assert "by the second from the first second" in decision.en


@pytest.mark.clause("IPP-10.1-per-second")
def test_the_increments_are_one_second_and_there_is_no_connection_fee(terms):
    assert terms.integer("calls.first_increment_s") == 1
    assert terms.integer("calls.next_increment_s") == 1
    assert terms.integer("calls.connection_fee_micros") == 0


@pytest.mark.clause("IPP-0-calls")
@pytest.mark.parametrize("number_class", ["unknown", "", "émoji 😀", "on-net"])
def test_a_class_that_is_not_offered_is_refused(terms, number_class):
    decision = decide(terms, number_class)
    assert not decision.allowed
    assert (decision.clause, decision.code) == ("IPP-0-calls", "call-not-offered")


@pytest.mark.clause("IPP-0-calls")
@pytest.mark.parametrize("number_class", ["on_net", "open_sip", "inum", "geographic", "mobile", "excluded"])
def test_every_class_that_is_offered_goes_out(terms, number_class):
    assert decide(terms, number_class).allowed


@pytest.mark.clause("IPP-5.5-one-hour")
@pytest.mark.parametrize("number_class", ["geographic", "mobile", "excluded"])
def test_a_call_to_a_telephone_lasts_3600_seconds_at_most(terms, number_class):
    assert duration_limit(terms, number_class, raised=False) == (3600, "IPP-5.5-one-hour")


@pytest.mark.clause("IPP-5.5-one-hour")
@pytest.mark.parametrize("raised", [True, False])
@pytest.mark.parametrize("number_class", ["on_net", "open_sip", "inum", "emergency"])
def test_calls_on_the_network_are_not_cut(terms, number_class, raised):
    assert duration_limit(terms, number_class, raised=raised) == (None, "")


@pytest.mark.clause("IPP-9.6-120-minutes")
@pytest.mark.parametrize("number_class", ["geographic", "mobile"])
def test_a_customer_may_raise_the_limit_to_7200_seconds(terms, number_class):
    assert duration_limit(terms, number_class, raised=True) == (7200, "IPP-9.6-120-minutes")


@pytest.mark.clause("IPP-0-restrictions")
def test_no_other_class_is_refused_by_the_restrictions(terms):
    assert terms.texts("calls.refused_classes") == ("emergency", "satellite", "special")


@pytest.mark.clause("IPP-10.1-free-on-net")
def test_no_other_class_is_free(terms):
    assert terms.texts("calls.free_classes") == ("on_net", "open_sip", "inum")


@pytest.mark.clause("IPP-9.1-free")
def test_a_free_account_calls_no_other_class_free(terms):
    assert terms.texts("account.free_classes") == ("on_net", "open_sip", "inum")


@pytest.mark.clause("IPP-5.5-one-hour")
def test_no_other_class_is_cut_after_an_hour(terms):
    assert terms.texts("calls.limited_classes") == ("geographic", "mobile", "excluded")


@pytest.mark.clause("IPP-0-calls")
def test_no_other_class_is_offered(terms):
    assert terms.texts("calls.offered_classes") == ("on_net", "open_sip", "inum", "geographic", "mobile", "excluded")
