"""One batch is worked on while another is committed: what goes wrong at the commit takes back what was built upon it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from charging_rig import AT, Books, call, ended, open_account

from cadran.charging.engine import Engine, Work
from cadran.charging.pipeline import ALONE, Pipeline
from cadran.charging.ports import ChargingUnavailable, Grant, Settled
from cadran.units.store import DatabaseLost

MANY = ALONE + 2


@pytest.fixture
def told() -> threading.Event:
    return threading.Event()


@pytest.fixture
def pipeline(engine: Engine, told: threading.Event) -> Iterator[Pipeline]:
    found = Pipeline(engine, told.set)
    yield found
    found.close()


def authorise(engine: Engine, start: int, account: str = "acc1") -> list[tuple[str, Work]]:
    names = [f"s{number}" for number in range(start, start + MANY)]
    return [(name, partial(engine.do_authorise, call(name, account=account))) for name in names]


def held_back(engine: Engine, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> threading.Event:
    """The next commit waits for the event, and then fails where there is an error."""
    go, real = threading.Event(), engine.database.commit

    def commit() -> None:
        monkeypatch.setattr(engine.database, "commit", real)
        go.wait(10)
        if error is not None:
            engine.database.rows("SELECT 1")
            engine.database._back()  # type: ignore[attr-defined]
            raise error
        real()

    monkeypatch.setattr(engine.database, "commit", commit)
    return go


def test_a_request_alone_is_answered_at_once(engine: Engine, pipeline: Pipeline) -> None:
    open_account(engine, 1_000_000)
    ((name, grant),) = pipeline.add(authorise(engine, 0)[:1])
    assert name == "s0"
    assert isinstance(grant, Grant)


def test_nothing_is_answered_before_it_is_committed(
    engine: Engine, pipeline: Pipeline, told: threading.Event, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(engine, 1_000_000)
    go = held_back(engine, monkeypatch)
    assert pipeline.add(authorise(engine, 0)) == []
    assert pipeline.add(authorise(engine, MANY)) == []
    extensions = [
        (f"x{number}", partial(engine.do_extend, session=f"s{number}", seq=1, used_s=1, at=AT)) for number in (0, 9)
    ]
    assert pipeline.add(extensions) == []
    assert books.one("SELECT count(*) FROM charging_session") == 0
    go.set()
    answered: dict[object, object] = {}
    while len(answered) < 2 * MANY + 2:
        assert told.wait(10)
        told.clear()
        answered.update(pipeline.ready())
    assert all(isinstance(answer, Grant) and answer.decision.allowed for answer in answered.values())
    assert books.one("SELECT count(*) FROM charging_session") == 2 * MANY
    assert next(iter(answered)) == "s0"
    books.check()


def test_a_lost_commit_takes_back_what_was_built_upon_it_and_all_is_done_again(
    engine: Engine, pipeline: Pipeline, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(engine, 1_000_000)
    go = held_back(engine, monkeypatch, DatabaseLost("disk full"))
    pipeline.add(authorise(engine, 0))
    pipeline.add([("end", partial(engine.do_settle, ended("s0", 5)))])
    go.set()
    pipeline.drain()
    answered = dict(pipeline.ready())
    assert isinstance(answered["end"], Settled)
    assert books.balance() == (1_000_000 - 1_000, (MANY - 1) * 2_000)
    books.check()


def test_a_disk_that_stays_full_is_told_to_everybody(
    engine: Engine, pipeline: Pipeline, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(engine, 1_000_000)

    def full() -> None:
        engine.database._back()  # type: ignore[attr-defined]
        raise DatabaseLost("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(engine.database, "commit", full)
        answered = pipeline.add(authorise(engine, 0)) + pipeline.add(authorise(engine, MANY))
        pipeline.drain()
        answers = [answer for _, answer in answered + pipeline.ready()]
    assert len(answers) == 2 * MANY
    assert all(isinstance(answer, ChargingUnavailable) for answer in answers)
    assert engine.calls.open == {}
    assert books.balance() == (1_000_000, 0)


def test_a_row_refused_in_flight_refuses_its_request_alone(
    engine: Engine, pipeline: Pipeline, books: Books, file: Path
) -> None:
    for account in ("acc1", "acc2"):
        open_account(engine, 1_000_000, account=account)
    engine.authorise(call("warm"))
    with sqlite3.connect(file) as other:
        other.execute("UPDATE ledger_account SET balance_micros = held_micros + 500 WHERE owner = 'acc1'")
    entries = [*authorise(engine, 0, "acc2"), ("bad", partial(engine.do_authorise, call("bad")))]
    answered = dict(pipeline.add(entries))
    pipeline.drain()
    answered.update(pipeline.ready())
    assert answered.pop("bad").decision.code == "call-no-credit"  # type: ignore[attr-defined]
    assert all(isinstance(answer, Grant) and answer.decision.allowed for answer in answered.values())
    assert books.balance("acc2") == (1_000_000, MANY * 2_000)


def test_whoever_runs_the_engine_directly_waits_for_what_is_being_committed(
    engine: Engine, pipeline: Pipeline, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(engine, 1_000_000)
    go = held_back(engine, monkeypatch)
    pipeline.add(authorise(engine, 0))
    pipeline.add(authorise(engine, MANY))
    threading.Timer(0.05, go.set).start()
    assert engine.settle(ended(f"s{MANY}", 5)).charge_micros == 1_000
    assert len(pipeline.ready()) == 2 * MANY
    books.check()
