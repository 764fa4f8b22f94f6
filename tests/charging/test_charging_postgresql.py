"""The contract of charging once more, on a PostgreSQL server: the same tests on another database."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from charging_rig import AT, Books, StepClock, call, ended, migrated, open_account, open_engine
from test_charging_batches import (  # noqa: F401 - collected here as well
    test_a_batch_that_is_lost_is_answered_unavailable_and_can_be_repeated,
    test_a_request_that_fails_half_way_leaves_nothing_behind,
    test_entries_of_evidence_are_numbered_without_a_gap,
    test_repeats_within_one_batch_are_answered_alike,
)
from test_charging_contract import *  # noqa: F403
from test_charging_corrections import *  # noqa: F403
from test_charging_events import *  # noqa: F403
from test_charging_gifts import *  # noqa: F403
from test_charging_lines import (  # noqa: F401
    test_an_account_without_credit_calls_down_to_its_floor_and_not_one_micro_further,
    test_another_limit_takes_the_debt_over_and_the_old_line_pays_nothing_more,
    test_credit_is_used_first_and_the_line_pays_the_rest_of_the_same_call,
)
from test_charging_withdrawals import *  # noqa: F403

import postgres
from cadran.charging.engine import Engine, FileTaken, NotMigrated
from cadran.charging.ports import Charging, ChargingRefused, ChargingUnavailable, Grant, Settled
from cadran.units.postgresql import PostgresDatabase
from cadran.units.store import DatabaseLost, Insert, Taken, Unit

del test_the_customer_sees_the_event_and_is_told_why  # noqa: F821 - reads through Django: see the reads


@dataclass(slots=True)
class ServerBooks(Books):
    """Reads the server beside the engine."""

    address: str = ""

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.address, autocommit=True, options="-c timezone=UTC") as connection:
            return connection.execute(query.replace("%", "%%").replace("?", "%s"), values).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgres.server(fsync="off", shared_buffers="32MB") as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE DATABASE model")
        migrated(address.replace("/postgres?", "/model?"))
        yield address


@pytest.fixture
def address(server: str) -> str:
    return postgres.emptied(server.replace("/postgres?", "/model?"))


@pytest.fixture
def books(address: str) -> Books:
    return ServerBooks(path=Path(), address=address)


@pytest.fixture
def engine(address: str, clock: StepClock) -> Iterator[Engine]:
    engine = open_engine(address, clock)
    yield engine
    engine.close()


@pytest.fixture
def charging(engine: Engine) -> Charging:
    return engine


def test_a_database_has_one_owner(engine: Engine, address: str) -> None:
    with pytest.raises(FileTaken):
        open_engine(address)
    engine.close()
    open_engine(address).close()


def test_a_database_without_tables_says_what_to_do(server: str) -> None:
    with pytest.raises(NotMigrated, match="cadran migrate"):
        open_engine(server)


def test_what_was_acknowledged_is_there_after_a_restart(engine: Engine, address: str, books: Books) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    engine.extend(session="s1", seq=1, used_s=5, at=AT)
    engine.close()
    again = open_engine(address)
    assert again.extend(session="s1", seq=1, used_s=5, at=AT).granted_s == 40
    assert again.settle(ended("s1", 31)).charge_micros == 6_200
    books.check()
    again.close()


def test_a_server_that_drops_its_connections_loses_nothing(engine: Engine, server: str, books: Books) -> None:
    """Both connections are cut: one request is answered 'unavailable' at most, and its key works again."""
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    with psycopg.connect(server, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cadran charging'"
        )
    for _ in range(3):
        try:
            grant = engine.authorise(call("s2"))
        except ChargingUnavailable:
            continue
        break
    assert isinstance(grant, Grant)
    assert grant.decision.allowed
    assert engine.settle(ended("s1", 5)).charge_micros == 1_000
    books.check()


def test_texts_are_kept_letter_by_letter_and_a_bad_request_spoils_no_batch(engine: Engine, books: Books) -> None:
    open_account(engine, 1_000_000)
    odd = ['a"b', "c\\d", "{NULL}", "NULL", "", "é, 'x'", '\\"', "☎"]
    works = [partial(engine.do_authorise, call(f"s{n}", caller=text)) for n, text in enumerate(odd)]
    works += [partial(engine.do_authorise, call(bad)) for bad in ("nul\0", "\ud800", "", "x" * 200)]
    works.append(partial(engine.do_authorise, call("s0", caller=odd[0])))
    answers = engine.run(works)
    assert [type(answer) for answer in answers] == [Grant] * 8 + [ChargingRefused] * 4 + [Grant]
    assert answers[-1] == answers[0]
    over = [partial(engine.do_settle, ended(f"s{n}", 1, carrier=text)) for n, text in enumerate(odd)]
    for answer, text in zip(engine.run(over), odd, strict=True):
        assert isinstance(answer, Settled)
        record = engine.sessions.record("acc1", answer.cdr_id)
        assert record is not None
        assert (record.caller, record.carrier) == (text, text)
    again = engine.run(works[:8])
    assert again == answers[:8]
    books.check()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_transfer SET amount_micros = 1",
        "DELETE FROM ledger_transfer",
        "TRUNCATE ledger_transfer",
        "UPDATE ledger_posting SET amount_micros = 1",
        "DELETE FROM ledger_posting",
        "DELETE FROM ledger_account",
        "UPDATE ledger_account SET floor_micros = -1000",
        "UPDATE ledger_account SET balance_micros = -1 WHERE floor_micros IS NOT NULL",
        "INSERT INTO ledger_posting SELECT owner, 'made-up', leg, account_owner, account_name, currency, 5 FROM ledger_posting"
        " LIMIT 1",
        "INSERT INTO ledger_transfer SELECT owner, 'x', kind, reservation, debit_owner, debit_name, credit_owner, credit_name, 'USD',"
        " amount_micros, released_micros, at, reason FROM ledger_transfer WHERE kind = 'posted' LIMIT 1",
        "INSERT INTO ledger_transfer SELECT owner, 'x', 'void', reservation, debit_owner, debit_name, credit_owner, credit_name,"
        " currency, 0, amount_micros + 1, at, reason FROM ledger_transfer WHERE kind = 'pending' LIMIT 1",
        "UPDATE charging_cdr SET charge_micros = 0",
        "DELETE FROM charging_cdr",
        "DELETE FROM charging_extension",
        "UPDATE balance_bucket SET bought_micros = 5",
        "DELETE FROM balance_bucket",
        "UPDATE evidence_commitment SET kind = 'other'",
        "DELETE FROM evidence_commitment",
        "UPDATE evidence_body SET ref = 'other'",
    ],
)
def test_the_database_refuses_to_alter_the_books(engine: Engine, address: str, statement: str) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    engine.authorise(call("s2"))
    engine.extend(session="s1", seq=1, used_s=5, at=AT)
    engine.settle(ended("s1", 31))
    with psycopg.connect(address) as other, pytest.raises(psycopg.errors.IntegrityError):
        other.execute(statement)  # type: ignore[arg-type]


def test_who_takes_over_reads_nothing_before_the_last_transaction_of_a_dead_owner_has_ended(address: str) -> None:
    """The server is still at a unit when both connections of its client go; the next owner waits, and sees what became of it."""
    columns = ("owner", "brand", "currency", "opened_at")
    wallets = Insert("balance_wallet", columns, ("text", "text", "text", "timestamptz"))
    unit = Unit(added={wallets: [("late", "ippi", "EUR", AT)]})
    count = "SELECT count(*) FROM balance_wallet WHERE owner = 'late'"
    dead = PostgresDatabase(address)
    dead.rows(count)
    with psycopg.connect(address) as other, ThreadPoolExecutor(2) as pool:
        other.execute("INSERT INTO balance_wallet VALUES ('late', 'ippi', 'EUR', %s)", (AT,))  # the unit waits for it
        last = pool.submit(dead.write, unit, (wallets,))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with psycopg.connect(address, autocommit=True) as watching:
            while watching.execute(waiting).fetchone() == (0,):
                pass
        assert dead._writer is not None
        for connection in (dead._reader, dead._writer):
            with socket.socket(fileno=os.dup(connection.fileno())) as cable:
                cable.shutdown(socket.SHUT_RDWR)
        after = pool.submit(_taken_over, address, count)
        with pytest.raises(TimeoutError):
            after.result(0.3)
        other.rollback()
        seen = after.result(20)
        with pytest.raises(DatabaseLost):
            last.result(20)
    with psycopg.connect(address) as later:
        assert later.execute(count).fetchone() == (seen,)


def _taken_over(address: str, statement: str) -> int:
    until = time.monotonic() + 10
    while True:
        try:
            found = PostgresDatabase(address)
        except Taken:
            assert time.monotonic() < until
        else:
            try:
                return int(found.rows(statement)[0][0])
            finally:
                found.close()
