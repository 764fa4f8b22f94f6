"""Registrations against the real SIP process."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cadran.voice.registrar import removal
from cadran.voice.rules.digest import ha1
from voice import seed
from voice.sip_peer import Peer
from voice.sip_plane import HOST, REALM, Plane

pytestmark = pytest.mark.stack


@pytest.fixture
def alice(plane: Plane) -> Iterator[Peer]:
    peer = Peer("alice", (HOST, plane.sip_port))
    yield peer
    peer.register(contact="*", expires=0)
    peer.close()


def headers(peer: Peer, cseq: int, call_id: str, authorization: str = "") -> dict[str, str]:
    made = {
        "From": f"<sip:{peer.user}@{REALM}>;tag=t",
        "To": f"<sip:{peer.user}@{REALM}>",
        "Call-ID": call_id,
        "CSeq": f"{cseq} REGISTER",
        "Contact": peer.contact,
        "Expires": "60",
    }
    return made | ({"Authorization": authorization} if authorization else {})


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_the_right_password_registers_with_each_algorithm(alice: Peer, algorithm: str) -> None:
    answer = alice.register(algorithm=algorithm)
    assert answer.code == 200
    assert any(f":{alice.port}>" in one and "expires=60" in one for one in answer.headers["contact"])


def test_a_wrong_password_and_an_unknown_user_get_a_challenge_again(plane: Plane) -> None:
    for user, password in (("alice", "wrong"), ("nobody", "any"), ("bob' OR 1=1 --", "any")):
        peer = Peer(user, (HOST, plane.sip_port), password=password)
        assert peer.register(contact=f"<sip:x@{HOST}:{peer.port}>").code in (401, 400)
        peer.close()


def test_a_replayed_count_is_refused_as_stale_and_a_new_one_taken(alice: Peer) -> None:
    uri = f"sip:{REALM}"
    alice.request("REGISTER", uri, headers(alice, 1, "replay"))
    challenge = alice.expect(401)
    credentials = alice.credentials(challenge, "REGISTER", uri)
    alice.request("REGISTER", uri, headers(alice, 2, "replay", credentials))
    alice.expect(200)
    alice.request("REGISTER", uri, headers(alice, 3, "replay", credentials))
    assert "stale=true" in alice.expect(401)["www-authenticate"]
    alice.request("REGISTER", uri, headers(alice, 4, "replay", alice.credentials(challenge, "REGISTER", uri, nc=2)))
    alice.expect(200)


def test_a_comma_within_a_quoted_value_is_read_and_a_broken_header_is_400(alice: Peer) -> None:
    uri = f"sip:{REALM}"
    alice.request("REGISTER", uri, headers(alice, 1, "comma"))
    challenge = alice.expect(401)
    credentials = alice.credentials(challenge, "REGISTER", uri) + ',opaque="a,b=c,\\"d"'
    alice.request("REGISTER", uri, headers(alice, 2, "comma", credentials))
    alice.expect(200)
    alice.request("REGISTER", uri, headers(alice, 3, "comma", 'Digest username="alice'))
    alice.expect(400)


def test_registering_again_renews_one_binding(alice: Peer) -> None:
    alice.register(expires=30)
    answer = alice.register(expires=60)
    assert len(answer.headers["contact"]) == 1
    assert "expires=60" in answer["contact"] or "expires=59" in answer["contact"]


def test_several_devices_are_listed_and_a_star_removes_them(plane: Plane, alice: Peer) -> None:
    second = Peer("alice", (HOST, plane.sip_port))
    alice.register()
    assert len(second.register().headers["contact"]) == 2
    assert "contact" not in second.register(contact="*", expires=0).headers
    second.close()


def test_a_binding_expires_by_itself_and_a_call_then_finds_nobody(plane: Plane, alice: Peer) -> None:
    bob = Peer("bob", (HOST, plane.sip_port))
    assert bob.register(expires=1).code == 200
    time.sleep(1.1)
    call = alice.invite("bob")
    refused = alice.expect(480)
    alice.acknowledge(call, refused)
    bob.close()


def test_unregistering_removes_the_device(plane: Plane, alice: Peer) -> None:
    alice.register()
    assert "contact" not in alice.register(expires=0).headers


def test_a_device_is_taken_off_from_outside_with_the_digest_secret_and_not_with_another(
    plane: Plane, alice: Peer
) -> None:
    second = Peer("alice", (HOST, plane.sip_port))
    alice.register()
    second.register()
    line = {"server": (HOST, plane.sip_port), "realm": REALM, "username": "alice"}
    known = {name: ha1(name, "alice", REALM, seed.PASSWORD) for name in ("MD5", "SHA-256", "SHA-512-256")}
    contact = alice.contact.strip("<>")
    with pytest.raises(removal.NotRemoved):
        removal.remove(**line, ha1={name: secret[::-1] for name, secret in known.items()}, contact=contact)
    removal.remove(**line, ha1=known, contact=contact)
    left = second.register().headers["contact"]
    assert [contact in one for one in left] == [False]
    with pytest.raises(removal.NotRemoved):
        removal.remove(server=(HOST, 9), realm=REALM, username="alice", ha1={}, contact=contact, try_s=0.05)
    second.close()


def test_nobody_registers_another_s_address(alice: Peer) -> None:
    uri = f"sip:{REALM}"
    wrong = {"To": f"<sip:bob@{REALM}>"}
    alice.request("REGISTER", uri, headers(alice, 1, "other") | wrong)
    challenge = alice.expect(401)
    alice.request("REGISTER", uri, headers(alice, 2, "other", alice.credentials(challenge, "REGISTER", uri)) | wrong)
    alice.expect(403)


def test_registrations_outlive_kill_9_of_the_sip_process(plane: Plane, alice: Peer) -> None:
    bob = Peer("bob", (HOST, plane.sip_port), contact_params=";transport=UDP")
    assert bob.register(expires=120).code == 200
    plane.wait_event("registered", user="bob")
    time.sleep(0.3)
    plane.kill("sip")
    (plane.var / "sip.log").unlink()
    plane.start("sip")
    plane.wait_ready()
    call = alice.invite("bob")
    incoming = bob.expect("INVITE")
    assert ";transport=UDP" in incoming.start
    bob.respond(incoming, 486, "Busy Here", tag="x")
    bob.expect("ACK")
    alice.acknowledge(call, alice.expect(486))
    bob.register(expires=0)
    bob.close()


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH"])
def test_methods_that_are_not_served_are_405_with_allow(alice: Peer, method: str) -> None:
    alice.request(method, f"sip:{REALM}", headers(alice, 1, f"m{method}") | {"CSeq": f"1 {method}"})
    assert "INVITE" in alice.expect(405)["allow"]


def test_an_unknown_method_is_501_and_options_200(alice: Peer) -> None:
    alice.request("DANCE", f"sip:{REALM}", headers(alice, 1, "dance") | {"CSeq": "1 DANCE"})
    alice.expect(501)
    alice.request("OPTIONS", f"sip:{REALM}", headers(alice, 1, "options") | {"CSeq": "1 OPTIONS"})
    alice.expect(200)


def test_a_request_of_a_dialog_that_is_not_ours_is_481(alice: Peer) -> None:
    made = headers(alice, 1, "ghost") | {"CSeq": "1 BYE", "To": f"<sip:bob@{REALM}>;tag=gone"}
    alice.request("BYE", f"sip:bob@{REALM}", made)
    alice.expect(481)


def test_hops_used_up_are_483_and_demanded_extensions_420(alice: Peer) -> None:
    alice.request("INVITE", f"sip:bob@{REALM}", headers(alice, 1, "hops") | {"CSeq": "1 INVITE", "Max-Forwards": "0"})
    alice.expect(483)
    alice.request("INVITE", f"sip:bob@{REALM}", headers(alice, 1, "ext") | {"CSeq": "1 INVITE", "Require": "100rel"})
    assert alice.expect(420)["unsupported"] == "100rel"


HOSTILE = [
    b"",
    b"\x00" * 2000,
    b"INVITE\r\n\r\n" * 20,
    b"INVITE sip:x SIP/2.0\r\nVia: x\r\nFrom: x\r\nTo: x\r\nCall-ID: x\r\nCSeq: x\r\n\r\n",
    b"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKq\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    b"Call-ID: q\r\nCSeq: 1 REGISTER\r\nContact: <<<<\r\nContent-Length: 99999\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\nFrom: a\r\nTo: b\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP " + b"a" * 7000 + b"\r\n\r\n",
    "INVITE sip:é SIP/2.0\r\n".encode("latin-1") + b"x: y\r\n" * 10,
    b"INVITE sip:a@b SIP/2.0\r\n" + b"X: " + b"y" * 20000,
]


def test_rubbish_is_contained_and_service_goes_on(plane: Plane, alice: Peer) -> None:
    for data in HOSTILE:
        alice.socket.sendto(data, alice.server)
    assert alice.register().code == 200
    assert plane.processes["sip"].poll() is None


def test_who_fails_too_often_is_told_to_wait(plane: Plane) -> None:
    guesser = Peer("dave", (HOST, plane.sip_port), password="guess")
    codes = [guesser.register().code for _ in range(22)]
    assert codes[0] == 401
    assert codes[-1] == 403
    guesser.password = "k7mq-x3dw-p9ra-t4hv"
    assert guesser.register().code == 403
    guesser.close()
