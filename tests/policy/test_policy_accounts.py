"""What opens an account under the IPPI terms."""

from __future__ import annotations

import pytest

from cadran.policy import queries
from cadran.policy.accounts import access_decision

pytestmark = pytest.mark.clause("IPP-5.2-validation")


def test_nothing_is_accessible_before_the_email_address_is_validated():
    decision = access_decision(queries.terms("ippi/2018-04"), validated=())
    assert not decision.allowed
    assert (decision.clause, decision.code) == ("IPP-5.2-validation", "account-not-validated")
    assert decision.inputs == {"missing": "email"}


def test_bank_details_alone_do_not_open_a_prepaid_account():
    assert not access_decision(queries.terms("ippi/2018-04"), validated=("bank-details",)).allowed


def test_the_validated_email_address_is_enough_for_a_prepaid_account():
    decision = access_decision(queries.terms("ippi/2018-04"), validated=("email",))
    assert decision.allowed
    assert (decision.clause, decision.code) == ("IPP-5.2-validation", "account-validated")


def test_an_account_that_asks_for_more_stays_closed_until_all_is_there():
    terms = queries.terms("kryptoow/2018-01")
    assert access_decision(terms, validated=("email",)).inputs == {"missing": "identity-document"}
    assert access_decision(terms, validated=("email", "identity-document")).allowed
