"""The service and its clients: leases, a full queue, reconnection, several threads, the socket's rights."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from charging_rig import AT, STEPPED, Books, StepClock, call, ended, fresh_file, open_account, open_engine, unanswered

from cadran.charging.adapters.client import AsyncCharging, SocketCharging
from cadran.charging.engine import Engine, FileTaken, NotMigrated
from cadran.charging.ports import ChargingRefused, ChargingUnavailable
from cadran.charging.service import Service, SocketTaken
from cadran.units.clock import SystemClock
from cadran.units.store import DatabaseLost, Unit


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_thirty_threads_on_one_euro_through_the_socket(client: SocketCharging, books: Books) -> None:
    open_account(client, 1_000_000)
    barrier = threading.Barrier(30)

    def ask(number: int) -> bool:
        barrier.wait()
        return client.authorise(call(f"s{number}", destination=STEPPED)).decision.allowed

    with ThreadPoolExecutor(30) as pool:
        assert sum(pool.map(ask, range(30))) == 9
    assert books.balance() == (1_000_000, 990_000)
    books.check()


def test_many_requests_at_once_over_one_connection(served: Path, books: Books) -> None:
    async def lives() -> None:
        charging = AsyncCharging(served)
        await charging.open_wallet(account="acc1", brand="ippi", currency="EUR", at=AT)
        await charging.ping()
        open_account(client, 1_000_000)
        grants = await asyncio.gather(*(charging.authorise(call(f"s{number}")) for number in range(100)))
        assert all(grant.decision.allowed for grant in grants)
        more = await asyncio.gather(
            *(charging.extend(session=f"s{number}", seq=1, used_s=3, at=AT) for number in range(100))
        )
        assert {grant.granted_s for grant in more} == {40}
        assert await charging.heartbeat(used_s={"s1": 3, "never": 3}) == ("never",)
        await asyncio.gather(*(charging.settle(ended(f"s{number}", 31)) for number in range(100)))
        with pytest.raises(ChargingRefused):
            await charging.settle(ended("never", 1))
        assert await charging.expire_credit(at=AT) == 0
        assert await charging.erase_evidence(holder=10**6) == 0
        assert await charging.reload_decks() == 0
        await charging.close()

    with contextlib.closing(SocketCharging(served)) as client:
        asyncio.run(lives())
    assert books.balance() == (1_000_000 - 100 * 6_200, 0)
    books.check()


@pytest.mark.clause("IPP-10.1-cdr")
def test_a_call_of_which_nothing_is_heard_is_settled_at_its_last_report(
    engine: Engine, clock: StepClock, books: Books
) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    engine.extend(session="s1", seq=1, used_s=8, at=AT)
    engine.heartbeat(used_s={"s1": 12})
    clock.at_s += 59.9
    assert engine.expire_leases(at=AT) == 0
    clock.at_s += 0.2
    assert engine.expire_leases(at=AT) == 1
    assert engine.expire_leases(at=AT) == 0
    late = engine.settle(ended("s1", 39))
    assert (late.charged_s, late.charge_micros) == (12, 2_400)
    assert engine.heartbeat(used_s={"s1": 40}) == ("s1",)
    assert books.rows("SELECT ended_by, disposition FROM charging_cdr") == [("restart", "answered")]
    assert books.balance() == (1_000_000 - 2_400, 0)
    books.check()


def test_a_call_that_rings_has_three_leases_and_then_costs_nothing(
    engine: Engine, clock: StepClock, books: Books
) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    clock.at_s += 179
    assert engine.expire_leases(at=AT) == 0
    clock.at_s += 2
    assert engine.expire_leases(at=AT) == 1
    assert engine.settle(ended("s1", 39)).charge_micros == 0
    assert books.rows("SELECT kind FROM ledger_transfer WHERE reservation = 's1'") == [("pending",), ("expire",)]
    assert books.balance() == (1_000_000, 0)


def test_a_heartbeat_renews_the_lease_even_without_news(engine: Engine, clock: StepClock) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    for _ in range(10):
        engine.heartbeat(used_s={"s1": 5})
        clock.at_s += 50
        assert engine.expire_leases(at=AT) == 0


def test_after_a_restart_every_open_call_has_a_fresh_lease(file: Path, clock: StepClock) -> None:
    engine = open_engine(file, clock)
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    engine.heartbeat(used_s={"s1": 5})
    clock.at_s += 1_000_000
    engine.close()
    engine = open_engine(file, clock)
    assert engine.expire_leases(at=AT) == 0
    clock.at_s += 61
    assert engine.expire_leases(at=AT) == 1
    engine.close()


def test_a_full_queue_turns_requests_away_and_the_client_tries_again(file: Path, tmp_path: Path) -> None:
    engine = open_engine(file)
    service = Service(engine, tmp_path / "s", civil=SystemClock(), max_queue=4)
    thread = threading.Thread(target=service.serve, daemon=True)
    thread.start()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(tmp_path / "s"))
        connection.sendall(b"".join(b'{"id": %d, "op": "ping"}\n' % number for number in range(10)))
        lines = connection.makefile("rb")
        answers = [json.loads(lines.readline()) for _ in range(10)]
    busy = [answer for answer in answers if "error" in answer]
    assert 0 < len(busy) <= 6
    assert {(answer["error"]["error_id"], answer["error"]["reason"]) for answer in busy} == {
        ("charging-unavailable", "busy")
    }

    async def all_pass() -> None:
        charging = AsyncCharging(tmp_path / "s")
        await asyncio.gather(*(charging.ping() for _ in range(12)))
        await charging.close()

    asyncio.run(all_pass())
    service.stop()
    thread.join(10)
    engine.close()


def test_the_socket_belongs_to_its_owner_alone_and_is_not_taken_twice(served: Path, engine: Engine) -> None:
    assert stat.S_IMODE(served.stat().st_mode) == 0o600
    with pytest.raises(SocketTaken):
        Service(engine, served, civil=SystemClock())


def test_a_socket_left_by_a_dead_process_is_replaced(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "left"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    service = Service(engine, path, civil=SystemClock())
    thread = threading.Thread(target=service.serve, daemon=True)
    thread.start()
    SocketCharging(path).ping()
    service.stop()
    thread.join(10)
    assert not path.exists()


def test_one_owner_at_a_time(file: Path, engine: Engine) -> None:
    with pytest.raises(FileTaken):
        open_engine(file)


def test_a_file_without_tables_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotMigrated):
        open_engine(tmp_path / "empty.db")
    fresh_file(tmp_path / "empty.db")
    open_engine(tmp_path / "empty.db").close()


def test_without_a_service_the_clients_say_so(tmp_path: Path) -> None:
    with pytest.raises(ChargingUnavailable, match="cadran charging"):
        SocketCharging(tmp_path / "none", timeout_s=0.1).ping()

    async def ask() -> None:
        await AsyncCharging(tmp_path / "none", timeout_s=0.1).ping()

    with pytest.raises(ChargingUnavailable, match="cadran charging"):
        asyncio.run(ask())


def test_a_commit_that_fails_answers_nothing_as_done(engine: Engine, books: Books) -> None:
    """The disk refuses the commit: every answer of the batch is 'unavailable', memory goes back, and the same key works later."""
    open_account(engine, 1_000_000)
    real = engine._write

    def failing(unit: Unit) -> None:
        raise DatabaseLost("disk full")

    engine._write = failing  # type: ignore[method-assign]
    with pytest.raises(ChargingUnavailable):
        engine.authorise(call("s1"))
    with pytest.raises(ChargingUnavailable):
        open_account(engine, 5_000_000, key="p2")
    engine._write = real  # type: ignore[method-assign]
    assert books.balance() == (1_000_000, 0)
    assert engine.authorise(call("s1")).decision.allowed
    assert books.balance() == (1_000_000, 2_000)
    engine.settle(unanswered("s1"))
    books.check()
