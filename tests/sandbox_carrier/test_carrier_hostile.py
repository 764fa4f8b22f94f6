"""Bytes of any kind at the carrier's SIP and RTP ports and at a phone in a call: both go on."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket

from phone.sip_rig import Carrier, open_phone

INVITE = (
    "INVITE sip:+33123456789@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number}\r\n"
    "From: <sip:x@127.0.0.1>;tag={number}\r\nTo: <sip:+33123456789@127.0.0.1>\r\nCall-ID: {number}\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:x@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}"
)
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"


def hostile(chance: random.Random, port: int) -> list[bytes]:
    good = INVITE.format(port=port, number="a", length=len(SDP), sdp=SDP).encode()
    made = [
        b"",
        b"\r\n\r\n",
        b"\x00" * 2000,
        b"\xff" * 60_000,
        b"SIP/2.0 99999 What\r\n" + good[40:],
        b"SIP/2.0 200 OK\r\n\r\n" + b"x" * 40,
        good.replace(b"CSeq: 1 INVITE", b"CSeq: x INVITE"),
        good.replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"),
        good.replace(b"Contact:", b"X-Contact:"),
        good.replace(b"sip:x@127.0.0.1:", b"sip:x@\xe9\xff:"),
        good.replace(b"Content-Length: ", b"Content-Length: 9999"),
        good.replace(b"m=audio 9", b"m=audio 99999999"),
        good.replace(b"m=audio 9 RTP/AVP 8", b"m=video 9 RTP/AVP 34"),
        good.replace(b"branch=z9hG4bKa", b"branch="),
        good.replace(b"Via: SIP/2.0/UDP", b"Via: SIP/2.0/TCP"),
        good.replace(b"Max-Forwards: 70", b"Max-Forwards: -1"),
        good.replace(b"From: <sip:x@127.0.0.1>", b'From: "' + b"<" * 3000),
        good.replace(b"INVITE sip:+33123456789@127.0.0.1", b"INVITE tel:+33123456789"),
        b"REGISTER sip:x SIP/2.0\r\n" + good[55:],
    ]
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        made.append(bytes(data[: chance.randint(0, len(data))]))
    return made


def test_a_call_in_progress_goes_on_under_hostile_messages_at_both_ends(carrier: Carrier) -> None:
    async def story() -> None:
        phone = await open_phone(carrier.address)
        key = await phone.handset.dial("+33123456789")
        await phone.until("answered")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
            attacker.bind(("127.0.0.1", 0))
            port = attacker.getsockname()[1]
            for target in (carrier.address, phone.handset.engine.local, ("127.0.0.1", phone.handset.leg(key).port)):
                for data in hostile(random.Random(7), port):
                    attacker.sendto(data, target)
                    await asyncio.sleep(0.001)
        carrier.post("/hangup", {"id": "none"})
        await phone.until_tone(440, key=key)
        assert key in phone.handset.calls
        phone.handset.hang_up(key)
        await phone.until("ended")
        await phone.handset.close()

    asyncio.run(story())
    assert carrier.process.poll() is None
    assert carrier.get("/health")["name"] == "one"


def test_calls_whose_caller_vanished_are_bounded(carrier: Carrier) -> None:
    refused = False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.bind(("127.0.0.1", 0))
        flood.settimeout(0.02)
        port = flood.getsockname()[1]
        for number in range(2000):
            text = INVITE.format(port=port, number=f"f{number}", length=len(SDP), sdp=SDP)
            flood.sendto(text.encode(), carrier.address)
            with contextlib.suppress(TimeoutError):
                for _ in range(20 if number % 10 == 9 else 0):
                    refused = refused or flood.recv(2000).startswith(b"SIP/2.0 503")
            if refused:
                break
    health = carrier.get("/health")
    assert health["calls"] <= 200
    assert refused
    carrier.post("/hangup", {})
    assert carrier.get("/health")["calls"] == 0
