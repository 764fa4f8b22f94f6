"""Batches as units of work: a request that fails is undone alone, a row that the database refuses refuses nobody else."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from charging_rig import AT, TERMS, Books, StepClock, call, ended, open_account, open_engine

from cadran.charging.engine import Engine, Work
from cadran.charging.ports import BuyCredit, ChargingRefused, ChargingUnavailable, Grant, Settled
from cadran.units.store import DatabaseLost, Unit


def authorised(engine: Engine, *sessions: str) -> list[object]:
    return engine.run([partial(engine.do_authorise, call(session)) for session in sessions])


def test_a_request_that_fails_half_way_leaves_nothing_behind(engine: Engine, books: Books) -> None:
    open_account(engine, 1_000_000)

    def half() -> None:
        engine.do_authorise(call("half"))
        raise ValueError("after the hold")

    answers = engine.run([partial(engine.do_authorise, call("s1")), half, partial(engine.do_authorise, call("s2"))])
    assert [type(answer) for answer in answers] == [Grant, ChargingRefused, Grant]
    assert books.balance() == (1_000_000, 4_000)
    assert books.one("SELECT count(*) FROM charging_session") == 2
    assert authorised(engine, "half")[0].decision.allowed  # type: ignore[attr-defined]
    books.check()


def test_a_row_that_the_database_refuses_refuses_nobody_else(engine: Engine, books: Books, file: Path) -> None:
    """Somebody wrote beside the engine: its memory is wrong of one account, and the database says so at the commit."""
    for account in ("acc1", "acc2"):
        open_account(engine, 1_000_000, account=account)
    authorised(engine, "warm")
    with sqlite3.connect(file) as other:
        other.execute("UPDATE ledger_account SET balance_micros = held_micros + 500 WHERE owner = 'acc1'")
    answers = engine.run(
        [
            partial(engine.do_authorise, call("s1")),
            partial(engine.do_authorise, call("s2", account="acc2")),
            partial(engine.do_settle, ended("warm", 5)),
        ]
    )
    refused, granted, settled = answers
    assert isinstance(refused, Grant)
    assert refused.decision.code == "call-no-credit"
    assert isinstance(granted, Grant)
    assert granted.decision.allowed
    assert isinstance(settled, Settled)
    assert settled.charge_micros == 1_000
    assert books.balance("acc2") == (1_000_000, 2_000)


def test_a_key_taken_behind_the_engines_back_is_refused_by_its_name(engine: Engine, file: Path) -> None:
    open_account(engine, 1_000_000)
    with sqlite3.connect(file) as other:
        other.execute("INSERT INTO ledger_account VALUES ('house/ippi', 'x', 'EUR', NULL, NULL, NULL, '2026-01-01')")
        other.execute(
            "INSERT INTO ledger_transfer VALUES ('acc1', 'purchase/p2', 'posted', '', 'house/ippi', 'payments/card/EUR',"
            " 'acc1', 'credit/pay1', 'EUR', 5, 0, '2026-01-01', 'made up')"
        )
    bought = BuyCredit(key="p2", account="acc1", terms=TERMS, amount_micros=7, currency="EUR", at=AT)
    with pytest.raises(ChargingRefused) as raised:
        engine.buy_credit(bought)
    assert raised.value.details["reason"] == "ledger-transfer-exists"


def test_repeats_within_one_batch_are_answered_alike(engine: Engine, books: Books) -> None:
    open_account(engine, 1_000_000)
    bought = BuyCredit(key="p2", account="acc1", terms=TERMS, amount_micros=5_000, currency="EUR", at=AT)
    works: list[Work] = [
        partial(engine.do_authorise, call("s1")),
        partial(engine.do_extend, session="s1", seq=1, used_s=5, at=AT),
        partial(engine.do_settle, ended("s1", 20)),
        partial(engine.do_buy_credit, bought),
    ]
    answers = engine.run([work for work in works for _ in range(3)])
    assert all(answers[n] == answers[n + 1] == answers[n + 2] for n in range(0, 12, 3))
    assert engine.run(works) == answers[::3]
    assert books.balance() == (1_000_000 - 4_000 + 5_000, 0)
    assert books.one("SELECT count(*) FROM charging_cdr") == 1
    books.check()


def test_a_batch_that_is_lost_is_answered_unavailable_and_can_be_repeated(engine: Engine, books: Books) -> None:
    open_account(engine, 1_000_000)
    authorised(engine, "s1")
    real, works = (
        engine._write,
        [
            partial(engine.do_settle, ended("s1", 20)),
            partial(engine.do_authorise, call("s2")),
            partial(engine.do_open_wallet, account="acc9", brand="ippi", currency="EUR", at=AT),
            partial(engine.do_expire_credit, at=AT + timedelta(days=400)),
        ],
    )

    def lost(unit: Unit) -> None:
        raise DatabaseLost("the disk is full")

    engine._write = lost  # type: ignore[method-assign]
    assert all(isinstance(answer, ChargingUnavailable) for answer in engine.run(works))
    engine._write = real  # type: ignore[method-assign]
    assert list(engine.calls.open) == ["s1"]
    assert books.balance() == (1_000_000, 2_000)
    settled, granted, _, expired = engine.run(works)
    assert isinstance(settled, Settled)
    assert settled.charge_micros == 2_000  # as many seconds as were granted
    assert isinstance(granted, Grant)
    assert expired == 1
    books.check()


def test_entries_of_evidence_are_numbered_without_a_gap(engine: Engine, books: Books) -> None:
    open_account(engine, 1_000_000)
    for turn in range(3):
        sessions = [f"{turn}.{number}" for number in range(4)]
        authorised(engine, *sessions)
        engine.run([partial(engine.do_settle, ended(session, 5)) for session in (*sessions, "never")])
    kept = books.rows("SELECT position FROM evidence_commitment ORDER BY position")
    assert kept == [(number,) for number in range(1, 14)]
    assert books.rows("SELECT position FROM evidence_body ORDER BY position") == kept


def test_memory_that_is_full_is_read_afresh_and_calls_go_on(
    file: Path, clock: StepClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cadran.charging.engine.MAX_KEPT", 3)
    engine = open_engine(file, clock)
    for number in range(4):
        open_account(engine, 1_000_000, account=f"acc{number}")
    engine.run([partial(engine.do_authorise, call(f"s{number}", account=f"acc{number}")) for number in range(4)])
    engine.run([partial(engine.do_extend, session=f"s{number}", seq=1, used_s=3, at=AT) for number in range(4)])
    engine.run([partial(engine.do_settle, ended(f"s{number}", 31)) for number in range(4)])
    books = Books(file)
    assert [books.balance(f"acc{number}") for number in range(4)] == [(1_000_000 - 6_200, 0)] * 4
    books.check()
    engine.close()
