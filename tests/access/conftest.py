"""One plane with access numbers for the tests of calls to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from access import access_plane


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[access_plane.AccessPlane]:
    """charging, media and SIP, with KRYPTOOW's customers ada, bea (a landline, PIN 8316), cleo, dora, emma, fay, gus
    (blocked) and hal (closed)."""
    made = access_plane.made(Path(tmp_path_factory.mktemp("a")))
    try:
        made.prepare()
        yield made
    finally:
        made.stop()


@pytest.fixture
def callee(plane: access_plane.AccessPlane) -> Iterator[access_plane.Callee]:
    """Whoever is behind the first carrier."""
    one = access_plane.Callee(plane.callee_ports[0], (access_plane.HOST, plane.sip_port))
    yield one
    one.close()


@pytest.fixture
def call(plane: access_plane.AccessPlane) -> Iterator[Callable[..., access_plane.Caller]]:
    """Makes callers by number; they are gone after the test."""
    callers: list[access_plane.Caller] = []

    def calling(number: str, **given: str) -> access_plane.Caller:
        callers.append(access_plane.Caller(plane, number, **given))
        return callers[-1]

    yield calling
    for one in callers:
        one.close()
