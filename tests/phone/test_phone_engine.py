"""The engine without sockets: bytes passed between two of them, and the time as an argument."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.voice.phone import digest, engine, message, sdp

HERE, THERE = ("127.0.0.1", 7001), ("127.0.0.1", 7002)


def pair(**line: object) -> tuple[engine.Engine, engine.Engine]:
    one = engine.Engine(engine.Line(user="alice", password="secret", server=THERE, **line), HERE, seed=1)  # type: ignore[arg-type]
    two = engine.Engine(engine.Line(user="bob", password="secret", server=HERE), THERE, seed=2)
    return one, two


def carry(now: float, one: engine.Engine, two: engine.Engine, *, lose: int = 0) -> None:
    """Carries all datagrams to the other side until none is left; the first `lose` of them get lost."""
    while one.out or two.out:
        for sender, receiver, source in ((one, two, HERE), (two, one, THERE)):
            sent, sender.out = sender.out, []
            for data, _ in sent:
                if lose:
                    lose -= 1
                else:
                    receiver.receive(now, data, source)


def told(side: engine.Engine) -> list[str]:
    return [event.name for event in side.events if event.name != "media"]


def test_a_call_between_two_phones_rings_is_answered_and_ends_on_both_sides() -> None:
    alice, bob = pair()
    alice.dial(0.0, "bob", 4000)
    carry(0.0, alice, bob)
    assert told(bob) == ["incoming"]
    bob.call().answer(1.0, 4002)
    carry(1.0, alice, bob)
    assert told(alice) == ["calling", "ringing", "answered"]
    bob.call().hang_up(61.5)
    carry(61.5, alice, bob)
    assert alice.events[-1].detail == {"code": 200, "reason": "hung up", "by": "them", "seconds": 60.5}
    assert bob.events[-1].detail["by"] == "us"
    assert not alice.calls
    assert not bob.calls


def test_a_lost_invite_is_sent_again_after_half_a_second_and_a_lost_answer_too() -> None:
    alice, bob = pair()
    alice.dial(0.0, "bob", 4000)
    alice.out.clear()
    alice.run(0.49)
    assert not alice.out
    alice.run(0.5)
    carry(0.5, alice, bob)
    assert told(bob) == ["incoming"]
    bob.call().answer(1.0, 4002)
    bob.out.clear()
    bob.run(1.5)
    carry(1.5, alice, bob)
    assert "answered" in told(alice)
    bob.run(40.0)
    assert told(bob) == ["incoming", "answered"]


def test_a_server_that_never_answers_ends_the_call_after_thirty_two_seconds() -> None:
    alice, _ = pair()
    alice.dial(0.0, "bob", 4000)
    for tenth in range(319):
        alice.run(tenth / 10)
    assert "ended" not in told(alice)
    alice.run(32.0)
    assert alice.events[-1].detail["code"] == 408
    assert len(alice.out) == 7  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s


def test_an_answer_without_ack_is_hung_up() -> None:
    alice, bob = pair()
    alice.dial(0.0, "bob", 4000)
    carry(0.0, alice, bob)
    bob.call().answer(1.0, 4002)
    bob.run(33.0)
    assert told(bob)[-1] == "ended"


def test_a_cancelled_call_stops_ringing() -> None:
    alice, bob = pair()
    alice.dial(0.0, "bob", 4000)
    carry(0.0, alice, bob)
    alice.call().hang_up(2.0)
    carry(2.0, alice, bob)
    assert bob.events[-1].detail["code"] == 487
    assert alice.events[-1].detail == {"code": 487, "reason": "Request Terminated", "by": "us", "seconds": 0.0}


def test_an_answer_that_crosses_the_cancel_is_hung_up_at_once() -> None:
    alice, bob = pair()
    alice.dial(0.0, "bob", 4000)
    carry(0.0, alice, bob)
    bob.call().answer(2.0, 4002)
    alice.call().hang_up(2.0)
    carry(2.0, alice, bob)
    assert told(bob)[-1] == "ended"
    assert told(alice)[-1] == "ended"


def test_a_call_nobody_answers_is_given_up_at_the_ring_limit() -> None:
    alice, bob = pair(ring_limit_s=30.0)
    alice.dial(0.0, "bob", 4000)
    carry(0.0, alice, bob)
    alice.run(29.9)
    assert not alice.out
    alice.run(30.0)
    carry(30.0, alice, bob)
    assert told(alice)[-1] == "ended"
    assert told(bob)[-1] == "ended"


def test_hold_stops_the_sound_and_resume_brings_it_back() -> None:
    alice, bob = pair()
    alice.dial(0.0, "bob", 4000)
    carry(0.0, alice, bob)
    bob.call().answer(1.0, 4002)
    carry(1.0, alice, bob)
    call = alice.call()
    for direction, hears, answer in (
        ("sendonly", True, "recvonly"),
        ("inactive", False, "inactive"),
        ("sendrecv", True, "sendrecv"),
    ):
        call.sequence += 1
        again = call._request("INVITE", call.sequence)
        again.add("content-type", "application/sdp")
        again.body = sdp.write(host="127.0.0.1", port=4000, codecs=(8,), events=101, version=2, direction=direction)
        seen: list[message.Message] = []
        alice.request(2.0, again, lambda at, response, seen=seen: seen.append(response))  # type: ignore[misc]
        carry(2.0, alice, bob)
        media = bob.events[-1].detail["media"]
        assert isinstance(media, sdp.Media)
        assert media.hears is (direction == "sendrecv")
        assert hears or not media.speaks
        assert f"a={answer}" in seen[-1].body.decode()


CHALLENGE = 'Digest realm="cadran.local", nonce="{nonce}", algorithm={algorithm}, qop="auth,auth-int", opaque="o,p"'


def registrar(side: engine.Engine, algorithm: str, *, password: str = "secret", expires: int = 60) -> int:
    """Plays the registrar for the requests at hand: challenges, then checks the answer by hand. Returns its last code."""
    code = 0
    while side.out:
        request = message.read(side.out.pop(0)[0])
        given = request.first("authorization")
        response = message.Message(code=401, reason="Unauthorized")
        response.headers = [pair for pair in request.headers if pair[0] in ("via", "from", "to", "call-id", "cseq")]
        if given:
            fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
            name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm]

            def made(text: str, name: str = name) -> str:
                return hashlib.new(name, text.encode()).hexdigest()

            ha1, ha2 = made(f"alice:cadran.local:{password}"), made(f"{request.method}:{request.uri}")
            wanted = made(f"{ha1}:n1:{fields['nc']}:{fields['cnonce']}:auth:{ha2}")
            if fields["response"] == wanted:
                response.code, response.reason = 200, "OK"
                response.add("contact", f"{request.first('contact')};expires={expires}")
        if response.code == 401:
            response.add("www-authenticate", CHALLENGE.format(nonce="n1", algorithm=algorithm))
        code = response.code
        side.receive(0.0, response.encode(), THERE)
    return code


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_registration_answers_the_challenge(algorithm: str) -> None:
    alice, _ = pair()
    alice.register(0.0)
    assert registrar(alice, algorithm) == 200
    assert alice.events[-1] == engine.Event("registered", "", {"code": 200, "expires": 60})


def test_a_wrong_password_is_told_and_not_tried_for_ever() -> None:
    alice, _ = pair()
    alice.register(0.0)
    assert registrar(alice, "SHA-256", password="other") == 401
    assert alice.events[-1].name == "register_failed"
    assert alice.events[-1].detail["code"] == 401
    alice.run(600.0)
    assert not alice.out


def test_registration_is_renewed_at_half_its_life_and_given_back() -> None:
    alice, _ = pair()
    alice.register(0.0)
    registrar(alice, "MD5")
    alice.run(29.9)
    assert not alice.out
    alice.run(30.0)
    assert registrar(alice, "MD5") == 200
    alice.unregister(31.0)
    assert b"Expires: 0" in alice.out[0][0]
    registrar(alice, "MD5")
    assert alice.events[-1].name == "unregistered"
    alice.run(600.0)
    assert not alice.out


def test_a_challenge_that_cannot_be_answered_is_refused() -> None:
    assert digest.read('Digest realm="a", nonce="b", algorithm=AKAv1-MD5', proxy=False) is None
    assert digest.read('Digest realm="a", nonce="b", qop="auth-int"', proxy=False) is None
    assert digest.read("Bearer x", proxy=False) is None
    found = digest.read('Digest realm="a, \\"b\\"",nonce=c , stale=TRUE', proxy=True)
    assert found
    assert (found.realm, found.nonce, found.algorithm, found.stale, found.qop) == ('a, "b"', "c", "MD5", True, False)


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ("01 23 45 67 89", "sip:0123456789@127.0.0.1"),
        ("+33 (0)1.23", "sip:+330123@127.0.0.1"),
        ("bob", "sip:bob@127.0.0.1"),
        ("bob@example.net", "sip:bob@example.net"),
        ("sip:echo@127.0.0.1:5080", "sip:echo@127.0.0.1:5080"),
    ],
)
def test_what_a_person_types_becomes_an_address(written: str, uri: str) -> None:
    assert pair()[0].uri_for(written) == uri


@pytest.mark.parametrize("written", ["", "   ", "sip:", "sip:a b@c", "1\r\nX: y", "<1>", "9" * 200, "sip:a@b:99999"])
def test_what_is_no_address_is_refused_and_nothing_is_sent(written: str) -> None:
    alice, _ = pair()
    with pytest.raises(engine.UnableToCall):
        alice.dial(0.0, written, 4000)
    assert not alice.calls
    assert not alice.out


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_of_any_kind_do_not_trouble_the_phone(data: bytes) -> None:
    alice, _ = pair()
    alice.receive(0.0, data, THERE)
    alice.receive(0.0, b"INVITE sip:a SIP/2.0\r\n" + data, THERE)
    assert not alice.calls


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_message_damaged_anywhere_does_not_trouble_the_phone(data: st.DataObject) -> None:
    alice, bob = pair()
    alice.dial(0.0, "bob", 4000)
    original = bytearray(alice.out.pop()[0])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(original) - 1))
        original[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(original)))
    bob.receive(0.0, bytes(original[:cut] if data.draw(st.booleans()) else original), HERE)
    for call in list(bob.calls.values()):
        call.answer(0.1, 4002)
        call.hang_up(0.2)
    bob.run(100.0)
    for sent, _ in bob.out:
        alice.receive(0.3, sent, THERE)


def test_a_flood_of_invites_leaves_a_bounded_number_of_calls_and_transactions() -> None:
    _, bob = pair()
    other = engine.Engine(engine.Line(user="x", password="", server=THERE, most_calls=5000), HERE, seed=3)
    for _ in range(3000):
        other.dial(0.0, "bob", 4000)
    for data, _ in other.out:
        bob.receive(0.0, data, HERE)
    assert len(bob.calls) == 64
    assert len(bob._servers) <= engine.MOST_TRANSACTIONS
