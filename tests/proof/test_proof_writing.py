"""What is put on record, and how it is sealed and witnessed."""

from __future__ import annotations

import json

import pytest

from cadran.policy.proof import queries, witness
from cadran.policy.proof.queries import State
from proof.conftest import House


@pytest.mark.clause("KRY-2.4-evidence")
def test_a_call_and_the_credit_that_paid_for_it_are_on_record_and_sealed(
    house: House, witnessed: witness.Witnessing
) -> None:
    (cdr, *_) = house.live(calls=1)
    house.tell("order-1")
    assert house.seal() == 3
    assert witnessed.step() is not None
    (found,) = queries.entries_of_key(cdr)
    assert (found.kind, found.subject, found.seal, found.state) == ("charging.cdr", "acc1", 1, State.READABLE)
    assert found.witnessed_at is not None
    assert found.body["record"]["charge_micros"] == 2000
    assert found.body["transfers"][0][5] == 2000
    assert [one.kind for one in queries.entries(subject="acc1")].count("charging.credit-bought") == 1
    (told,) = queries.entries(kind="payment.")
    assert json.loads(told.text)["subject"] == "acc1"


def test_pages_of_entries_follow_each_other_without_gap(house: House) -> None:
    house.live(calls=4)
    house.live(account="acc2", calls=4)
    for number in range(5):
        house.tell(f"order-{number}")
    whole = [one.id for one in queries.entries(limit=100)]
    paged, after = list[str](), ""
    while page := queries.entries(limit=3, after=after):
        paged += [one.id for one in page]
        after = page[-1].cursor
    assert paged == whole
    assert len(whole) == len(set(whole)) == 15
