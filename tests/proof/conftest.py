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
from cadran.policy.proof import files, operations, witness
from charging.charging_rig import AT, call, ended, open_account, open_engine
from payment.conftest import free_port

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass
class House:
    """An installation's two files in a folder, evidence in them, and a hand that may do anything to them."""

    folder: Path
    engine: Engine
    sealed_at: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=1))

    def live(self, *, account: str = "acc1", calls: int = 3, key: str = "p1") -> list[str]:
        """An account buys credit and calls; returns the ids of the call records."""
        open_account(self.engine, 10_000_000, account=account, key=f"{key}-{account}")
        found = []
        for number in range(calls):
            session = f"{account}.{key}.{number}"
            self.engine.authorise(call(session, account=account))
            found.append(self.engine.settle(ended(session, 10 + number)).cdr_id)
        return found

    def tell(self, key: str, *, account: str = "acc1", kind: str = "payment.noted", **more: object) -> None:
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


@contextlib.contextmanager
def opened(template: Path, folder: Path) -> Iterator[House]:
    """A house on copies of the files of another folder."""
    for path in template.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with pytest.MonkeyPatch.context() as patch, pointed_at(folder):
        patch.setattr(settings, "WITNESS_CERTIFICATES", folder / "witness.pem")
        patch.setattr(settings, "EVIDENCE_HEADS", "")
        engine = open_engine(folder / "charging.db")
        try:
            yield House(folder, engine)
        finally:
            engine.close()


@pytest.fixture
def house(empty_files: Path, tmp_path: Path, django_db_blocker: Any) -> Iterator[House]:
    with django_db_blocker.unblock(), opened(empty_files, tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def sealed_files(
    empty_files: Path, authority: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Path:
    """Files in which two accounts called and paid, in three witnessed seals, and a tail that is not sealed yet."""
    folder = tmp_path_factory.mktemp("sealed")
    with django_db_blocker.unblock(), opened(empty_files, folder) as found:
        asking = witnessing(found, authority)
        for number in range(3):
            found.live(key=f"k{number}", calls=2)
            found.live(account="acc2", key=f"k{number}", calls=1)
            found.tell(f"order-{number}")
            found.tell(f"order2-{number}", account="acc2")
            found.seal()
            assert asking.step()
        found.tell("order-tail")
    for name in ("cadran.db", "charging.db"):
        with contextlib.closing(sqlite3.connect(folder / name)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in folder.iterdir():
        if path.name not in {"cadran.db", "charging.db", "witness.pem"}:
            path.unlink()
    return folder


@pytest.fixture
def sealed(sealed_files: Path, tmp_path: Path, django_db_blocker: Any) -> Iterator[House]:
    """A copy of those files."""
    with django_db_blocker.unblock(), opened(sealed_files, tmp_path) as found:
        found.sealed_at += timedelta(minutes=30)
        yield found


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


def witnessing(house: House, authority: tuple[str, Path]) -> witness.Witnessing:
    """Stamps the newest seal at each step."""
    url, pem = authority
    (house.folder / "witness.pem").write_bytes(pem.read_bytes())
    clock = iter(range(0, 10**9, 1000))
    return witness.Witnessing(url, house.folder / "witness.pem", 1, 5, lambda: float(next(clock)))


@pytest.fixture
def witnessed(house: House, authority: tuple[str, Path]) -> witness.Witnessing:
    return witnessing(house, authority)
