"""Two processes share one PostgreSQL database, each with accounts of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from charging_rig import AT, Books, call, ended, migrated, open_account, open_engine, service_process
from test_charging_postgresql import ServerBooks

from cadran.charging import shards
from cadran.charging.adapters import sharding
from cadran.charging.adapters.client import SocketCharging
from cadran.charging.engine import Engine, ShardsDiffer
from cadran.charging.ports import BuyCredit, ChargingRefused, ChargingUnavailable
from cadran.charging.shards import Shard
from cadran.commands.chaos.failure import ChaosFailed
from cadran.commands.chaos.postgresql import Postgresql
from cadran.ledger.rules import AccountDiffers, AccountRef
from cadran.units import postgresql

ZERO, ONE = "acc5", "acc1"
TERMS = "ippi/2018-04"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgresql]:
    made = Postgresql()
    try:
        made.found()
        migrated(made.address)
        assert sharding.is_fresh(made.address)
        assert sharding.raise_to(made.address, 2) == 1
        yield made
    except ChaosFailed as error:
        pytest.skip(error.message)
    finally:
        made.close()


@pytest.fixture
def address(server: Postgresql) -> str:
    """The database without a row of before."""
    with psycopg.connect(server.address, options="-c session_replication_role=replica") as connection:
        query = (
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('public', 'charging_1') AND tablename <> 'charging_sharding'"
        )
        for (table,) in connection.execute(query).fetchall():
            connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
    return server.address


@pytest.fixture
def pair(address: str) -> Iterator[tuple[Engine, Engine]]:
    found = [open_engine(address, shard=Shard(number, 2)) for number in (0, 1)]
    yield found[0], found[1]
    for one in found:
        one.close()


@pytest.fixture
def books(address: str) -> Books:
    return ServerBooks(path=Path(), address=address)


def reason(caught: pytest.ExceptionInfo[Any]) -> object:
    return caught.value.details["reason"]


def test_each_owns_its_accounts_alone_and_the_books_add_up_over_all(pair: tuple[Engine, Engine], books: Books) -> None:
    zero, one = pair
    for engine, account in ((zero, ZERO), (one, ONE)):
        open_account(engine, 1_000_000, account=account)
        engine.authorise(call(f"s-{account}", account=account))
        engine.extend(session=f"s-{account}", seq=1, used_s=5, at=AT)
        assert engine.settle(ended(f"s-{account}", 31)).charge_micros == 6_200
    for work in (
        lambda: zero.open_wallet(account=ONE, brand="ippi", currency="EUR", at=AT),
        lambda: zero.authorise(call("s9", account=ONE)),
        lambda: one.buy_credit(BuyCredit(key="p", account=ZERO, terms=TERMS, amount_micros=1, currency="EUR", at=AT)),
    ):
        with pytest.raises(ChargingRefused) as caught:
            work()
        assert reason(caught) == "shard-differs"
    books.check()
    assert books.one("SELECT count(*) FROM evidence_commitment") == 2
    assert books.one("SELECT count(*) FROM charging_1.evidence_commitment") == 2
    assert books.rows("SELECT position FROM charging_1.evidence_commitment ORDER BY 1") == [(1,), (2,)]
    assert (
        books.one("SELECT count(*) FROM ledger_account WHERE owner = 'house/ippi' AND name = 'revenue/calls/EUR'") == 1
    )


def test_a_session_of_another_shard_is_neither_taken_nor_touched(pair: tuple[Engine, Engine], books: Books) -> None:
    zero, one = pair
    open_account(zero, 1_000_000, account=ZERO)
    open_account(one, 1_000_000, account=ONE)
    zero.authorise(call("same", account=ZERO))
    with pytest.raises(ChargingRefused) as caught:
        one.authorise(call("same", account=ONE))
    assert reason(caught) == "key-reused"
    for work in (
        lambda: one.extend(session="same", seq=1, used_s=5, at=AT),
        lambda: one.settle(ended("same", 5)),
    ):
        with pytest.raises(ChargingRefused) as caught:
            work()
        assert reason(caught) == "session-unknown"
    assert one.heartbeat(used_s={"same": 5}) == ("same",)
    assert zero.settle(ended("same", 5)).charge_micros == 1_000
    books.check()


def test_one_session_asked_of_two_shards_at_once_is_one_account_s(pair: tuple[Engine, Engine], books: Books) -> None:
    """The one that commits second finds the key taken, though it saw nobody have it."""
    zero, one = pair
    open_account(zero, 1_000_000, account=ZERO)
    open_account(one, 1_000_000, account=ONE)
    for work, engine in ((call("same", account=ZERO), zero), (call("same", account=ONE), one)):
        engine.attempts([lambda work=work, engine=engine: engine.do_authorise(work)])
    zero._commit()
    with pytest.raises(postgresql.store.Conflict, match="charging_session_key"):
        one._commit()
    one.abandon()
    books.check()


def test_an_account_of_the_house_may_be_opened_by_two_at_once(pair: tuple[Engine, Engine], address: str) -> None:
    zero, one = pair
    open_account(zero, 1_000_000, account=ZERO)
    with psycopg.connect(address) as other, ThreadPoolExecutor(1) as pool:
        other.execute(
            "INSERT INTO ledger_account (owner, name, currency, opened_at) VALUES ('house/ippi', 'payments/sepa/EUR', 'EUR', now())"
        )
        one.open_wallet(account=ONE, brand="ippi", currency="EUR", at=AT)
        bought = BuyCredit(key="p", account=ONE, terms=TERMS, amount_micros=5, currency="EUR", at=AT, means="sepa")
        waits = pool.submit(one.buy_credit, bought)
        with pytest.raises(TimeoutError):
            waits.result(0.2)
        other.commit()
        assert waits.result(10).balance_micros == 5
    missing = AccountRef("house/ippi", "payments/cash/EUR")
    assert one.books.account(missing) is None
    with psycopg.connect(address, autocommit=True) as other:
        other.execute(
            "INSERT INTO ledger_account (owner, name, currency, opened_at) VALUES ('house/ippi', 'payments/cash/EUR', 'EUR', now())"
        )
    one.books.insert_account(missing, currency="EUR", floor_micros=None, at=AT)  # opened between the look and this
    with pytest.raises(AccountDiffers):
        one.books.insert_account(missing, currency="USD", floor_micros=None, at=AT)


def test_who_believes_in_another_number_of_shards_does_not_begin_and_it_never_falls(address: str) -> None:
    for shard in (Shard(0, 1), Shard(2, 3)):
        with pytest.raises(ShardsDiffer, match="shared by 2"):
            open_engine(address, shard=shard)
    owner = open_engine(address, shard=Shard(1, 2))
    with pytest.raises(sharding.ShardsNotRaised, match="shard 1 lives"):
        sharding.raise_to(address, 3)
    owner.close()
    for number in (1, 17):
        with pytest.raises(sharding.ShardsNotRaised, match="from 2 to 16"):
            sharding.raise_to(address, number)
    assert sharding.raise_to(address, 2) == sharding.count(address) == 2


def test_expiry_goes_past_what_belongs_to_others(pair: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    """More of the others' buckets are due than are read at once."""
    monkeypatch.setattr("cadran.balance.operations.EXPIRY_BATCH", 2)
    zero, one = pair
    names = [f"acc{n}" for n in range(12)]
    for name in names:
        open_account((zero, one)[shards.of(name, 2)], 10, account=name)
    later = AT.replace(year=2027)
    assert one.expire_credit(at=later) == sum(shards.of(name, 2) == 1 for name in names) > 2
    assert zero.expire_credit(at=later) == sum(shards.of(name, 2) == 0 for name in names) > 2


def test_a_reader_misses_nothing_that_is_committed_late(server: Postgresql) -> None:
    """The first number drawn is committed last: until then the second one is not read either."""
    announce = postgresql._ANNOUNCE.format(base=postgresql._ANNOUNCED, sequence="followed_position_seq")
    insert = "INSERT INTO followed (word) VALUES (%s) RETURNING position"
    with psycopg.connect(server.address, autocommit=True) as reader:
        reader.execute("CREATE TABLE followed (position bigint GENERATED BY DEFAULT AS IDENTITY, word text)")
        assert postgresql.settled(reader.execute, "followed") == 0
        with psycopg.connect(server.address) as slow, psycopg.connect(server.address) as quick:
            slow.execute(announce)  # type: ignore[arg-type]
            assert slow.execute(insert, ("slow",)).fetchone() == (1,)
            quick.execute(announce)  # type: ignore[arg-type]
            assert quick.execute(insert, ("quick",)).fetchone() == (2,)
            quick.commit()
            assert reader.execute("SELECT max(position) FROM followed").fetchone() == (2,)
            assert postgresql.settled(reader.execute, "followed") == 0
            slow.commit()
            assert postgresql.settled(reader.execute, "followed") == 2
            slow.execute(announce)  # type: ignore[arg-type]
            slow.execute(insert, ("given up",))
            slow.rollback()
            assert postgresql.settled(reader.execute, "followed") == 3
        reader.execute("DROP TABLE followed")


@pytest.mark.stack
def test_a_shard_that_dies_stops_its_accounts_only_and_a_server_that_dies_stops_nobody_for_good(
    server: Postgresql, address: str, books: Books, tmp_path: Path
) -> None:
    sockets = [tmp_path / f"{number}.sock" for number in (0, 1)]
    with (
        service_process(address, sockets[0], SHARD="0/2") as zero,
        service_process(address, sockets[1], SHARD="1/2") as one,
    ):
        zero.start()
        one.start()
        client = SocketCharging(sockets, timeout_s=1.5)
        for account in (ZERO, ONE):
            open_account(client, 1_000_000, account=account)
            client.authorise(call(f"s-{account}", account=account))
        one.kill()
        assert client.extend(session=f"s-{ZERO}", seq=1, used_s=5, at=AT).granted_s == 40
        beat = {f"s-{ZERO}": 6, f"s-{ONE}": 6}
        for work in (
            client.ping,
            lambda: client.heartbeat(used_s=beat),
            lambda: client.extend(session=f"s-{ONE}", seq=1, used_s=5, at=AT),
        ):
            with pytest.raises(ChargingUnavailable):
                work()
        one.start()
        after = SocketCharging(sockets, timeout_s=1.5)  # knows no session
        assert after.settle(ended(f"s-{ONE}", 5)).charge_micros == 1_000
        assert after.settle(ended(f"s-{ZERO}", 31)).charge_micros == 6_200

        processes = [zero.process, one.process]
        server.kill()
        began = time.monotonic()
        with pytest.raises(ChargingUnavailable, match="did not take"):
            client.authorise(call("s3", account=ZERO))
        with pytest.raises(ChargingUnavailable, match="did not take"):
            client.authorise(call("s4", account=ONE))
        assert time.monotonic() - began < 1.5, "it is refused at once"
        server.start()
        until = time.monotonic() + 15
        for session, account in (("s3", ZERO), ("s4", ONE)):
            while True:
                try:
                    assert client.authorise(call(session, account=account)).decision.allowed
                except ChargingUnavailable:
                    assert time.monotonic() < until
                    time.sleep(0.02)
                else:
                    break
            client.settle(ended(session, 5))
        assert [process is not None and process.poll() for process in processes] == [None, None]
        client.close()
        assert [zero.terminate(), one.terminate()] == [0, 0]
    books.check()
