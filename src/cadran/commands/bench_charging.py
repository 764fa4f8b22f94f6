"""Charging, durable: authorise, extend, settle through the socket, beside a service that only syncs a log of the same records."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, cast

import click
import msgspec
import psycopg
from django.core.management import call_command
from django.db import connections

from cadran.charging import needs, shards
from cadran.charging.adapters import sharding
from cadran.charging.adapters.client import AsyncCharging, SocketCharging
from cadran.charging.engine import Engine, Work
from cadran.charging.ports import AuthoriseCall, BuyCredit, Grant, SettleCall, Settled
from cadran.charging.service import Service, stop_on_signals
from cadran.commands import bench_shards
from cadran.commands.benchmarks import Result
from cadran.commands.chaos.failure import ChaosFailed
from cadran.commands.chaos.postgresql import Postgresql
from cadran.policy import queries as policy
from cadran.policy.rules import Decision
from cadran.rating import decks
from cadran.rating.rules import Rate
from cadran.units.clock import SystemClock
from cadran.units.postgresql_reads import address as addresses
from cadran.units.postgresql_reads.base import DatabaseWrapper

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = "ippi/2018-04"
CLIENTS = 64
ACCOUNTS = 1000
QUICK_ACCOUNTS = 100
RECORD_BYTES = 4096
MEMORY_MB = 300
RATES = (Rate(prefix="33", destination="France", currency="EUR", price_nanos=12_000_000, deck="bench"),)


def measure(seconds: float) -> list[Result]:
    """All figures of the group; `seconds` for each measurement."""
    accounts = ACCOUNTS if seconds >= 1 else QUICK_ACCOUNTS
    with tempfile.TemporaryDirectory(prefix="cadran-bench-") as name:
        folder = Path(name)
        with _serving(folder / "many", _engine) as many:
            _fill(many.socket, accounts)
            ours = _lives(many.socket, seconds, CLIENTS, accounts)
            one = _lives(many.socket, seconds, 1, accounts)
            hot = _lives(many.socket, seconds, CLIENTS, 1)
        with _serving(folder / "log", _log) as log:
            ceiling = _lives(log.socket, seconds, CLIENTS, accounts)
        with _serving(folder / "loose", _loose_engine) as loose:
            _fill(loose.socket, accounts)
            not_durable = _lives(loose.socket, seconds, CLIENTS, accounts)
        sync_ms = _fdatasync(folder, seconds)
        faults = _faults(many.file)
        server, shared, server_faults = _on_postgresql(folder, seconds, accounts)
    postgresql = [] if server is None else [_speed("postgresql_vs_synced_log", server, "synced log", ceiling, 0.15)]
    postgresql += shared
    return [
        _speed("sqlite_vs_synced_log", ours, "synced log", ceiling, 0.20),
        *postgresql,
        _speed("hot_account_vs_many", hot, "many accounts", ours, 0.9),
        _speed("durable_vs_not", ours, "not synced", not_durable, 0.9),
        Result(
            name="p50_vs_fdatasync",
            value=one.p50_ms,
            unit="ms",
            beside="one fdatasync",
            yardstick=sync_ms,
            goal=2.5,
            at_most=True,
        ),
        _alone("memory_mb", round(many.peak_kb.value / 1024, 1), "MB at most in memory", MEMORY_MB),
        _alone("overdrafts_and_faults", faults + server_faults, "rows", 0),
    ]


def _speed(name: str, ours: _Lives, beside: str, yardstick: _Lives, goal: float) -> Result:
    """Operations a second beside another's."""
    return Result(name=name, value=ours.rate, unit="operations/s", beside=beside, yardstick=yardstick.rate, goal=goal)


def _alone(name: str, value: float, unit: str, most: float) -> Result:
    """A figure that stands beside nothing, and is at most so much."""
    return Result(name=name, value=value, unit=unit, beside="", yardstick=None, goal=most, at_most=True)


@dataclass(frozen=True, slots=True)
class _Lives:
    """What a load achieved: operations a second, and the median time of one in milliseconds."""

    rate: float
    p50_ms: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a service answers, its database, and the most memory that it ever had, told when it ends."""

    socket: Path
    file: Path | str
    peak_kb: Any


class _Log(Engine):
    """The yardstick: the same socket, the same requests and answers, but all it does is append them to a file and sync it."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._encode = msgspec.json.Encoder().encode
        decision = Decision(True, "IPP-10.1-per-second", TERMS, "call-charged", "Appel facturé.", "Call charged.")
        self._grant = Grant(session="s", decision=decision, granted_s=40, limit_s=3600)
        self._settled = Settled(session="s", cdr_id="c", charged_s=31, charge_micros=6200, currency="EUR", cut=False)
        self._records: list[bytes] = []
        self.calls = cast("object", _NoCalls())  # type: ignore[assignment]
        self.lock = RLock()
        self.before_run = None
        self._away = None

    def alone(self, work: Work) -> bool:
        return True

    def run(self, batch: Sequence[Work]) -> list[object]:
        answers = [work() for work in batch]
        os.write(self._handle, b"".join(self._records))
        os.fdatasync(self._handle)
        self._records.clear()
        return answers

    def do_authorise(self, request: AuthoriseCall) -> Grant:
        self._records.append(self._encode(request))
        return self._grant

    def do_extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        self._records.append(self._encode((session, seq, used_s, at)))
        return self._grant

    def do_settle(self, request: SettleCall) -> Settled:
        self._records.append(self._encode(request))
        return self._settled

    def expire_leases(self, *, at: datetime) -> int:
        return 0

    def close(self) -> None:
        os.close(self._handle)


class _NoCalls:
    open: dict[str, object] = {}


def _engine(file: Path, synchronous: str = "FULL") -> Engine:
    contracts = needs.FixedContracts({TERMS: policy.terms(TERMS)})
    return Engine(file, contracts=contracts, prices=needs.FixedPrices(decks.of_rates(RATES)), synchronous=synchronous)


def _loose_engine(file: Path) -> Engine:
    return _engine(file, "OFF")


def _log(file: Path) -> Engine:
    return _Log(file)


@contextlib.contextmanager
def _serving(folder: Path, make: Callable[[Any], Engine], address: str = "") -> Iterator[_Place]:
    """A service in a process of its own, on a fresh database: a file of the folder, or an empty one of a server."""
    folder.mkdir()
    peak = multiprocessing.get_context("fork").Value("q", 0)
    place = _Place(folder / "s", address or folder / "charging.db", peak)
    _migrate(place.file)
    child = multiprocessing.get_context("fork").Process(target=_serve, args=(place, make))
    child.start()
    try:
        _wait(place.socket)
        yield place
    finally:
        child.terminate()
        child.join(10)
        if child.is_alive():
            child.kill()
            child.join()


def _serve(place: _Place, make: Callable[[Any], Engine]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    engine = make(place.file)
    service = Service(engine, place.socket, civil=SystemClock())
    stop_on_signals(service)
    service.serve()
    engine.close()
    place.peak_kb.value = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _migrate(place: Path | str) -> None:
    """Make the tables there by pointing the alias at it for a moment."""
    alias = connections["charging"]
    if isinstance(place, str):
        connections["charging"] = DatabaseWrapper({**alias.settings_dict, **addresses.read(place)}, "charging")
        try:
            call_command("migrate", database="charging", verbosity=0)
        finally:
            connections["charging"].close()
            connections["charging"] = alias
        return
    kept = alias.settings_dict["NAME"]
    alias.close()
    alias.settings_dict["NAME"] = str(place)
    try:
        call_command("migrate", database="charging", verbosity=0)
    finally:
        alias.close()
        alias.settings_dict["NAME"] = kept


def _on_postgresql(folder: Path, seconds: float, accounts: int) -> tuple[_Lives | None, list[Result], int]:
    """The same load on a server of its own, two shards beside one there, and what is wrong in its books; None where no server can be
    started, which is said."""
    server = Postgresql()
    try:
        server.found()
        with _serving(folder / "server", _engine, server.address) as place:
            _fill(place.socket, accounts)
            found = _lives(place.socket, seconds, CLIENTS, accounts)
        shared = _shared(server.address, seconds, accounts)
        with psycopg.connect(server.address) as connection:
            return found, [shared], sum(int(row[0]) for query in _FAULTS for row in connection.execute(query))
    except (ChaosFailed, OSError, KeyError) as error:
        click.echo(f"postgresql_vs_synced_log is not measured: {error}", err=True)
        return None, [], 0
    finally:
        if server.process is not None:
            server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


def _shared(address: str, seconds: float, accounts: int) -> Result:
    """Two processes on a database beside one on another."""
    rates = []
    for count in (1, 2):
        name = f"shared{count}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        place = address.replace("/postgres?", f"/{name}?")
        _migrate(place)
        sharding.raise_to(place, count)
        opened = partial(_engine_of, place)
        rates.append(bench_shards.rate(opened, count, seconds, accounts, at=AT, terms=TERMS))
    return Result(
        name="two_shards_vs_one", value=rates[1], unit="operations/s", beside="one shard", yardstick=rates[0], goal=1.3
    )


def _engine_of(place: str, shard: shards.Shard) -> Engine:
    contracts = needs.FixedContracts({TERMS: policy.terms(TERMS)})
    return Engine(place, contracts=contracts, prices=needs.FixedPrices(decks.of_rates(RATES)), shard=shard)


def _wait(socket: Path) -> None:
    client, deadline = SocketCharging(socket, timeout_s=1), time.monotonic() + 20
    while True:
        try:
            client.ping()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            client.close()
            return


def _fill(socket: Path, accounts: int) -> None:
    """Credit that no run uses up."""

    async def one(charging: AsyncCharging, account: str) -> None:
        await charging.open_wallet(account=account, brand="ippi", currency="EUR", at=AT)
        bought = BuyCredit(key="p", account=account, terms=TERMS, amount_micros=10**15, currency="EUR", at=AT)
        await charging.buy_credit(bought)

    async def fill() -> None:
        charging = AsyncCharging(socket, timeout_s=60)
        await one(charging, "acc0")
        for start in range(1, accounts, 100):
            await asyncio.gather(
                *(one(charging, f"acc{number}") for number in range(start, min(start + 100, accounts)))
            )
        await charging.close()

    asyncio.run(fill())


_runs = itertools.count()


def _lives(socket: Path, seconds: float, clients: int, accounts: int) -> _Lives:
    """Calls from authorise to settle, one after the other in each of the clients, for that long."""
    return asyncio.run(_all_lives(socket, seconds, clients, accounts))


async def _all_lives(socket: Path, seconds: float, clients: int, accounts: int) -> _Lives:
    charging = AsyncCharging(socket, timeout_s=30)
    run, warm_s = next(_runs), seconds / 4
    start = time.perf_counter() + warm_s
    times: list[float] = []

    async def timed(work: object) -> None:
        before = time.perf_counter()
        await work  # type: ignore[misc]
        if before >= start:
            times.append(time.perf_counter() - before)

    async def client(number: int) -> None:
        for turn in itertools.count():
            if time.perf_counter() >= start + seconds:
                return
            session = f"r{run}.{number}.{turn}"
            at = AT + timedelta(seconds=3600 + run * 86_400 + time.perf_counter() - start)  # as in life, time goes on
            account = f"acc{(number * 7919 + turn) % accounts}"
            call = AuthoriseCall(
                session=session,
                account=account,
                terms=TERMS,
                number_class="geographic",
                destination="33142000001",
                at=at,
            )
            await timed(charging.authorise(call))
            await timed(charging.extend(session=session, seq=1, used_s=5, at=at))
            over = SettleCall(session=session, at=at + timedelta(seconds=40), answered_at=at, measured_ms=30_500)
            await timed(charging.settle(over))

    await asyncio.gather(*(client(number) for number in range(clients)))
    await charging.close()
    took = max(time.perf_counter() - start, 1e-9)
    return _Lives(len(times) / took, statistics.median(times) * 1000 if times else 0.0)


def _fdatasync(folder: Path, seconds: float) -> float:
    """The median time in milliseconds of writing one page and syncing it."""
    handle = os.open(folder / "sync", os.O_RDWR | os.O_CREAT, 0o600)
    page, times, position = os.urandom(RECORD_BYTES), list[float](), 0
    os.write(handle, bytes(1 << 24))
    os.fsync(handle)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        before = time.perf_counter()
        os.pwrite(handle, page, position)
        os.fdatasync(handle)
        times.append(time.perf_counter() - before)
        position = (position + RECORD_BYTES) % (1 << 24)
    os.close(handle)
    return statistics.median(times) * 1000


_FAULTS = (
    "SELECT count(*) FROM ledger_account WHERE balance_micros - held_micros < floor_micros",
    "SELECT count(*) FROM (SELECT 1 FROM ledger_posting GROUP BY currency HAVING sum(amount_micros) <> 0) AS unequal",
)


def _faults(file: Path | str) -> int:
    """Accounts below their floor and currencies that do not sum to zero, after all that."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return sum(int(connection.execute(query).fetchone()[0]) for query in _FAULTS)
