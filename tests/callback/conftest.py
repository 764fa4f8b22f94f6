"""One plane for the tests of calls that Cadran places: the test itself is the public network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callback import callback_rig as rig
from voice.sip_plane import Plane, wait_until


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """charging, media and SIP; heartbeats each second, grants of four seconds, a warning two seconds before the end, short ringing."""
    folder = Path(tmp_path_factory.mktemp("v"))
    extra = {
        "CADRAN_SIP_HEARTBEAT_S": "1",
        "CADRAN_SIP_CALLBACKS_PER_MINUTE": "30",
        "CADRAN_SIP_CALLBACKS_PER_ACCOUNT": "2",
        "CADRAN_SIP_CALLBACK_SECOND_RINGS_S": "4",
    }
    made = Plane(folder, extra | {"CADRAN_BRANDS": str(rig.brands(folder))})
    try:
        made.accounts = {}
        made._seed("base")
        made.start("charging")
        made.start("media")
        made.start("sip")
        wait_until(lambda: (made.var / "run" / "charging.sock").exists(), 45, "charging")
        rig.ready(made)
        made.wait_ready()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def line(plane: Plane) -> Iterator[rig.Network]:
    made = rig.Network(plane)
    yield made
    made.clear()
    made.close()


@pytest.fixture
def network(line: rig.Network) -> Iterator[rig.Network]:
    """The carrier's end of every call, nothing left of the test before."""
    line.clear()
    yield line
    line.clear()
