"""At zero the sound ends on both sides, though both phones ignore the BYE and talk on."""

from __future__ import annotations

import socket
import time

import pytest
from test_flood import Talker, audio_port, packets

from voice.sip_peer import Peer, sdp
from voice.sip_plane import HOST, Plane

pytestmark = [pytest.mark.stack]

BUY = """
from django.conf import settings
from cadran.charging.adapters.client import SocketCharging
from cadran.charging.ports import BuyCredit
at = settings.CIVIL_CLOCK.now()
SocketCharging(settings.CHARGING_SOCKET).buy_credit(BuyCredit(
    key="eleven", account={account!r}, terms="ippi/2018-04", amount_micros=16_500, currency="EUR", at=at))
"""


class Network(Peer):
    """The called side at the carrier's address."""

    def __init__(self, port: int, server: tuple[str, int]) -> None:
        super().__init__("network", server)
        self.socket.close()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, port))
        self.port = port


@pytest.mark.clause("IPP-10.1-per-second")
def test_at_zero_no_packet_reaches_phones_that_ignore_the_bye(plane: Plane) -> None:
    plane.shell(BUY.format(account=plane.accounts["dave"]))  # eleven seconds to a mobile, at 1,500 micros a second
    plane.kill("carrier")
    dave = Peer("dave", (HOST, plane.sip_port))
    network = Network(plane.carrier_port, dave.server)
    try:
        call = dave.invite("0612345678")
        incoming = network.expect("INVITE")
        network.respond(incoming, 200, "OK", tag="n1", body=sdp(network.rtp_port))
        answer = dave.expect(200)
        dave.acknowledge(call, answer)
        network.expect("ACK")
        talkers = [Talker(dave, audio_port(answer)), Talker(network, audio_port(incoming))]
        for talker in talkers:
            talker.start()
        assert packets(dave, 1) > 30
        assert packets(network, 1) > 30
        assert network.expect("BYE", timeout_s=20)
        assert dave.expect("BYE")
        time.sleep(0.3)
        for peer in (dave, network):
            drain(peer)
        assert packets(dave, 1) == 0
        assert packets(network, 1) == 0
        for talker in talkers:
            talker.stop.set()
        plane.wait_event("call-settled", timeout_s=15)
        (record,) = plane.cdrs("dave")
        assert record["charge_micros"] == 16_500
    finally:
        dave.close()
        network.close()
        plane.start("carrier")


def drain(peer: Peer) -> None:
    peer.rtp.setblocking(False)
    try:
        while True:
            peer.rtp.recv(2048)
    except BlockingIOError:
        peer.rtp.settimeout(0.2)
