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
