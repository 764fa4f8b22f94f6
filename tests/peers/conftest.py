"""The embedded plane with telephones that are not ours: baresip and sipp, Debian's packages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from baresip_phone import BaresipPhone, available

from voice import sip_plane

PhoneMaker = Callable[..., BaresipPhone]


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sip_plane.Plane]:
    """charging, media, two sandbox carriers and SIP, with customers alice (EUR 10), bob, carol (no number) and dave."""
    made = sip_plane.Plane(Path(tmp_path_factory.mktemp("p")))
    try:
        made.prepare()
        yield made
    finally:
        made.stop()


@pytest.fixture
def phone(plane: sip_plane.Plane) -> Iterator[PhoneMaker]:
    """phone("alice", tone_hz=440): a baresip that is registered, stopped at the end of the test."""
    if not available():
        pytest.skip("baresip is not installed: apt-get install baresip-core")
    made: list[BaresipPhone] = []

    def make(user: str, *, tone_hz: int = 440, **options: object) -> BaresipPhone:
        one = BaresipPhone(
            user,
            sip_plane.PASSWORD,
            (sip_plane.HOST, plane.sip_port),
            tone_hz=tone_hz,
            sip_port=sip_plane.free_udp(1)[0],
            rtp_ports=sip_plane.phone_rtp(),
            **options,  # type: ignore[arg-type]
        )
        made.append(one)
        one.start()
        one.wait_registered()
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def sipp() -> str:
    """The path of sipp, or the test is skipped."""
    found = shutil.which("sipp")
    if found is None:
        pytest.skip("sipp is not installed: apt-get install sip-tester")
    return found
