"""Calls through the real plane: registration, on-net, carrier, cut, with a bare peer that shows every byte."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator

import pytest

from voice.sip_peer import Dialog, Message, Peer, sdp
from voice.sip_plane import HOST, Plane

pytestmark = pytest.mark.stack


@pytest.fixture
def alice(plane: Plane) -> Iterator[Peer]:
    peer = Peer("alice", (HOST, plane.sip_port))
    yield peer
    peer.close()


@pytest.fixture
def bob(plane: Plane) -> Iterator[Peer]:
    peer = Peer("bob", (HOST, plane.sip_port))
    assert peer.register().code == 200
    yield peer
    peer.register(expires=0)
    peer.close()


def test_an_on_net_call_rings_is_answered_and_ends_with_a_record(plane: Plane, alice: Peer, bob: Peer) -> None:
    call = alice.invite("bob")
    incoming = bob.expect("INVITE")
    assert "+33972100001" in incoming["from"]
    bob.respond(incoming, 180, "Ringing", tag="b1")
    alice.expect(180)
    bob.respond(incoming, 200, "OK", tag="b1", body=sdp(bob.rtp_port))
    answer = alice.expect(200)
    alice.acknowledge(call, answer)
    bob.expect("ACK")
    alice.within(call, "BYE")
    alice.expect(200)
    bob.respond(bob.expect("BYE"), 200, "OK")
    plane.wait_event("call-settled")
    newest = plane.cdrs("alice")[0]
    assert (newest["charge_micros"], newest["disposition"]) == (0, "answered")


def test_a_call_to_a_landline_goes_through_the_carrier_and_is_charged(plane: Plane, alice: Peer) -> None:
    call = alice.invite("0142000001")
    answer = alice.expect(200)
    alice.acknowledge(call, answer)
    alice.within(call, "BYE")
    alice.expect(200)
    plane.wait_event("call-ended", by="caller", count=2)
    plane.wait_event("call-settled", count=2)
    newest = plane.cdrs("alice")[0]
    assert newest["charge_micros"] == 200


def answer(callee: Peer, tag: str = "b1") -> Message:
    """Let the callee answer its next INVITE."""
    incoming = callee.expect("INVITE")
    callee.respond(incoming, 200, "OK", tag=tag, body=sdp(callee.rtp_port))
    callee.expect("ACK")
    return incoming


def connect(caller: Peer, callee: Peer) -> tuple[Dialog, Dialog, Message]:
    """An answered on-net call: both dialogs and the caller's 200."""
    call = caller.invite(callee.user)
    incoming = answer(callee)
    final = caller.expect(200)
    caller.acknowledge(call, final)
    return call, callee.dialog_of(incoming, "b1"), final


@pytest.mark.parametrize("params", [";transport=tcp", ";transport=UDP", ";transport=TLS;ob", ";x=1"])
def test_a_contact_with_another_transport_still_gets_its_bye(plane: Plane, params: str) -> None:
    server = (HOST, plane.sip_port)
    caller, callee = Peer("dave", server, params), Peer("bob", server, params)
    assert callee.register().code == 200
    _call, other, _ = connect(caller, callee)
    callee.within(other, "BYE")
    callee.expect(200)
    bye = caller.expect("BYE")
    assert bye.start == f"BYE sip:dave@{HOST}:{caller.port}{params} SIP/2.0"
    caller.respond(bye, 200, "OK")
    callee.register(expires=0)
    caller.close(), callee.close()


def test_a_contact_that_is_a_name_or_a_private_address_is_reached_at_its_source(plane: Plane, alice: Peer) -> None:
    callee = Peer("bob", (HOST, plane.sip_port))
    hidden = f"<sip:bob@phone.behind.nat.invalid:{callee.port}>"
    assert callee.register(contact=hidden).code == 200
    call = alice.invite("bob")
    incoming = callee.expect("INVITE")
    assert incoming.start.startswith("INVITE sip:bob@phone.behind.nat.invalid:")
    contact = Peer.contact
    try:
        Peer.contact = property(lambda self: "<sip:bob@10.255.255.1:5060>" if self is callee else contact.fget(self))  # type: ignore[assignment,misc,method-assign]
        callee.respond(incoming, 200, "OK", tag="b1", body=sdp(callee.rtp_port))
    finally:
        Peer.contact = contact  # type: ignore[method-assign]
    assert callee.expect("ACK").start == "ACK sip:bob@10.255.255.1:5060 SIP/2.0"
    alice.acknowledge(call, alice.expect(200))
    alice.within(call, "BYE")
    alice.expect(200)
    callee.respond(callee.expect("BYE"), 200, "OK")
    callee.register(expires=0, contact=hidden)
    callee.close()


def test_all_devices_ring_the_first_wins_and_the_others_are_cancelled(plane: Plane, alice: Peer) -> None:
    devices = [Peer("bob", (HOST, plane.sip_port)) for _ in range(3)]
    for one in devices:
        assert one.register().code == 200
    call = alice.invite("bob")
    incoming = [one.expect("INVITE") for one in devices]
    for number, (one, invite) in enumerate(zip(devices, incoming, strict=True)):
        one.respond(invite, 180, "Ringing", tag=f"d{number}")
    alice.expect(180)
    devices[1].respond(incoming[1], 200, "OK", tag="d1", body=sdp(devices[1].rtp_port))
    devices[1].expect("ACK")
    for number in (0, 2):
        devices[number].respond(devices[number].expect("CANCEL"), 200, "OK")
        devices[number].respond(incoming[number], 487, "Request Terminated", tag=f"d{number}")
        devices[number].expect("ACK")
    alice.acknowledge(call, alice.expect(200))
    alice.within(call, "BYE")
    alice.expect(200)
    devices[1].respond(devices[1].expect("BYE"), 200, "OK")
    devices[0].register(contact="*", expires=0)
    for one in devices:
        one.close()


def test_a_cancelled_call_stops_ringing_and_is_recorded(plane: Plane, alice: Peer, bob: Peer) -> None:
    call = alice.invite("bob")
    incoming = bob.expect("INVITE")
    bob.respond(incoming, 180, "Ringing", tag="b1")
    alice.expect(180)
    alice.cancel(call)
    assert alice.expect(200).cseq_method == "CANCEL"
    alice.acknowledge(call, alice.expect(487))
    bob.respond(bob.expect("CANCEL"), 200, "OK")
    bob.respond(incoming, 487, "Request Terminated", tag="b1")
    plane.wait_event("call-ended", disposition="cancelled")


def test_an_answer_that_crosses_the_cancel_gets_a_bye(alice: Peer, bob: Peer) -> None:
    call = alice.invite("bob")
    incoming = bob.expect("INVITE")
    bob.respond(incoming, 180, "Ringing", tag="b1")
    alice.expect(180)
    alice.cancel(call)
    alice.acknowledge(call, alice.expect(487))
    bob.respond(bob.expect("CANCEL"), 200, "OK")
    bob.respond(incoming, 200, "OK", tag="b1", body=sdp(bob.rtp_port))
    bob.respond(bob.expect("BYE"), 200, "OK")


@pytest.mark.parametrize(("number", "code"), [("0142000486", 486), ("0142000603", 603), ("0142000404", 404)])
def test_what_the_network_answers_reaches_the_caller(alice: Peer, number: str, code: int) -> None:
    call = alice.invite(number)
    alice.acknowledge(call, alice.expect(code))


def test_a_carrier_that_answers_503_gives_way_to_the_next(plane: Plane, alice: Peer) -> None:
    call = alice.invite("0142000503")
    alice.acknowledge(call, alice.expect(200))
    alice.within(call, "BYE")
    alice.expect(200)
    plane.wait_event("call-answered", carrier="sandbox-two")


def test_early_media_reaches_the_caller_before_the_answer(alice: Peer) -> None:
    call = alice.invite("0142000183")
    progress = alice.expect(183)
    assert "m=audio" in progress.body
    heard = 0
    for _ in range(10):
        alice.rtp.sendto(b"\x80\x08" + bytes(10) + b"\xd5" * 160, (HOST, media_port(progress.body)))
        try:
            alice.rtp.recv(2048)
            heard += 1
        except TimeoutError:
            continue
    assert heard > 3
    alice.acknowledge(call, alice.expect(200))
    alice.within(call, "BYE")
    alice.expect(200)


def media_port(body: str) -> int:
    return int(re.search(r"m=audio (\d+)", body)[1])  # type: ignore[index]


@pytest.mark.clause("LAW-emergency")
def test_an_emergency_call_is_announced_refused_and_recorded(plane: Plane, alice: Peer) -> None:
    call = alice.invite("112")
    progress = alice.expect(183)
    alice.rtp.sendto(b"\x80\x08" + bytes(10) + b"\xd5" * 160, (HOST, media_port(progress.body)))
    assert len(alice.rtp.recv(2048)) > 100
    plane.wait_event("announcement", prompts=["ippi/fr/emergency-refused", "ippi/en/emergency-refused"])
    alice.cancel(call)
    alice.acknowledge(call, alice.expect(487))


def test_a_call_to_nobody_is_404(alice: Peer) -> None:
    call = alice.invite("nobody-at-all")
    alice.expect(183)
    alice.cancel(call)
    alice.acknowledge(call, alice.expect(487))


def test_no_credit_is_402_after_its_announcement(plane: Plane, bob: Peer) -> None:
    call = bob.invite("0142000001")
    bob.expect(183)
    final = bob.expect(402, timeout_s=15)
    bob.acknowledge(call, final)


def test_an_open_sip_address_is_called_directly_and_free(plane: Plane, alice: Peer) -> None:
    call = alice.invite(f"sip:echo@{HOST}:{plane.carrier_port}")
    alice.acknowledge(call, alice.expect(200))
    alice.within(call, "BYE")
    alice.expect(200)
    plane.wait_event("call-allowed", code="call-free-open-sip")


def test_a_caller_without_a_number_is_withheld_towards_carriers(plane: Plane) -> None:
    code = (
        "from cadran.charging.adapters.client import SocketCharging\nfrom cadran.charging.ports import BuyCredit\n"
        "from django.conf import settings\nSocketCharging(settings.CHARGING_SOCKET).buy_credit(BuyCredit(key='carol',"
        f"account={plane.accounts['carol']!r},terms='ippi/2018-04',amount_micros=10_000_000,currency='EUR',"
        "at=settings.CIVIL_CLOCK.now()))"
    )
    plane.shell(code)
    network = Peer("network", (HOST, plane.sip_port))
    plane.kill("carrier", hard=False)
    network.socket.close()
    network.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    network.socket.bind((HOST, plane.carrier_port))
    carol = Peer("carol", (HOST, plane.sip_port))
    call = carol.invite("0142000001")
    incoming = network.expect("INVITE")
    assert incoming.start.startswith("INVITE sip:+33142000001@")
    assert "anonymous@anonymous.invalid" in incoming["from"]
    assert (incoming["privacy"], incoming["max-forwards"]) == ("id", "69")
    assert "carol" in incoming["p-asserted-identity"]
    network.respond(incoming, 486, "Busy Here", tag="n")
    carol.acknowledge(call, carol.expect(486))
    network.close()
    carol.close()
    plane.start("carrier")


def test_a_carrier_s_call_for_a_customer_s_number_rings_him(plane: Plane, bob: Peer) -> None:
    plane.kill("carrier", hard=False)
    network = Peer("+33601020304", (HOST, plane.sip_port))
    network.socket.close()
    network.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    network.socket.bind((HOST, plane.carrier_port))
    network.port = plane.carrier_port
    headers = {
        "From": f"<sip:+33601020304@{HOST}>;tag=n1",
        "To": f"<sip:+33972100002@{HOST}>",
        "Call-ID": "inbound-1",
        "CSeq": "1 INVITE",
        "Contact": network.contact,
    }
    network.request("INVITE", f"sip:+33972100002@{HOST}:{plane.sip_port}", headers, sdp(network.rtp_port))
    incoming = answer(bob)
    assert "+33601020304" in incoming["from"]
    final = network.expect(200)
    call = Dialog("inbound-1", headers["From"], headers["To"], "", cseq=1)
    network.acknowledge(call, final)
    bob.within(bob.dialog_of(incoming, "b1"), "BYE")
    bob.expect(200)
    network.respond(network.expect("BYE"), 200, "OK")
    plane.wait_event("call-allowed", code="call-inbound")
    network.request("INVITE", f"sip:+33999999999@{HOST}", headers | {"Call-ID": "inbound-2"}, sdp(network.rtp_port))
    network.expect(404)
    network.close()
    plane.start("carrier")


def test_hold_and_resume_and_digits_by_info_pass_between_the_legs(alice: Peer, bob: Peer) -> None:
    call, other, _ = connect(alice, bob)
    alice.within(call, "INVITE", sdp(alice.rtp_port, "sendonly", 2))
    hold = bob.expect("INVITE")
    assert "a=sendonly" in hold.body
    bob.respond(hold, 200, "OK", body=sdp(bob.rtp_port, "recvonly", 2))
    bob.expect("ACK")
    final = alice.expect(200)
    assert "a=recvonly" in final.body
    alice.acknowledge(call, final)
    bob.within(other, "INVITE", sdp(bob.rtp_port, "sendrecv", 3))
    resume = alice.expect("INVITE")
    alice.respond(resume, 488, "Not Acceptable Here")
    alice.expect("ACK")
    bob.acknowledge_failure(other, bob.expect(488))
    alice.within(call, "INFO", "Signal=5\r\n")
    alice.expect(200)
    info = bob.expect("INFO")
    assert "Signal=5" in info.body
    bob.respond(info, 200, "OK")
    alice.within(call, "REFER")
    alice.expect(405)
    alice.within(call, "BYE")
    alice.expect(200)
    bob.respond(bob.expect("BYE"), 200, "OK")


def test_a_session_refresh_with_the_same_description_is_answered_here(alice: Peer, bob: Peer) -> None:
    call, _, _ = connect(alice, bob)
    alice.within(call, "INVITE", sdp(alice.rtp_port))
    alice.acknowledge(call, alice.expect(200))
    bob.nothing("INVITE")
    alice.within(call, "BYE")
    alice.expect(200)
    bob.respond(bob.expect("BYE"), 200, "OK")


CARRIER_OF_THE_SCREEN = """
from datetime import UTC, datetime
from cadran.party import partners
partners.set_up(
    kind=partners.PartnerKind.CARRIER, brand="ippi", name="beta", by_id=1, by_name="anne", at=datetime.now(UTC), enabled={enabled},
    stated={{"host": "127.0.0.1", "port": "{port}", "priority": "1", "prefixes": "331", "number_form": "digits", "inbound": "no",
             "user": "cadran", "password": ""}},
    secrets={{"password": "s3cret-of-beta"}},
)
"""


@pytest.fixture
def beta(plane: Plane) -> Iterator[Peer]:
    peer = Peer("beta", (HOST, plane.sip_port))
    yield peer
    peer.close()


def proved(invite: Message, nonce: str) -> bool:
    """Whether the INVITE proves that it knows the password."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', invite["authorization"]))

    def h(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    ha1, ha2 = h(f"cadran:beta.example:{'s3cret-of-beta'}"), h(f"INVITE:{given['uri']}")
    middle = f"{given['nc']}:{given['cnonce']}:{given['qop']}:" if "qop" in given else ""
    return given["nonce"] == nonce and given["response"] == h(f"{ha1}:{nonce}:{middle}{ha2}")


def test_a_carrier_of_the_screen_is_taken_up_asked_to_prove_itself_and_let_go(
    plane: Plane, alice: Peer, beta: Peer
) -> None:
    plane.shell(CARRIER_OF_THE_SCREEN.format(port=beta.port, enabled=True))
    plane.wait_event("carriers-taken-up", timeout_s=20)
    call = alice.invite("0142000001")
    first = beta.expect("INVITE")
    assert "sip:33142000001@" in first.start
    challenge = 'WWW-Authenticate: Digest realm="beta.example",nonce="n0nce",qop="auth",algorithm=MD5\r\n'
    beta.respond(first, 401, "Unauthorized", tag="c1", extra=challenge)
    beta.expect("ACK")
    second = beta.expect("INVITE")
    assert proved(second, "n0nce")
    beta.respond(second, 200, "OK", tag="c2", body=sdp(beta.rtp_port))
    beta.expect("ACK")
    alice.acknowledge(call, alice.expect(200))
    alice.within(call, "BYE")
    alice.expect(200)
    beta.respond(beta.expect("BYE"), 200, "OK")
    assert "s3cret-of-beta" not in plane.log("sip")
    plane.shell(CARRIER_OF_THE_SCREEN.format(port=beta.port, enabled=False))
    plane.wait_event("carriers-taken-up", count=2, timeout_s=20)
    again = alice.invite("0142000001")
    alice.acknowledge(again, alice.expect(200))
    alice.within(again, "BYE")
    alice.expect(200)
    beta.nothing("INVITE")
