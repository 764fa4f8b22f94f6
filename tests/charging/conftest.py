"""The same charging twice: the engine in process, and the service behind its socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from charging_rig import Books, StepClock, fresh_file, open_engine

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.engine import Engine
from cadran.charging.ports import Charging
from cadran.charging.service import Service
from cadran.units.clock import SystemClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fresh_file(tmp_path / "charging.db")


@pytest.fixture
def books(file: Path) -> Books:
    return Books(file)


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def engine(file: Path, clock: StepClock) -> Iterator[Engine]:
    engine = open_engine(file, clock)
    yield engine
    engine.close()


@pytest.fixture
def served(engine: Engine, tmp_path: Path) -> Iterator[Path]:
    """The socket of a service on the engine, on a thread."""
    path = tmp_path / "run" / "charging.sock"
    service = Service(engine, path, civil=SystemClock())
    thread = threading.Thread(target=service.serve, daemon=True)
    thread.start()
    yield path
    service.stop()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def client(served: Path) -> Iterator[SocketCharging]:
    client = SocketCharging(served)
    yield client
    client.close()


@pytest.fixture(params=["engine", "socket"])
def charging(request: pytest.FixtureRequest, engine: Engine) -> Charging:
    found: Charging = engine if request.param == "engine" else request.getfixturevalue("client")
    return found
