"""A relay and its client, shared by the tests of a module, and others of a test's own where the test ends them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from media_rig import HIGH, HOST, LOW, Phone, RelayProcess, drive

from cadran.voice.media import client as media_client


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="cadran-media-"))  # short: a socket's path has at most 100 bytes
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def shared_relay(shared_folder: Path) -> Iterator[RelayProcess]:
    one = RelayProcess(shared_folder).start().ready()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def shared_client(shared_relay: RelayProcess) -> Iterator[media_client.MediaClient]:
    one = media_client.MediaClient(shared_relay.door, HOST, ports=(LOW, HIGH))
    drive(lambda: one.online)
    yield one
    one.close()


@pytest.fixture
def client(shared_client: media_client.MediaClient) -> Iterator[media_client.MediaClient]:
    """The shared client, without a session."""
    yield shared_client
    shared_client.clear_all()


@pytest.fixture
def own_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="cadran-media-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def own_relay(own_folder: Path) -> Iterator[RelayProcess]:
    one = RelayProcess(own_folder, low=HIGH + 2).start().ready()
    yield one
    if one.process is not None and one.process.poll() is None:
        one.stop()


@pytest.fixture
def own_client(own_relay: RelayProcess) -> Iterator[media_client.MediaClient]:
    one = media_client.MediaClient(own_relay.door, HOST)
    drive(lambda: one.online)
    yield one
    one.close()


@pytest.fixture
def caller() -> Phone:
    return Phone()


@pytest.fixture
def callee() -> Phone:
    return Phone()


@pytest.fixture
def third() -> Phone:
    return Phone()
