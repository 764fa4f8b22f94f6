"""An engine on a file of its own, a small deck with prices that are easy to reckon, and the service as a real process."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

import cadran.balance
import cadran.charging
import cadran.ledger
import cadran.policy
from cadran.catalog.rules import Rate, RateGroup, Tariff, TimeBand
from cadran.charging import needs
from cadran.charging.adapters.client import SocketCharging
from cadran.charging.engine import Engine
from cadran.charging.ports import AuthoriseCall, BuyCredit, Charging, ChargingUnavailable, SettleCall
from cadran.ledger.schema import statements
from cadran.policy import queries as policy

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = "ippi/2018-04"
LANDLINE = "33142000001"  # 0.012 a minute: 200 micros a second
MOBILE = "33612345678"  # 0.10 a minute: 5,000 micros in 3 s
STEPPED = "44201234567"  # 0.06 a minute by 60/60 with a fee of 0.05
ITALY = "39061234567"  # 1,000 micros a second, from the 30th on 500, from 09:01 on 10,000; cut when it costs 0.20
FREE_PRICE = "49301234567"  # a published price of nothing
RATES = (
    Rate(prefix="331", destination="France, landline", currency="EUR", price_nanos=12_000_000, deck="test", line=2),
    Rate(prefix="336", destination="France, mobile", currency="EUR", price_nanos=100_000_000, deck="test", line=3),
    Rate(
        prefix="44",
        destination="United Kingdom",
        currency="EUR",
        price_nanos=60_000_000,
        first_s=60,
        next_s=60,
        connection_micros=50_000,
        deck="test",
        line=4,
    ),
    Rate(prefix="4930", destination="Berlin", currency="EUR", price_nanos=0, deck="test", line=5),
    Rate(
        prefix="39",
        destination="Italy",
        currency="EUR",
        price_nanos=60_000_000,
        bands=(TimeBand(name="later", zone="UTC", price_nanos=600_000_000, windows=((541, 1440),)),),
        deck="test",
        line=7,
        tariff=Tariff(split=True, maximum_micros=200_000, groups=(RateGroup(from_s=30, price_nanos=30_000_000),)),
    ),
    Rate(prefix="1", destination="Dollars", currency="USD", price_nanos=1_000_000, deck="test", line=6),
)


SCHEMA = (
    (cadran.ledger, "0001_sqlite.sql"),
    (cadran.ledger, "0003_unit_of_work.sql"),
    (cadran.ledger, "0004_sqlite.sql"),
    (cadran.balance, "0001_sqlite.sql"),
    (cadran.charging, "0001_sqlite.sql"),
    (cadran.charging, "0004_sqlite.sql"),
    (cadran.charging, "0006_sqlite.sql"),
    (cadran.policy, "0002_evidence.sql"),
)


class SmallDeck:
    """RATES by longest prefix, without the tables that rating's decks come from."""

    generation = 0

    def find(self, digits: str, at: datetime) -> Rate | None:
        found = [rate for rate in RATES if digits.startswith(rate.prefix)]
        return max(found, key=lambda rate: len(rate.prefix), default=None)


@dataclass(slots=True)
class StepClock:
    """A monotonic clock that a test moves."""

    at_s: float = 1000.0

    def seconds(self) -> float:
        return self.at_s


def fresh_file(path: Path) -> Path:
    """An empty charging database, by the SQL of the migrations."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN")
    for room, file in SCHEMA:
        for statement in statements(Path(room.__path__[0]) / "migrations" / file):
            connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()
    return path


def migrated(address: str) -> None:
    """The tables of charging in an empty PostgreSQL database, by the SQL of the migrations."""
    folders = (
        (cadran.ledger, "0001"),
        (cadran.balance, "0001"),
        (cadran.charging, "0001"),
        (cadran.charging, "0004"),
        (cadran.policy, "0002_evidence"),
        (cadran.charging, "0005"),
        (cadran.charging, "0006"),
    )
    with psycopg.connect(address, autocommit=True) as connection:
        for room, name in folders:
            text = (Path(room.__path__[0]) / "migrations" / f"{name}_postgresql.sql").read_text("utf-8")
            connection.execute(text)  # type: ignore[arg-type]


def open_engine(path: Path | str, clock: StepClock | None = None, **options: Any) -> Engine:
    contracts = needs.FixedContracts({TERMS: policy.terms(TERMS)})
    return Engine(path, contracts=contracts, prices=needs.FixedPrices(SmallDeck()), clock=clock, **options)


def call(session: str, **changes: object) -> AuthoriseCall:
    fields: dict[str, object] = {
        "session": session,
        "account": "acc1",
        "terms": TERMS,
        "number_class": "geographic",
        "destination": LANDLINE,
        "at": AT,
    }
    return AuthoriseCall(**{**fields, **changes})  # type: ignore[arg-type]


def ended(session: str, seconds: float, **changes: object) -> SettleCall:
    fields: dict[str, object] = {
        "session": session,
        "at": AT + timedelta(seconds=seconds + 3),
        "answered_at": AT + timedelta(seconds=3),
        "measured_ms": round(seconds * 1000),
    }
    return SettleCall(**{**fields, **changes})  # type: ignore[arg-type]


def unanswered(session: str, **changes: object) -> SettleCall:
    fields: dict[str, object] = {"session": session, "at": AT, "disposition": "no-answer", "sip_code": 480}
    return SettleCall(**{**fields, **changes})  # type: ignore[arg-type]


def open_account(charging: Charging, micros: int = 0, account: str = "acc1", key: str = "pay1") -> None:
    charging.open_wallet(account=account, brand="ippi", currency="EUR", at=AT)
    if micros:
        charging.buy_credit(
            BuyCredit(key=key, account=account, terms=TERMS, amount_micros=micros, currency="EUR", at=AT)
        )


@dataclass(slots=True)
class Books:
    """Reads the file beside the engine, as anyone may."""

    path: Path

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> int:
        found = self.rows(query, *values)[0][0]
        return int(str(found or 0))

    def balance(self, account: str = "acc1") -> tuple[int, int]:
        """Balance and held of all the account's credit."""
        query = (
            "SELECT coalesce(sum(balance_micros), 0), coalesce(sum(held_micros), 0) FROM ledger_account WHERE owner = ?"
        )
        micros, held = self.rows(query, account)[0]
        return int(str(micros)), int(str(held))

    def check(self) -> None:
        """Every currency sums to zero, nothing lies below its floor, balances and holds agree with the journal."""
        assert all(
            total == 0 for _, total in self.rows("SELECT currency, sum(amount_micros) FROM ledger_posting GROUP BY 1")
        )
        assert not self.rows("SELECT * FROM ledger_account WHERE balance_micros - held_micros < floor_micros")
        assert not self.rows(
            "SELECT * FROM ledger_account AS a WHERE floor_micros IS NOT NULL AND balance_micros <> (SELECT coalesce(sum("
            "amount_micros), 0) FROM ledger_posting AS p WHERE p.account_owner = a.owner AND p.account_name = a.name)"
        )
        assert not self.rows(
            "SELECT * FROM ledger_account AS a WHERE floor_micros IS NOT NULL AND held_micros <> (SELECT coalesce(sum(CASE kind"
            " WHEN 'pending' THEN amount_micros ELSE -released_micros END), 0) FROM ledger_transfer AS t"
            " WHERE t.debit_owner = a.owner AND t.debit_name = a.name)"
        )
        assert self.one("SELECT coalesce(sum(held_micros), 0) FROM ledger_account WHERE held_micros > 0") == self.one(
            "SELECT coalesce(sum(held_micros), 0) FROM charging_session WHERE state = 'open'"
        )
        assert self.one("SELECT coalesce(sum(charge_micros), 0) FROM charging_cdr WHERE corrects = ''") == self.one(
            "SELECT coalesce(sum(amount_micros), 0) FROM ledger_posting WHERE account_name LIKE 'revenue/%'"
        )


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Django's alias for the money points at that file, where the test may reach a database at all."""
    from django.db import connections

    alias = connections["charging"]
    kept, connection = alias.settings_dict["NAME"], alias.connection
    alias.connection = None  # an in-memory test database would not close, and would be read instead of the file
    alias.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        alias.close()
        alias.settings_dict["NAME"], alias.connection = kept, connection


class ServiceProcess:
    """`charging_process.py` on a file and a socket; killed for sure at the end."""

    def __init__(self, path: Path | str, socket: Path | None = None, **environment: str) -> None:
        self.path = path
        self.socket = socket or Path(path).with_suffix(".sock")
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> SocketCharging:
        program = Path(__file__).with_name("charging_process.py")
        known = {**os.environ, **self.environment, **environment, "OPENBLAS_NUM_THREADS": "1"}
        known["PYTHONPATH"] = os.pathsep.join([str(program.parent), *sys.path])
        self.process = subprocess.Popen([sys.executable, str(program), str(self.path), str(self.socket)], env=known)
        client = SocketCharging(self.socket)
        deadline = time.monotonic() + 60
        while True:
            try:
                client.ping()
            except ChargingUnavailable:
                assert time.monotonic() < deadline, "the charging process did not start"
                assert self.process.poll() is None, "the charging process ended"
            else:
                return client

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@contextlib.contextmanager
def service_process(path: Path | str, socket: Path | None = None, **environment: str) -> Iterator[ServiceProcess]:
    service = ServiceProcess(path, socket, **environment)
    try:
        yield service
    finally:
        service.stop()
