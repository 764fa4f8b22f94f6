"""Session descriptions: what is passed on, what is refused, and that nothing hostile does more than raise UnusableSdp."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.voice.media import sdp

RELAY = sdp.Place("192.0.2.10", 20002, 7, 1)
PHONE = """v=0
o=- 3 5 IN IP4 10.0.0.5
s=A phone
c=IN IP4 10.0.0.5
b=AS:200
t=0 0
a=group:BUNDLE 0 1
m=audio 4000 RTP/AVP 9 8 0 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=rtcp:4001 IN IP4 10.0.0.5
a=rtcp-mux
a=candidate:1 1 UDP 2130706431 10.0.0.5 4000 typ host
a=ice-ufrag:abcd
a=sendrecv
m=video 4002 RTP/AVP 96
a=rtpmap:96 H264/90000
m=image 4004 udptl t38
""".replace("\n", "\r\n")


def phone(**changes: str) -> str:
    """The phone's description with lines replaced: audio=, c=, extra="""
    text = PHONE
    if "audio" in changes:
        text = text.replace("m=audio 4000 RTP/AVP 9 8 0 101", changes["audio"])
    if "c" in changes:
        text = text.replace("c=IN IP4 10.0.0.5", changes["c"])
    return text.replace("a=sendrecv\r\n", changes.get("direction", "a=sendrecv\r\n"))


def lines(text: str) -> list[str]:
    return text.split("\r\n")


def test_an_offer_is_passed_on_with_its_codecs_at_the_relays_address_and_nothing_else() -> None:
    assert lines(sdp.offer(sdp.parse(PHONE), RELAY)) == [
        "v=0",
        "o=- 7 1 IN IP4 192.0.2.10",
        "s=-",
        "c=IN IP4 192.0.2.10",
        "t=0 0",
        "m=audio 20002 RTP/AVP 9 8 0 101",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


def test_an_answer_refuses_every_other_stream_with_port_0_in_the_offers_order() -> None:
    answered = sdp.parse(phone(audio="m=audio 5000 RTP/AVP 8 101").split("m=video")[0])
    text = sdp.answer(answered, sdp.parse(PHONE), RELAY)
    assert [line for line in lines(text) if line.startswith("m=")] == [
        "m=audio 20002 RTP/AVP 8 101",
        "m=video 0 RTP/AVP 96",
        "m=image 0 udptl t38",
    ]
    assert "a=rtpmap:8 PCMA/8000" in lines(text)
    assert "G722" not in text
    assert "10.0.0.5" not in text


def test_a_second_audio_stream_is_refused_too() -> None:
    offered = sdp.parse(PHONE + "m=audio 4010 RTP/AVP 8\r\n")
    assert offered.port == 4000
    assert "m=audio 0 RTP/AVP 8" in lines(sdp.answer(sdp.parse(PHONE), offered, RELAY))


def test_an_audio_stream_that_is_switched_off_gives_way_to_the_next() -> None:
    assert sdp.parse(phone(audio="m=audio 0 RTP/AVP 8") + "m=audio 4010 RTP/AVP 8\r\n").port == 4010


def test_the_streams_own_address_comes_before_the_sessions() -> None:
    assert sdp.parse(phone()).address == "10.0.0.5"
    assert sdp.parse(phone(audio="m=audio 4000 RTP/AVP 8\r\nc=IN IP4 10.9.9.9")).address == "10.9.9.9"
    assert sdp.parse(phone(c="a=x", audio="m=audio 4000 RTP/AVP 8\r\nc=IN IP4 10.9.9.9")).address == "10.9.9.9"


@pytest.mark.parametrize(
    ("direction", "address", "expected", "held"),
    [
        ("a=sendrecv\r\n", "10.0.0.5", "sendrecv", False),
        ("", "10.0.0.5", "sendrecv", False),
        ("a=sendonly\r\n", "10.0.0.5", "sendonly", True),
        ("a=inactive\r\n", "10.0.0.5", "inactive", True),
        ("a=recvonly\r\n", "10.0.0.5", "recvonly", False),
        ("a=sendrecv\r\n", "0.0.0.0", "sendonly", True),
        ("", "0.0.0.0", "sendonly", True),
        ("a=recvonly\r\n", "0.0.0.0", "inactive", True),
        ("a=inactive\r\n", "0.0.0.0", "inactive", True),
    ],
)
def test_hold_is_seen_and_passed_on_as_a_direction(direction: str, address: str, expected: str, held: bool) -> None:
    said = sdp.parse(phone(direction=direction, c=f"c=IN IP4 {address}"))
    assert (said.direction, said.held, said.nowhere) == (expected, held, address == "0.0.0.0")
    assert f"a={expected}" in lines(sdp.offer(said, RELAY))
    assert "c=IN IP4 192.0.2.10" in lines(sdp.offer(said, RELAY))


def test_a_direction_of_the_session_counts_where_the_stream_has_none() -> None:
    text = phone(direction="").replace("a=group:BUNDLE 0 1", "a=sendonly")
    assert sdp.parse(text).direction == "sendonly"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0",
        "v=1\r\n" + PHONE[5:],
        "hello",
        PHONE.replace("m=", "M="),
        PHONE.replace("s=A phone", "s"),
        PHONE.replace("s=A phone", "s=\x00"),
        phone(c="c=IN IP6 ::1"),
        phone(c="c=IN IP6 ::"),
        phone(c="c=IN IP4 phone.example.com"),
        phone(c="c=IN IP4 10.0.0.5/127"),
        phone(c="c=IN IP4 10.0.0"),
        phone(c="c=IN IP4 224.0.0.1"),
        phone(c="c=IN IP4 255.255.255.255"),
        phone(c="c=IN IP4 0.0.0.7"),
        phone(c="c=IN IP4 10.0.0.5 a b\nX"),
        phone(c="c=ATM IP4 10.0.0.5"),
        phone(c="a=nothing"),
        phone(audio="m=audio 0 RTP/AVP 8"),
        phone(audio="m=audio 80 RTP/AVP 8"),
        phone(audio="m=audio 65535 RTP/AVP 8"),
        phone(audio="m=audio 65536 RTP/AVP 8"),
        phone(audio="m=audio 99999999999999999999 RTP/AVP 8"),
        phone(audio="m=audio -4 RTP/AVP 8"),
        phone(audio="m=audio ٣٠٠٠ RTP/AVP 8"),
        phone(audio="m=audio 4000 RTP/AVP"),
        phone(audio="m=audio 4000 RTP/AVP 128"),
        phone(audio="m=audio 4000 RTP/AVP x"),
        phone(audio="m=audio 4000 RTP/AVP " + "8 " * 65),
        phone(audio="m=audio 4000 UDP/TLS/RTP/SAVPF 8"),
        phone(audio="m=text 4000 RTP/AVP 8"),
        PHONE + "m=audio 4000 RTP/AVP 8\r\n" * 17,
        phone(direction="a=x\r\n" * 65),
        PHONE + "a=x\r\n" * 300,
        PHONE + "a=" + "x" * 20_000,
    ],
)
def test_what_cannot_be_used_is_refused_by_name(text: str) -> None:
    with pytest.raises(sdp.UnusableSdp):
        sdp.parse(text)


@given(st.text(max_size=400) | st.text(alphabet="vomact=:IN IP4 0123456789.\r\n/RTPAVP", max_size=400))
def test_no_text_does_more_than_raise(text: str) -> None:
    with contextlib.suppress(sdp.UnusableSdp):
        sdp.parse(text)


@given(st.lists(st.tuples(st.integers(0, len(PHONE)), st.integers(0, 12), st.text(max_size=6)), max_size=8))
def test_a_damaged_description_is_passed_on_clean_or_refused(damages: list[tuple[int, int, str]]) -> None:
    text = PHONE
    for at, length, put in damages:
        text = text[:at] + put + text[at + length :]
    try:
        said = sdp.parse(text)
    except sdp.UnusableSdp:
        return
    again = sdp.parse(sdp.offer(said, RELAY))
    assert (again.address, again.port) == (RELAY.address, RELAY.port)
    assert again.formats == said.formats
    assert sdp.offer(again, RELAY) == sdp.offer(said, RELAY)
    assert sdp.parse(sdp.answer(said, said, RELAY)).port == RELAY.port


def test_an_answer_in_another_profile_or_without_a_common_codec_is_refused() -> None:
    offered = sdp.parse(phone(audio="m=audio 4000 RTP/AVP 8 101"))
    for audio in ("m=audio 4000 RTP/SAVP 8", "m=audio 4000 RTP/AVP 9", "m=audio 4000 RTP/AVP 0 18"):
        with pytest.raises(sdp.UnusableSdp):
            sdp.answer(sdp.parse(phone(audio=audio)), offered, RELAY)


def test_encrypted_audio_passes_with_its_keys_untouched() -> None:
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    said = sdp.parse(phone(audio=f"m=audio 4000 RTP/SAVP 8\r\n{key}"))
    assert key in lines(sdp.offer(said, RELAY))
    assert "m=audio 20002 RTP/SAVP 8" in lines(sdp.offer(said, RELAY))
    with pytest.raises(sdp.UnusableSdp):
        sdp.spoken_answer(said, RELAY)


def test_the_digits_payload_type_is_found_whatever_its_case_and_number() -> None:
    assert sdp.parse(PHONE).telephone_event == "101"
    wide = "a=rtpmap:97 telephone-event/48000\r\na=rtpmap:96 Telephone-Event/8000"
    assert sdp.parse(phone(audio=f"m=audio 4000 RTP/AVP 8 96 97\r\n{wide}")).telephone_event == "96"
    assert sdp.parse(phone(audio=f"m=audio 4000 RTP/AVP 8 97\r\n{wide}")).telephone_event == "", "not offered at 8 kHz"
    assert sdp.parse(phone(audio="m=audio 4000 RTP/AVP 8").replace("telephone-event", "x")).telephone_event == ""


def test_an_announcement_is_answered_in_a_law_first_then_mu_law() -> None:
    text, payload = sdp.spoken_answer(sdp.parse(PHONE), RELAY)
    assert payload == 8
    assert "m=audio 20002 RTP/AVP 8 101" in lines(text)
    assert "m=video 0 RTP/AVP 96" in lines(text)
    _, payload = sdp.spoken_answer(sdp.parse(phone(audio="m=audio 4000 RTP/AVP 0")), RELAY)
    assert payload == 0
    with pytest.raises(sdp.UnusableSdp):
        sdp.spoken_answer(sdp.parse(phone(audio="m=audio 4000 RTP/AVP 9 18")), RELAY)
