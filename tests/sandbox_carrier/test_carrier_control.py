"""The carrier's control page, its second name, and what it shows of callers."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.error

import pytest

from phone.sip_rig import Carrier, open_phone, start_carrier


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/call", {}),
        ("/call", {"to": "+33987654321", "from": "+33612345678", "via": "example.net:5060"}),
        ("/call", {"to": "+33987654321", "from": "+33612345678", "via": "127.0.0.1:0"}),
        ("/call", {"to": "a b", "from": "+33612345678", "via": "127.0.0.1:5060"}),
        ("/call", {"to": "1\r\nX: y", "from": "+33612345678", "via": "127.0.0.1:5060"}),
        ("/call", {"to": "+33987654321", "from": "+33612345678", "via": "127.0.0.1:5060", "seconds": "long"}),
        ("/call", {"to": "+33987654321", "from": "+33612345678", "via": "127.0.0.1:5060", "seconds": -1}),
        ("/call", [1]),
        ("/call", b"{not json"),
        ("/call", b"\xff\xfe"),
        ("/behaviour", {"+33": "asleep"}),
        ("/behaviour", {"+33": 5}),
        ("/behaviour", {"": "busy"}),
        ("/hangup", {"id": "one-99999"}),
        ("/nothing", {}),
    ],
)
def test_an_unusable_wish_is_refused_and_changes_nothing(carrier: Carrier, path: str, body: object) -> None:
    before = carrier.get("/health")
    status, answer = carrier.post(path, body)
    assert status == 400
    assert answer["error"]
    assert carrier.get("/health") == before


def test_an_unknown_page_is_not_found(carrier: Carrier) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        carrier.get("/secret")
    assert refusal.value.code == 404


def test_a_number_told_to_be_busy_is_busy_until_it_is_forgotten(carrier: Carrier) -> None:
    async def code_of(number: str) -> object:
        phone = await open_phone(carrier.address)
        key = await phone.handset.dial(number)
        with contextlib.suppress(TimeoutError):
            await phone.until("answered", timeout=1.0)
            phone.handset.hang_up(key)
        ended = await phone.until("ended")
        await phone.handset.close()
        return ended.detail["code"]

    assert carrier.post("/behaviour", {"+33177": "busy"})[1] == {"told": {"33177": "busy"}}
    assert asyncio.run(code_of("+33177000001")) == 486
    assert carrier.post("/behaviour", {"+33177": None})[1] == {"told": {}}
    assert asyncio.run(code_of("+33177000001")) == 200


@pytest.mark.parametrize("hide", [False, True])
def test_a_call_from_the_network_shows_or_withholds_its_number(carrier: Carrier, hide: bool) -> None:
    async def story() -> dict[str, object]:
        phone = await open_phone(carrier.address, user="+33987654321")
        host, port = phone.handset.engine.local
        wish = {"to": "+33987654321", "from": "+33612345678", "via": f"{host}:{port}", "hide": hide, "name": "Zoé"}
        await asyncio.to_thread(carrier.post, "/call", wish)
        incoming = await phone.until("incoming")
        phone.handset.reject(code=486)
        await phone.handset.close()
        return dict(incoming.detail)

    detail = asyncio.run(story())
    assert detail["caller"] == ("anonymous" if hide else "+33612345678")
    seen = carrier.last()
    assert (seen["direction"], seen["code"], seen["state"]) == ("inbound", 486, "ended")
    assert "+33612345678" in seen["asserted"]
    assert seen["privacy"] == ("id" if hide else "")


def test_the_control_page_hangs_up_a_call(carrier: Carrier) -> None:
    async def story() -> object:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("+33123456789")
        await phone.until("answered")
        status, _ = await asyncio.to_thread(carrier.post, "/hangup", {"id": carrier.last()["id"]})
        assert status == 200
        ended = await phone.until("ended")
        await phone.handset.close()
        return ended.detail["by"]

    assert asyncio.run(story()) == "them"


def test_a_silent_number_answers_and_sends_nothing(carrier: Carrier) -> None:
    async def story() -> tuple[int, int]:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("+33123450204")
        await phone.until("answered")
        await asyncio.sleep(0.4)
        figures = phone.handset.figures()
        await phone.handset.close()
        return figures.packets_in, figures.packets_out

    packets_in, packets_out = asyncio.run(story())
    assert packets_in == 0
    assert packets_out > 5


def test_a_deaf_number_talks_on_after_bye_and_says_so(carrier: Carrier) -> None:
    async def story() -> tuple[int, int]:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("+33123450481")
        await phone.until("answered")
        phone.handset.hang_up()
        await asyncio.sleep(0.3)
        first = carrier.last()
        await asyncio.sleep(0.3)
        second = carrier.last()
        assert first["state"] == second["state"] == "answered"
        carrier.post("/hangup", {"id": second["id"]})
        await phone.handset.close()
        return first["packets_out"], second["packets_out"]

    first, second = asyncio.run(story())
    assert second > first


def test_the_second_carrier_takes_what_the_first_refuses_and_a_full_one_refuses() -> None:
    async def story(second: Carrier) -> None:
        phone = await open_phone(second.address)
        await phone.handset.dial("+33123450503")
        await phone.until("answered")
        await phone.handset.dial("+33123456789")
        ended = await phone.until("ended")
        assert ended.detail["code"] == 503
        await phone.handset.close()

    second = start_carrier("two", "--most-calls", "1")
    try:
        asyncio.run(story(second))
    finally:
        assert second.stop() == 0
