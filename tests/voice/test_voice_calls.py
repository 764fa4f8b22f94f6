"""Calls through the real plane: registration, on-net, carrier, cut, with a bare peer that shows every byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from voice.sip_peer import Peer, sdp
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
