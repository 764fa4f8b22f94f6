"""Evidence in the two real files, an engine that charges, and the time-stamp authority as a real program."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from cadran.charging.engine import Engine
from cadran.policy import operations as policy
from cadran.policy.proof import files, operations, timestamps, witness
from charging.charging_rig import AT, call, ended, open_account, open_engine
from payment.conftest import free_port

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass
class House:
    """An installation's two files in a folder, evidence in them, and a hand that may do anything to them."""

    folder: Path
    engine: Engine
    stamps: int = 0
    sealed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def live(self, *, account: str = "acc1", calls: int = 3, key: str = "p1") -> list[str]:
        """An account buys credit and calls; returns the ids of the call records."""
        open_account(self.engine, 10_000_000, account=account, key=f"{key}-{account}")
        found = []
        for number in range(calls):
            session = f"{account}.{key}.{number}"
            self.engine.authorise(call(session, account=account))
            found.append(self.engine.settle(ended(session, 10 + number)).cdr_id)
        return found

    def tell(self, key: str, *, account: str = "acc1", kind: str = "payment.received", **more: object) -> None:
        body = {"account": account, "order": key, "amount_micros": 10_000_000, **more}
        policy.record_event(kind=kind, key=key, body=body, at=AT)

    def seal(self) -> int:
        """A seal of what there is, a second after the one before."""
        self.sealed_at += timedelta(seconds=1)
        return operations.seal(at=self.sealed_at)

    def alter(self, source: str, *statements: str) -> None:
        """Plain sqlite, with the triggers out of the way and put back: what an intruder with the file would do."""
        name = {"house": "cadran.db", "charging": "charging.db"}[source]
        with contextlib.closing(sqlite3.connect(self.folder / name, isolation_level=None)) as raw:
            raw.execute("BEGIN IMMEDIATE")
            triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for trigger, _sql in triggers:
                raw.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                assert raw.execute(statement).rowcount != 0, statement
            for _trigger, sql in triggers:
                raw.execute(sql)
            raw.execute("COMMIT")

    def rows(self, source: str, query: str) -> list[Any]:
        return files.execute(source)(query).fetchall()


@pytest.fixture(scope="session")
def empty_files(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """The two files as the migrations make them, once."""
    folder = tmp_path_factory.mktemp("files")
    with django_db_blocker.unblock(), pointed_at(folder):
        for alias in ("default", "charging"):
            call_command("migrate", database=alias, verbosity=0)
            connections[alias].cursor().execute("PRAGMA journal_mode=DELETE")
    return folder


@contextlib.contextmanager
def pointed_at(folder: Path) -> Iterator[None]:
    """Django reads and writes the files of that folder meanwhile."""
    kept = {alias: connections[alias] for alias in ("default", "charging")}
    for alias, name in (("default", "cadran.db"), ("charging", "charging.db")):
        fresh = kept[alias].copy()
        fresh.settings_dict["NAME"] = str(folder / name)
        connections[alias] = fresh
    try:
        yield
    finally:
        for alias, connection in kept.items():
            connections[alias].close()
            connections[alias] = connection


@pytest.fixture
def house(
    empty_files: Path, tmp_path: Path, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    for name in ("cadran.db", "charging.db"):
        (tmp_path / name).write_bytes((empty_files / name).read_bytes())
    monkeypatch.setattr(settings, "WITNESS_CERTIFICATES", tmp_path / "witness.pem")
    monkeypatch.setattr(settings, "EVIDENCE_HEADS", "")
    with django_db_blocker.unblock(), pointed_at(tmp_path):
        engine = open_engine(tmp_path / "charging.db")
        try:
            yield House(tmp_path, engine)
        finally:
            engine.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The sandbox authority's address and the file of its certificates."""
    folder, port = tmp_path_factory.mktemp("witness"), free_port()
    pem = folder / "trusted.pem"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cadran_sandbox.witness", "--port", str(port)),
            *("--dir", str(folder / "tsa"), "--certificates", str(pem)),
        ],
        env=dict(os.environ),
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(200):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}health", trust_env=False).is_success:
                    break
            assert process.poll() is None, "the witness did not start"
            time.sleep(0.05)
        yield url, pem
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def witnessed(house: House, authority: tuple[str, Path]) -> witness.Witnessing:
    """Stamps the newest seal at each step."""
    url, pem = authority
    (house.folder / "witness.pem").write_bytes(pem.read_bytes())
    clock = iter(range(0, 10**9, 1000))
    return witness.Witnessing(url, house.folder / "witness.pem", 1, 5, lambda: float(next(clock)))


def stamp(house: House, url: str) -> timestamps.Stamp:
    """A stamp over the newest seal, kept nowhere."""
    newest = files.last_seal(files.execute("house"))
    assert newest is not None
    token = witness.ask(url, newest[2], timeout_s=5)
    return timestamps.check(token, digest=newest[2], trusted=witness.trusted(house.folder / "witness.pem"))
