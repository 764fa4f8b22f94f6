"""A flood of malformed and oversized messages while calls go on: no crash, no wrong charge, and the calls do not notice."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from voice.sip_peer import Peer, sdp
from voice.sip_plane import HOST, Plane

pytestmark = [pytest.mark.stack]
FLOOD_S = 12
PER_S = 1500


class Talker(threading.Thread):
    """Sends a packet each 20 ms to a port until told to stop."""

    def __init__(self, peer: Peer, port: int) -> None:
        super().__init__(daemon=True)
        self.peer, self.port, self.stop = peer, port, threading.Event()

    def run(self) -> None:
        number = 0
        while not self.stop.wait(0.02):
            number += 1
            header = (
                bytes([0x80, 8]) + (number & 0xFFFF).to_bytes(2, "big") + (number * 160).to_bytes(4, "big") + b"talk"
            )
            self.peer.rtp.sendto(header + b"\xd5" * 160, (HOST, self.port))


def packets(peer: Peer, seconds: float) -> int:
    """How many packets reach a peer's audio port meanwhile."""
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            peer.rtp.recv(2048)
            count += 1
        except OSError:
            continue
    return count


def audio_port(message) -> int:
    return int(next(line for line in message.body.splitlines() if line.startswith("m=audio")).split()[1])


def test_two_calls_go_on_through_a_flood_and_are_charged_right(plane: Plane) -> None:
    server = (HOST, plane.sip_port)
    earlier, settled = plane.cdrs("alice"), len(plane.events("call-settled"))
    alice, bob, paying = Peer("alice", server), Peer("bob", server), Peer("alice", server)
    assert bob.register().code == 200
    free = alice.invite("bob")
    incoming = bob.expect("INVITE")
    bob.respond(incoming, 200, "OK", tag="b1", body=sdp(bob.rtp_port))
    answer = alice.expect(200)
    alice.acknowledge(free, answer)
    bob.expect("ACK")
    paid = paying.invite("0142000001")
    paid_answer = paying.expect(200)
    paying.acknowledge(paid, paid_answer)
    answered_at = time.monotonic()
    talker = Talker(alice, audio_port(answer))
    talker.start()
    assert packets(bob, 1) > 30
    sip = plane.processes["sip"]
    before = resident_kb(sip.pid)

    flood = subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("flood.py")),
            HOST,
            str(plane.sip_port),
            str(PER_S),
            str(FLOOD_S),
        ],
        stdout=subprocess.PIPE,
    )
    heard = packets(bob, FLOOD_S)
    flood.wait(30)
    talker.stop.set()

    assert sip.poll() is None, plane.log("sip")[-3000:]
    assert heard > 0.9 * 45 * FLOOD_S, "audio went on"
    deadline = time.monotonic() + 20
    while True:  # what is still queued is worked off, then new calls are taken again
        late = Peer("bob", server)
        if late.register(expires=60).code == 200 or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    late.register(expires=0, contact="*")
    assert resident_kb(sip.pid) < before + 80_000
    paying.within(paid, "BYE")
    paying.expect(200)
    lasted = time.monotonic() - answered_at
    alice.within(free, "BYE")
    alice.expect(200)
    plane.wait_event("call-settled", count=settled + 2, timeout_s=20)
    records = plane.cdrs("alice")[: -len(earlier) or None]
    charged = [record for record in records if record["charge_micros"]]
    assert len(charged) == 1, "the flood bought nothing"
    seconds = int(str(charged[0]["charge_micros"])) // 200
    assert abs(seconds - lasted) < 3
    assert [record["disposition"] for record in records].count("answered") == 2


def resident_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4
