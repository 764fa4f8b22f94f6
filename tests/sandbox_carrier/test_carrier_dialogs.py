"""What the carrier does inside and outside calls: hold and resume, OPTIONS, iNum, SIP addresses, requests it does not know."""

from __future__ import annotations

import asyncio
import time
import urllib.request

import pytest

from cadran.voice.phone import message, sdp
from cadran.voice.phone.message import Message
from phone.sip_rig import Carrier, Phone, open_phone


async def ask(phone: Phone, request: Message) -> Message:
    """Sends a request to the carrier and waits for its final response."""
    found: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def hear(_: float, response: Message | None) -> None:
        if response and response.code >= 200 and not found.done():
            found.set_result(response)

    phone.handset.engine.request(time.monotonic(), request, hear)
    phone.handset.pump()
    return await asyncio.wait_for(found, 5)


async def change(phone: Phone, direction: str) -> Message:
    """A re-INVITE with this direction, and its ACK."""
    call = phone.handset.engine.call()
    call.sequence += 1
    request = call._request("INVITE", call.sequence)
    request.add("content-type", "application/sdp")
    port = phone.handset.leg().port
    request.body = sdp.write(
        host="127.0.0.1", port=port, codecs=(8,), events=101, version=call.sequence, direction=direction
    )
    response = await ask(phone, request)
    call._acknowledge(call.sequence)
    phone.handset.pump()
    return response


def test_hold_silences_the_carrier_and_resume_brings_it_back(carrier: Carrier) -> None:
    async def story() -> None:
        phone = await open_phone(carrier.address)
        await phone.handset.dial("+33123456789")
        await phone.until("answered")
        await phone.until_tone(440)
        assert (await change(phone, "sendonly")).code == 200
        await asyncio.sleep(0.15)
        before = phone.handset.figures().packets_in
        await asyncio.sleep(0.3)
        assert phone.handset.figures().packets_in - before <= 1
        assert (await change(phone, "sendrecv")).code == 200
        await phone.until_tone(440)
        phone.handset.hang_up()
        await phone.until("ended")
        await phone.handset.close()

    asyncio.run(story())
    assert carrier.last()["state"] == "ended"


def plain_request(phone: Phone, method: str, to_tag: str = "") -> Message:
    request = Message(method=method, uri="sip:+33123456789@127.0.0.1")
    engine = phone.handset.engine
    request.headers = [
        ("max-forwards", "70"),
        ("from", f"<sip:alice@127.0.0.1>;tag={engine.token(32)}"),
        ("to", f"<sip:+33123456789@127.0.0.1>{to_tag}"),
        ("call-id", engine.token()),
        ("cseq", f"1 {method}"),
        ("contact", engine.contact),
    ]
    return request


@pytest.mark.parametrize(
    ("method", "to_tag", "code"),
    [
        ("OPTIONS", "", 200),
        ("REGISTER", "", 405),
        ("MESSAGE", "", 405),
        ("BYE", ";tag=gone", 481),
        ("INFO", ";tag=gone", 481),
    ],
)
def test_requests_outside_calls(carrier: Carrier, method: str, to_tag: str, code: int) -> None:
    async def story() -> int:
        phone = await open_phone(carrier.address)
        response = await ask(phone, plain_request(phone, method, to_tag))
        await phone.handset.close()
        return response.code

    assert asyncio.run(story()) == code


@pytest.mark.parametrize("to", ["+883510000000091", "sip:echo@127.0.0.1"])
def test_inum_and_open_sip_addresses_are_answered(carrier: Carrier, to: str) -> None:
    async def story() -> None:
        phone = await open_phone(carrier.address)
        await phone.handset.dial(to)
        await phone.until("answered")
        await phone.until_tone(800)
        await phone.handset.close()

    asyncio.run(story())
    assert carrier.last()["number"] == message.user_of(to) or carrier.last()["number"] == to


def test_the_caller_shown_and_asserted_and_its_privacy_are_kept(carrier: Carrier) -> None:
    async def story() -> None:
        phone = await open_phone(carrier.address, user="anonymous", display="Anonymous")
        call = phone.handset.engine
        request = plain_request(phone, "INVITE")
        request.put("from", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1')
        request.add("p-asserted-identity", "<sip:+33987654321@127.0.0.1>")
        request.add("privacy", "id")
        request.uri = "sip:+33123450404@127.0.0.1"
        assert (await ask(phone, request)).code == 404
        assert not call.calls
        await phone.handset.close()

    asyncio.run(story())
    seen = carrier.last()
    assert (seen["caller"], seen["display"], seen["privacy"]) == ("anonymous", "Anonymous", "id")
    assert "+33987654321" in seen["asserted"]


def test_a_caller_without_a_codec_of_the_network_gets_488(carrier: Carrier) -> None:
    async def story() -> int:
        phone = await open_phone(carrier.address)
        request = plain_request(phone, "INVITE")
        request.add("content-type", "application/sdp")
        body = sdp.write(host="127.0.0.1", port=4000, codecs=(8,), events=None, version=1)
        request.body = body.replace(b"RTP/AVP 8", b"RTP/AVP 9")
        response = await ask(phone, request)
        await phone.handset.close()
        return response.code

    assert asyncio.run(story()) == 488


def test_the_control_page_survives_a_client_that_goes_away(carrier: Carrier) -> None:
    import socket

    for data in (b"", b"GET /calls", b"POST /call HTTP/1.1\r\nContent-Length: 50\r\n\r\n{", b"\xff" * 3000):
        with socket.create_connection(("127.0.0.1", carrier.control), timeout=2) as client:
            client.sendall(data)
    with urllib.request.urlopen(f"http://127.0.0.1:{carrier.control}/health", timeout=10) as answer:
        assert answer.status == 200
