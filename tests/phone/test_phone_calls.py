"""The phone against the sandbox carrier, nothing between: real SIP and RTP on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cadran.voice.phone import engine, sound
from phone.sip_rig import Carrier, Phone, open_phone


def test_a_call_is_answered_the_tone_heard_and_what_is_said_comes_back(carrier: Carrier) -> None:
    async def story() -> Phone:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("+33 1 23 45 67 89")
        await phone.until("answered")
        await phone.until_tone(800)
        await phone.until_tone(440)
        phone.handset.hang_up()
        await phone.until("ended")
        await phone.handset.close()
        return phone

    phone = asyncio.run(story())
    assert phone.names() == ["calling", "ringing", "answered", "ended"]
    ended = phone.events[-1].detail
    assert (ended["code"], ended["by"]) == (200, "us")
    assert ended["stats"].packets_in > 50  # type: ignore[attr-defined]
    assert ended["stats"].lost == 0  # type: ignore[attr-defined]
    seen = carrier.last()
    assert (seen["number"], seen["caller"], seen["state"], seen["ended_by"]) == (
        "+33123456789",
        "alice",
        "ended",
        "operator",
    )
    assert abs(seen["heard_hz"] - 440) <= 5


@pytest.mark.parametrize(
    ("number", "code", "rings"),
    [
        ("0123450486", 486, True),
        ("0123450603", 603, True),
        ("0123450404", 404, False),
        ("0123450503", 503, False),
    ],
)
def test_a_refusal_ends_the_call_with_its_code(carrier: Carrier, number: str, code: int, rings: bool) -> None:
    async def story() -> Phone:
        phone = await open_phone(carrier.address)
        await phone.handset.dial(number)
        await phone.until("ended")
        await phone.handset.close()
        return phone

    phone = asyncio.run(story())
    assert phone.events[-1].detail["code"] == code
    assert phone.events[-1].detail["seconds"] == 0
    assert ("ringing" in phone.names()) is rings
    assert "answered" not in phone.names()


def test_early_media_is_heard_before_the_answer(carrier: Carrier) -> None:
    async def story() -> Phone:
        phone = await open_phone(carrier.address, microphone=sound.tone(1200))
        await phone.handset.dial("0123450183")
        await phone.until("early")
        await phone.until_tone(440)
        assert "answered" not in phone.names()
        await phone.until("answered")
        await phone.until_tone(800)
        await phone.handset.close()
        return phone

    assert asyncio.run(story()).names()[:4] == ["calling", "ringing", "early", "answered"]


def test_an_unanswered_call_is_cancelled_and_says_so(carrier: Carrier) -> None:
    async def story() -> Phone:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("0123450480")
        await phone.until("ringing")
        phone.handset.hang_up()
        await phone.until("ended")
        await phone.handset.close()
        return phone

    phone = asyncio.run(story())
    assert (phone.events[-1].detail["code"], phone.events[-1].detail["by"]) == (487, "us")
    assert carrier.last()["state"] == "ended"


def test_the_other_side_hangs_up(carrier: Carrier) -> None:
    async def story() -> Phone:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("0123450801")
        await phone.until("ended")
        await phone.handset.close()
        return phone

    ended = asyncio.run(story()).events[-1].detail
    assert ended["by"] == "them"
    assert 0.8 < ended["seconds"] < 3  # type: ignore[operator]


def test_digits_arrive_once_each_and_in_order(carrier: Carrier) -> None:
    async def story() -> None:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("0123456789")
        await phone.until("answered")
        phone.handset.digits("1590*#")
        for _ in range(60):
            await asyncio.sleep(0.05)
            if carrier.last().get("digits") == "1590*#":
                break
        await phone.handset.close()

    asyncio.run(story())
    assert carrier.last()["digits"] == "1590*#"


def test_the_network_calls_and_the_phone_answers(carrier: Carrier, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"

    async def story() -> Phone:
        phone = await open_phone(carrier.address, record=heard)
        phone.handset.auto_answer_s = 0.1
        host, port = phone.handset.engine.local
        wish = {"to": "+33987654321", "from": "+33612345678", "via": f"{host}:{port}", "seconds": 1.5}
        status, _ = await asyncio.to_thread(carrier.post, "/call", wish)
        assert status == 200
        await phone.until("answered")
        await phone.until_tone(800)
        await phone.until("ended")
        await phone.handset.close()
        return phone

    phone = asyncio.run(story())
    assert phone.names() == ["incoming", "answered", "ended"]
    assert phone.events[0].detail["caller"] == "+33612345678"
    assert phone.events[-1].detail["by"] == "them"
    assert abs((sound.pitch_hz(sound.read_wav(heard)[:6000]) or 0) - 800) <= 5


def test_a_phone_that_ignores_bye_talks_on(carrier: Carrier) -> None:
    async def story() -> tuple[int, int, list[str]]:
        phone = await open_phone(carrier.address)
        phone.handset.engine.ignore_bye = True
        await phone.handset.dial("0123450801")
        await phone.until("bye_ignored")
        before = phone.handset.figures().packets_out
        await asyncio.sleep(0.3)
        after = phone.handset.figures().packets_out
        names = phone.names()
        await phone.handset.close()
        return before, after, names

    before, after, names = asyncio.run(story())
    assert after > before
    assert "ended" not in names


def test_several_calls_at_a_time_and_not_one_too_many(carrier: Carrier) -> None:
    async def story() -> Phone:
        phone = await open_phone(carrier.address, most_calls=5)
        for _ in range(5):
            await phone.handset.dial("0123456789")
        with pytest.raises(engine.UnableToCall):
            await phone.handset.dial("0123456789")
        assert len(phone.handset.legs) == 5
        while phone.names().count("answered") < 5:
            await asyncio.sleep(0.05)
        await phone.handset.close()
        return phone

    assert asyncio.run(story()).names().count("ended") == 5
