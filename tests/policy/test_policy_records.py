"""A call record is corrected by a further record, and in no other way."""

from __future__ import annotations

import pytest

from cadran.policy import queries, records

pytestmark = pytest.mark.clause("IPP-10.1-cdr")


def test_a_call_record_is_corrected_by_a_further_record():
    decision = records.correction_decision(queries.terms("ippi/2018-04"), way="further-record", cdr_id="cdr_1")
    assert decision.allowed
    assert (decision.clause, decision.terms) == ("IPP-10.1-cdr", "ippi/2018-04")
    assert decision.inputs == {"way": "further-record", "cdr": "cdr_1"}


@pytest.mark.parametrize("way", ["alteration", "", "deletion"])
def test_a_call_record_is_never_altered(way):
    decision = records.correction_decision(queries.terms("ippi/2018-04"), way=way, cdr_id="cdr_1")
    assert not decision.allowed
    assert decision.code == "cdr-correction-refused"


@pytest.mark.clause("KRY-2.4-evidence")
def test_a_call_record_is_proof_under_a_calling_card_too():
    terms = queries.terms("kryptoow/2018-01")
    decision = records.correction_decision(terms, way="further-record", cdr_id="cdr_1")
    assert (decision.allowed, decision.clause) == (True, "KRY-2.4-evidence")
    assert not records.correction_decision(terms, way="alteration", cdr_id="cdr_1").allowed


@pytest.mark.clause("KRY-2.4-evidence")
@pytest.mark.parametrize("ref", ["kryptoow/2018-01", "izikall/2018-01"])
def test_orders_payments_coupons_vouchers_loyalty_and_mails_are_kept_as_evidence(ref):
    assert records.kept_as_evidence(queries.terms(ref)) == {
        "call": ("charging.cdr", "charging.correction"),
        "acceptance": ("party.acceptance",),
        "order": ("payment.order-",),
        "payment": ("payment.received", "payment.refund", "charging.credit-"),
        "coupon": ("subscription.coupon-",),
        "gift-voucher": ("payment.voucher",),
        "loyalty": ("subscription.loyalty-",),
        "mail": ("messaging.mail-",),
    }


def test_calls_and_acceptances_are_kept_as_evidence_where_the_terms_name_nothing():
    assert set(records.kept_as_evidence(queries.terms("ippi/2018-04"))) == {"call", "acceptance"}
