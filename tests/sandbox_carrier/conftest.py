from __future__ import annotations

from collections.abc import Iterator

import pytest

from phone import sip_rig


@pytest.fixture(scope="module")
def carrier() -> Iterator[sip_rig.Carrier]:
    started = sip_rig.start_carrier()
    yield started
    assert started.process.poll() is None, "the carrier died during the tests"
    started.stop()
