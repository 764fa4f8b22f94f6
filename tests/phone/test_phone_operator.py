"""Phones registered with a whole Cadran call each other and the public network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadran.voice.phone import sound
from phone.sip_rig import Phone, open_phone
from voice import sip_plane

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sip_plane.Plane]:
    plane = sip_plane.Plane(Path(tmp_path_factory.mktemp("o")))
    try:
        plane.prepare()
        yield plane
    finally:
        plane.stop()


async def registered(operator: sip_plane.Plane, user: str, hertz: int = 440) -> Phone:
    server = ("127.0.0.1", operator.sip_port)
    phone = await open_phone(server, user, password=sip_plane.PASSWORD, microphone=sound.tone(hertz))
    phone.handset.register()
    await phone.until("registered")
    return phone


def test_two_customers_hear_each_other_and_digits_pass(operator: sip_plane.Plane) -> None:
    async def story() -> tuple[Phone, Phone]:
        alice, bob = await registered(operator, "alice"), await registered(operator, "bob", 600)
        bob.handset.auto_answer_s = 0.1
        await alice.handset.dial("0972100002")
        await alice.until("answered")
        await alice.until_tone(600)
        await bob.until_tone(440)
        alice.handset.digits("12#")
        await asyncio.sleep(0.8)
        alice.handset.hang_up()
        await bob.until("ended")
        await alice.handset.close()
        await bob.handset.close()
        return alice, bob

    alice, bob = asyncio.run(story())
    assert alice.names() == ["registered", "calling", "ringing", "answered", "ended", "unregistered"]
    assert bob.names() == ["registered", "incoming", "answered", "digit", "digit", "digit", "ended", "unregistered"]
    assert bob.events[-2].detail["digits_heard"] == "12#"


@pytest.mark.parametrize(
    ("number", "end"),
    [("0123456789", 200), ("0123450486", 486), ("0123450503", 200), ("0123450404", 404), ("+883510000000091", 200)],
)
def test_the_public_network_is_heard_through_the_operator(operator: sip_plane.Plane, number: str, end: int) -> None:
    async def story() -> Phone:
        alice = await registered(operator, "alice")
        await alice.handset.dial(number)
        if end == 200:
            await alice.until("answered")
            await alice.until_tone(800)
            await alice.until_tone(440)
            alice.handset.hang_up()
        await alice.until("ended")
        await alice.handset.close()
        return alice

    alice = asyncio.run(story())
    assert next(event for event in alice.events if event.name == "ended").detail["code"] == end


def test_early_media_comes_through_the_operator(operator: sip_plane.Plane) -> None:
    async def story() -> Phone:
        alice = await registered(operator, "alice", 1200)
        await alice.handset.dial("0123450183")
        await alice.until("early")
        await alice.until_tone(440)
        await alice.until("answered")
        await alice.handset.close()
        return alice

    assert "early" in asyncio.run(story()).names()


def test_a_wrong_password_does_not_register(operator: sip_plane.Plane) -> None:
    async def story() -> Phone:
        phone = await open_phone(("127.0.0.1", operator.sip_port), "alice", password="wrong")
        phone.handset.register()
        await phone.until("register_failed")
        await phone.handset.close()
        return phone

    assert asyncio.run(story()).events[-1].detail["code"] == 401
