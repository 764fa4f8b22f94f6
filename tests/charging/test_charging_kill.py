"""kill -9 of the charging process at each stage, as a real process: nothing acknowledged is lost, nothing is charged twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from charging_rig import AT, STEPPED, Books, ServiceProcess, call, ended, open_account, service_process

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.ports import ChargingUnavailable, Grant


@pytest.fixture
def service(file: Path) -> Iterator[ServiceProcess]:
    with service_process(file) as found:
        yield found


@pytest.mark.clause("IPP-9.2-cut-at-zero", "IPP-10.1-cdr")
@pytest.mark.parametrize("when", ["DIE_BEFORE", "DIE_AFTER"])
@pytest.mark.parametrize("operation", ["open_wallet", "buy_credit", "authorise", "extend", "settle"])
def test_a_process_killed_around_a_commit_neither_loses_nor_repeats_anything(
    service: ServiceProcess, books: Books, operation: str, when: str
) -> None:
    """The client goes through a call; the process dies once on the way, before or just after a commit, and is started again."""
    client = service.start(**{when: f"{operation}:1"})
    revived = threading.Thread(target=_revive, args=(service,))
    revived.start()
    patient = _Patient(client)
    patient.do(lambda: open_account(client, 1_000_000))
    grant = patient.do(lambda: client.authorise(call("s1")))
    more = patient.do(lambda: client.extend(session="s1", seq=1, used_s=5, at=AT))
    settled = patient.do(lambda: client.settle(ended("s1", 31)))
    revived.join(60)
    assert isinstance(grant, Grant)
    assert isinstance(more, Grant)
    assert (grant.granted_s, more.granted_s) == (10, 40)
    assert settled == client.settle(ended("s1", 999))
    assert books.balance() == (1_000_000 - 6_200, 0)
    assert books.one("SELECT count(*) FROM charging_cdr") == 1
    books.check()
    assert service.terminate() == 0


def test_calls_in_progress_outlive_the_process(service: ServiceProcess, books: Books) -> None:
    client = service.start()
    open_account(client, 1_000_000)
    client.authorise(call("s1"))
    service.kill()
    with pytest.raises(ChargingUnavailable):
        client.extend(session="s1", seq=1, used_s=5, at=AT)
    client = service.start()
    assert client.heartbeat(used_s={"s1": 7, "never": 7}) == ("never",)
    assert client.extend(session="s1", seq=1, used_s=8, at=AT).granted_s == 40
    assert client.settle(ended("s1", 20)).charge_micros == 4_000
    books.check()


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_thirty_simultaneous_calls_on_one_euro_while_the_process_is_killed(
    service: ServiceProcess, books: Books
) -> None:
    """Thirty threads ask at once; the process is killed after a batch. A first grant is 110,000 micros: nine calls on a euro."""
    client = service.start(DIE_AFTER="authorise:1")
    open_account(client, 1_000_000)
    revived = threading.Thread(target=_revive, args=(service,))
    revived.start()
    barrier = threading.Barrier(30)

    def ask(number: int) -> bool:
        barrier.wait()
        grant = _Patient(client).do(lambda: client.authorise(call(f"s{number}", destination=STEPPED)))
        assert isinstance(grant, Grant)
        return grant.decision.allowed

    with ThreadPoolExecutor(30) as pool:
        allowed = list(pool.map(ask, range(30)))
    revived.join(60)
    assert sum(allowed) == 9
    assert books.balance() == (1_000_000, 990_000)
    books.check()


def test_a_process_told_to_end_answers_what_it_has_read(service: ServiceProcess, books: Books) -> None:
    client = service.start()
    open_account(client, 1_000_000)
    answers: list[Grant] = []
    stop = threading.Event()

    def ask(thread: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                answers.append(client.authorise(call(f"t{thread}.{number}")))
            except ChargingUnavailable:
                return

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    while len(answers) < 50:
        stop.wait(0.005)
    assert service.terminate() == 0
    stop.set()
    for thread in threads:
        thread.join(60)
    granted = sum(answer.decision.allowed for answer in answers)
    assert books.one("SELECT count(*) FROM charging_session WHERE state = 'open'") >= granted
    assert not service.socket.exists()
    books.check()


class _Patient:
    """Sends the same request until it is answered, as the SIP process does."""

    def __init__(self, client: SocketCharging) -> None:
        self.client = client

    def do(self, work: object) -> object:
        assert callable(work)
        for _ in range(30):
            try:
                return work()
            except ChargingUnavailable:
                threading.Event().wait(0.2)
        raise AssertionError("charging did not come back")


def _revive(service: ServiceProcess) -> None:
    assert service.process is not None
    service.process.wait(60)
    service.start(DIE_AFTER="", DIE_BEFORE="")
