"""What an account may owe: to the micro-unit, after its credit, whatever is repeated; every refusal has its own reason."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from charging_rig import AT, MOBILE, Books, call, ended, open_account, open_engine

from cadran.charging.engine import Engine
from cadran.charging.ports import ChargingRefused, CreditLine, Line


def line(engine: Engine, key: str, micros: int, step: str = "limit", account: str = "acc1") -> Line:
    return engine.credit_line(CreditLine(key=key, account=account, step=step, amount_micros=micros, at=AT))


def reason(engine: Engine, key: str, micros: int, step: str = "limit", account: str = "acc1") -> object:
    with pytest.raises(ChargingRefused) as raised:
        line(engine, key, micros, step, account)
    return raised.value.details["reason"]


def owed(books: Books) -> list[tuple[object, ...]]:
    return books.rows(
        "SELECT floor_micros, balance_micros, held_micros FROM ledger_account WHERE name LIKE 'line/%' ORDER BY name"
    )


def test_an_account_without_credit_calls_down_to_its_floor_and_not_one_micro_further(
    engine: Engine, books: Books
) -> None:
    open_account(engine)
    assert engine.authorise(call("s0")).decision.code == "call-no-credit"
    assert line(engine, "l1", 2_000) == Line(key="l1", limit_micros=2_000, owed_micros=0, held_micros=0)
    grant = engine.authorise(call("s1"))
    assert (grant.decision.allowed, grant.granted_s) == (True, 10)
    assert engine.authorise(call("s2")).decision.code == "call-limit-reached"
    more = engine.extend(session="s1", seq=1, used_s=9, at=AT)
    assert (more.granted_s, more.final) == (10, True)
    assert engine.settle(ended("s1", 999)).charge_micros == 2_000
    assert owed(books) == [(-2_000, -2_000, 0)]
    books.check()


def test_credit_is_used_first_and_the_line_pays_the_rest_of_the_same_call(engine: Engine, books: Books) -> None:
    open_account(engine, 3_000)
    line(engine, "l1", 10_000)
    engine.authorise(call("s1"))
    assert engine.extend(session="s1", seq=1, used_s=9, at=AT).granted_s == 40
    assert owed(books) == [(-10_000, 0, 5_000)]
    assert engine.settle(ended("s1", 31)).charge_micros == 6_200
    assert books.one("SELECT balance_micros FROM ledger_account WHERE name = 'credit/pay1'") == 0
    assert owed(books) == [(-10_000, -3_200, 0)]
    books.check()


def test_another_limit_takes_the_debt_over_and_the_old_line_pays_nothing_more(engine: Engine, books: Books) -> None:
    open_account(engine)
    line(engine, "l1", 2_000)
    engine.authorise(call("s1"))
    assert reason(engine, "l2", 9_000) == "balance-line-held"
    engine.settle(ended("s1", 10))
    assert reason(engine, "l2", 1_999) == "balance-line-exceeded"
    assert line(engine, "l2", 2_000).owed_micros == 2_000
    assert engine.authorise(call("s2")).decision.code == "call-limit-reached"
    assert line(engine, "l3", 4_000) == Line(key="l3", limit_micros=4_000, owed_micros=2_000, held_micros=0)
    assert engine.authorise(call("s3")).decision.allowed
    assert engine.authorise(call("s4")).decision.code == "call-limit-reached"
    assert owed(books) == [(-2_000, 0, 0), (-2_000, 0, 0), (-4_000, -2_000, 2_000)]
    books.check()


def test_what_is_owed_is_repaid_once_however_often_it_is_told(engine: Engine, books: Books, file: Path) -> None:
    open_account(engine)
    line(engine, "l1", 20_000)
    engine.authorise(call("s1", destination=MOBILE))
    engine.settle(ended("s1", 10))
    assert reason(engine, "r0", 16_668, "repay") == "balance-line-unknown"
    for _ in range(2):
        assert line(engine, "r1", 16_000, "repay").owed_micros == 667
    engine.close()
    again = open_engine(file)
    assert line(again, "r1", 16_000, "repay").owed_micros == 667
    assert reason(again, "r1", 1, "repay") == "balance-line-differs"
    assert line(again, "l1", 20_000).owed_micros == 667
    assert reason(again, "l1", 20_001) == "balance-line-differs"
    assert (
        books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'payments/transfer/EUR'")
        == -16_000
    )
    books.check()
    again.close()


def test_who_may_owe_nothing_more_pays_before(engine: Engine) -> None:
    open_account(engine)
    line(engine, "l1", 5_000)
    assert line(engine, "l2", 0).limit_micros == 0
    assert engine.authorise(call("s1")).decision.code == "call-limit-reached"


def test_requests_that_make_no_sense_are_named(engine: Engine) -> None:
    assert reason(engine, "l1", 5, account="nobody") == "account-unknown"
    open_account(engine)
    assert reason(engine, "l1", -1) == "invalid"
    assert reason(engine, "l1", 0, "repay") == "invalid"
    assert reason(engine, "l1", 1, "forgive") == "invalid"
    assert reason(engine, "no spaces", 1) == "invalid"
    assert reason(engine, "r1", 1, "repay") == "balance-line-unknown"


def test_the_database_itself_keeps_the_floor(engine: Engine, file: Path) -> None:
    open_account(engine)
    line(engine, "l1", 5_000)
    with sqlite3.connect(file) as other, pytest.raises(sqlite3.IntegrityError, match="ledger_floor"):
        other.execute("UPDATE ledger_account SET balance_micros = -5001 WHERE name LIKE 'line/%'")
