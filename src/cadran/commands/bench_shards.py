"""Two processes of charging on one PostgreSQL database beside one: whole calls through the engine, in batches, without a socket."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from cadran.charging import shards
from cadran.charging.engine import Engine
from cadran.charging.ports import AuthoriseCall, BuyCredit, SettleCall

BATCH = 64
_FORK = multiprocessing.get_context("fork")
Open = Callable[[shards.Shard], Engine]


def rate(open_engine: Open, count: int, seconds: float, accounts: int, *, at: datetime, terms: str) -> float:
    """Operations a second of so many processes together, each with accounts of its own."""
    lines, children = list[Connection](), list[Any]()
    for number in range(count):
        ours, theirs = _FORK.Pipe()
        shard = shards.Shard(number, count)
        child = _FORK.Process(target=_run, args=(open_engine, shard, seconds, accounts // count, at, terms, theirs))
        child.start()
        lines.append(ours)
        children.append(child)
    try:
        for line in lines:
            _heard(line)
        for line in lines:
            line.send("go")
        return sum(float(_heard(line)) for line in lines)
    finally:
        for child in children:
            child.join(10)
            if child.is_alive():
                child.kill()
                child.join()


def _heard(line: Connection) -> Any:
    if not line.poll(90):
        raise TimeoutError("a process of charging did not answer")
    return line.recv()


def _run(
    open_engine: Open, shard: shards.Shard, seconds: float, accounts: int, at: datetime, terms: str, told: Connection
) -> None:
    engine = open_engine(shard)
    names = [name for name in (f"acc{n}" for n in range(accounts * shard.count * 3)) if shard.owns(name)][:accounts]
    for name in names:
        engine.open_wallet(account=name, brand="ippi", currency="EUR", at=at)
        engine.buy_credit(BuyCredit(key="p", account=name, terms=terms, amount_micros=10**15, currency="EUR", at=at))
    told.send("ready")
    told.recv()
    turn = 0
    _turn(engine, f"w{shard.number}.{shard.count}", names, turn, at, terms)
    start = time.perf_counter()
    done = 0
    while (took := time.perf_counter() - start) < seconds:
        turn += 1
        done += _turn(engine, f"b{shard.number}.{shard.count}", names, turn, at, terms)
    told.send(done / took)
    engine.close()


def _turn(engine: Engine, run: str, names: list[str], turn: int, at: datetime, terms: str) -> int:
    """A batch of calls that are authorised, then extended, then settled; returns how many operations that was."""
    sessions = [f"{run}.{turn}.{n}" for n in range(BATCH)]
    now = at + timedelta(seconds=3600 + turn)
    calls = [
        AuthoriseCall(
            session=session,
            account=names[(turn * BATCH + n) % len(names)],
            terms=terms,
            number_class="geographic",
            destination="33142000001",
            at=now,
        )
        for n, session in enumerate(sessions)
    ]
    over = [
        SettleCall(session=session, at=now + timedelta(seconds=40), answered_at=now, measured_ms=30_500)
        for session in sessions
    ]
    answers = engine.run([partial(engine.do_authorise, one) for one in calls])
    answers += engine.run([partial(engine.do_extend, session=one, seq=1, used_s=5, at=now) for one in sessions])
    answers += engine.run([partial(engine.do_settle, one) for one in over])
    if failed := [answer for answer in answers if isinstance(answer, Exception)]:
        raise failed[0]
    return len(answers)
