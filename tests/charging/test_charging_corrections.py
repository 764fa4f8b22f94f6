"""A record is corrected by a further record; the money follows, and the credit never becomes negative."""

from __future__ import annotations

from dataclasses import replace

import pytest
from charging_rig import AT, TERMS, Books, call, ended, open_account

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.engine import Engine
from cadran.charging.ports import ChargingRefused, CorrectCharge
from cadran.policy import queries as policy
from cadran.policy.terms import TermsValue


@pytest.fixture
def cdr(engine: Engine) -> str:
    """A call of 60 seconds for 12,000 micros; 8,000 of credit are left."""
    open_account(engine, 20_000)
    engine.authorise(call("s1"))
    engine.extend(session="s1", seq=1, used_s=5, at=AT)
    engine.extend(session="s1", seq=2, used_s=30, at=AT)
    return engine.settle(ended("s1", 60)).cdr_id


def correction(cdr: str, micros: int, key: str = "c1") -> CorrectCharge:
    return CorrectCharge(key=key, account="acc1", cdr_id=cdr, charge_micros=micros, reason="wrong prefix", at=AT)


@pytest.mark.clause("IPP-10.1-cdr")
def test_a_lower_charge_gives_the_difference_back_and_leaves_the_first_record(
    engine: Engine, books: Books, cdr: str
) -> None:
    before = books.rows("SELECT * FROM charging_cdr")
    done = engine.correct(correction(cdr, 5_000))
    assert (done.returned_micros, done.owed_micros) == (7_000, 0)
    assert books.balance() == (15_000, 0)
    rows = books.rows("SELECT * FROM charging_cdr ORDER BY position")
    assert rows[:1] == before
    assert books.rows("SELECT corrects, charge_micros FROM charging_cdr WHERE corrects <> ''") == [(cdr, 5_000)]
    assert engine.correct(correction(cdr, 5_000)) == done
    assert books.balance() == (15_000, 0)


@pytest.mark.clause("IPP-10.1-cdr")
@pytest.mark.parametrize(
    ("micros", "left", "owed"), [(20_000, 0, 0), (20_001, 0, 1), (19_999, 1, 0), (12_000, 8_000, 0)]
)
def test_a_higher_charge_takes_what_credit_there_is_and_the_rest_is_owed(
    engine: Engine, books: Books, cdr: str, micros: int, left: int, owed: int
) -> None:
    assert engine.correct(correction(cdr, micros)).owed_micros == owed
    assert books.balance() == (left, 0)
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'receivable/EUR'") == -owed
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'revenue/calls/EUR'") == micros
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting") == 0


def test_a_second_correction_starts_from_the_first(engine: Engine, books: Books, cdr: str) -> None:
    engine.correct(correction(cdr, 5_000))
    assert engine.correct(correction(cdr, 6_000, key="c2")).returned_micros == 0
    assert books.balance() == (14_000, 0)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("cdr-unknown", {"cdr_id": "never"}),
        ("cdr-unknown", {"account": "stranger"}),
        ("cdr-unknown", {"cdr_id": "cor_first"}),
        ("key-reused", {"key": "first", "charge_micros": 1}),
        ("invalid", {"charge_micros": -1}),
        ("invalid", {"charge_micros": 10**15}),
        ("invalid", {"reason": ""}),
        ("invalid", {"key": "a b"}),
    ],
)
def test_what_cannot_be_corrected_says_why(
    client: SocketCharging, books: Books, cdr: str, reason: str, changes: dict[str, object]
) -> None:
    client.correct(correction(cdr, 5_000, key="first"))
    before = books.balance()
    with pytest.raises(ChargingRefused) as refused:
        client.correct(replace(correction(cdr, 5_000, key="c9"), **changes))  # type: ignore[arg-type]
    assert refused.value.details["reason"] == reason
    assert books.balance() == before


@pytest.mark.clause("IPP-10.1-cdr")
def test_terms_that_do_not_know_further_records_exclude_corrections(engine: Engine, cdr: str) -> None:
    terms = policy.terms(TERMS)
    assert terms.text("cdr.correction") == "further-record"
    old = terms.value("cdr.correction")
    other = TermsValue(old.name, "none", old.unit, old.clause, old.source)
    engine.calls.contracts.known[TERMS] = replace(terms, values={**terms.values, old.name: other})  # type: ignore[attr-defined]
    with pytest.raises(ChargingRefused, match="further"):
        engine.correct(correction(cdr, 5_000))
