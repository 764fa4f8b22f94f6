"""Staff cuts a call in progress: a real BYE on both legs, and a record that says who ended it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from cadran.voice import control
from voice.sip_peer import Peer, sdp
from voice.sip_plane import HOST, Plane, wait_until

pytestmark = pytest.mark.stack


def ask(plane: Plane, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(5)
        one.connect(str(plane.var / "run" / "sip.sock"))
        one.sendall(sent)
        return one.makefile("rb").readline()


def test_a_cut_sends_bye_on_both_legs_and_the_record_says_the_operator_ended_it(plane: Plane) -> None:
    door = plane.var / "run" / "sip.sock"
    wait_until(door.exists, 10, "door", plane)
    assert door.stat().st_mode & 0o077 == 0
    alice, bob = Peer("alice", (HOST, plane.sip_port)), Peer("bob", (HOST, plane.sip_port))
    assert bob.register().code == 200
    call = alice.invite("bob")
    incoming = bob.expect("INVITE")
    bob.respond(incoming, 200, "OK", tag="b1", body=sdp(bob.rtp_port))
    bob.expect("ACK")
    alice.acknowledge(call, alice.expect(200))
    session = str(plane.wait_event("call-answered")[-1]["call"])
    with pytest.raises(control.CallOver):
        control.cut("call_of_somebody", door=door)
    alice.nothing("BYE", timeout_s=0.3)
    control.cut(session, door=door)
    for peer in (alice, bob):
        peer.respond(peer.expect("BYE"), 200, "OK")
    settled = plane.wait_event("call-settled", call=session)[-1]
    record = next(one for one in plane.cdrs("alice") if one["cdr_id"] == settled["cdr"])
    assert (record["disposition"], record["ended_by"]) == ("answered", "operator")
    with pytest.raises(control.CallOver):
        control.cut(session, door=door)
    for bad in (b"\n", b"[]\n", b'{"cut": 3}\n', b"\xff\xfe\n", b"x" * 5000 + b"\n"):
        assert json.loads(ask(plane, bad) or b'{"result": "closed"}')["result"] in {"unreadable", "closed"}
    assert alice.invite("bob") is not None, "the process lives on"
    bob.expect("INVITE")
    alice.close()
    bob.close()


def test_without_the_sip_process_staff_is_told(tmp_path: Path) -> None:
    with pytest.raises(control.CallsUnreachable):
        control.cut("call_1", door=tmp_path / "none.sock")
