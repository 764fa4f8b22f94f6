"""The embedded plane for the tests of calls: one for each module that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from voice import sip_plane


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sip_plane.Plane]:
    """charging, media, two sandbox carriers and SIP, with customers alice (EUR 10), bob, carol (no number) and dave."""
    var = Path(tmp_path_factory.mktemp("v"))
    made = sip_plane.Plane(var)
    try:
        made.prepare()
        yield made
    finally:
        made.stop()
