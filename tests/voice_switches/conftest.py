"""The charging API in process, over real charging behind its socket, and the house's tables of a test database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "charging"))  # charging's own rig: engine on a file, small deck
from charging_rig import Books, fresh_file, open_engine
from switch_rig import House, Switchboard, charging_thread, people


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(fresh_file(tmp_path / "charging.db"))


@pytest.fixture
def house(db: None, books: Books, tmp_path: Path, settings: object) -> Iterator[House]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    engine = open_engine(books.path)
    with charging_thread(engine, tmp_path / "s") as socket:
        yield people(socket)
    engine.close()


@pytest.fixture
def board(house: House) -> Iterator[Switchboard]:
    board = Switchboard(house)
    yield board
    board.close()
