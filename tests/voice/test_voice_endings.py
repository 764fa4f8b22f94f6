"""How calls end when credit, phones or processes do not play along: cut, deaf phones, kill -9 of each process."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from voice.sip_peer import Peer, sdp
from voice.sip_plane import HOST, Plane, wait_until

pytestmark = pytest.mark.stack
SILENCE = b"\x80\x08" + bytes(10) + b"\xd5" * 160


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
    peer.close()


def talk(alice: Peer, bob: Peer) -> None:
    """An answered call between them."""
    call = alice.invite("bob")
    incoming = bob.expect("INVITE")
    bob.respond(incoming, 200, "OK", tag="b1", body=sdp(bob.rtp_port))
    bob.expect("ACK")
    alice.acknowledge(call, alice.expect(200))


def top_up(plane: Plane, name: str, micros: int) -> None:
    plane.shell(
        "from cadran.charging.adapters.client import SocketCharging\nfrom cadran.charging.ports import BuyCredit\n"
        "from django.conf import settings\nSocketCharging(settings.CHARGING_SOCKET).buy_credit(BuyCredit("
        f"key='{name}-{micros}-{time.monotonic_ns()}',account={plane.accounts[name]!r},terms='ippi/2018-04',"
        f"amount_micros={micros},currency='EUR',at=settings.CIVIL_CLOCK.now()))"
    )


def answered(plane: Plane, session: object) -> dict[str, object]:
    return next(one for one in plane.events("call-ended") if one["call"] == session)


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_at_zero_both_legs_get_a_bye_and_the_media_stop_though_one_phone_ignores_it(plane: Plane) -> None:
    top_up(plane, "dave", 2000)  # ten seconds at 0.0120 a minute
    dave = Peer("dave", (HOST, plane.sip_port))
    call = dave.invite("0142000481")  # answers, then ignores BYE and talks on
    final = dave.expect(200)
    dave.acknowledge(call, final)
    started = time.monotonic()
    port = int(final.body.split("m=audio ")[1].split()[0])
    dave.rtp.sendto(SILENCE, (HOST, port))
    bye = dave.expect("BYE", timeout_s=13)
    assert time.monotonic() - started >= 9.8
    dave.respond(bye, 200, "OK")
    time.sleep(0.3)
    dave.rtp.setblocking(False)
    try:
        while dave.rtp.recv(2048):
            pass
    except BlockingIOError:
        pass
    dave.rtp.settimeout(0.6)
    with pytest.raises(TimeoutError):
        dave.rtp.recv(2048)
    plane.wait_event("watchdog", leg="callee")
    settled = plane.wait_event("call-settled")[-1]
    assert (settled["charged_s"], settled["charge_micros"], settled["cut"]) == (10, 2000, True)
    dave.close()


def test_a_phone_that_ignores_bye_and_never_answers_does_not_keep_the_call(
    plane: Plane, alice: Peer, bob: Peer
) -> None:
    talk(alice, bob)
    before = len(plane.events("watchdog"))
    bob_dialog = plane.wait_event("call-answered")[-1]
    plane.kill("media")
    alice.expect("BYE")
    bob.expect("BYE")
    wait_until(lambda: len(plane.events("watchdog")) >= before + 2, 6, "watchdog", plane)
    assert answered(plane, bob_dialog["call"])["by"] == "media-lost"
    refused = Peer("alice", (HOST, plane.sip_port))
    refused.request(
        "INVITE",
        "sip:bob@cadran.local",
        {
            "From": "<sip:alice@cadran.local>;tag=1",
            "To": "<sip:bob@cadran.local>",
            "Call-ID": "no-media",
            "CSeq": "1 INVITE",
            "Contact": refused.contact,
        },
    )
    assert refused.expect(503)["retry-after"]
    refused.close()
    plane.start("media")
    wait_until(lambda: len(plane.events("media_online")) >= 2, 10, "media back", plane)
    talk(Peer("alice", (HOST, plane.sip_port)), bob)


def test_kill_9_of_sip_sends_bye_on_both_legs_and_charges_to_the_last_heartbeat(
    plane: Plane, alice: Peer, bob: Peer
) -> None:
    talk(alice, bob)
    charged = Peer("alice", (HOST, plane.sip_port))
    call = charged.invite("0142000001")
    charged.acknowledge(call, charged.expect(200))
    session = plane.wait_event("call-answered", carrier="sandbox-one")[-1]["call"]
    time.sleep(5)  # a heartbeat at most four seconds old
    plane.kill("sip")
    (plane.var / "sip.log").unlink()
    plane.start("sip")
    plane.wait_ready()
    for peer in (alice, bob, charged):
        peer.respond(peer.expect("BYE", timeout_s=10), 200, "OK")
    settled = plane.wait_event("call-settled", call=session)[-1]
    assert 1 <= int(str(settled["charged_s"])) <= 7
    record = next(one for one in plane.cdrs("alice") if one["cdr_id"] == settled["cdr"])
    assert record["ended_by"] == "restart"
    charged.close()


def test_without_charging_calls_go_on_new_ones_get_503_and_the_settlement_is_made_when_it_is_back(
    plane: Plane, alice: Peer, bob: Peer
) -> None:
    call = alice.invite("0142000001")
    alice.acknowledge(call, alice.expect(200))
    session = plane.wait_event("call-answered", carrier="sandbox-one")[-1]["call"]
    plane.kill("charging")
    bob_call = bob.invite("alice")
    bob.acknowledge(bob_call, bob.expect(503, timeout_s=9))
    alice.nothing("BYE", timeout_s=0.5)
    alice.within(call, "BYE")
    alice.expect(200)
    plane.wait_event("call-ended", call=session)
    plane.kill("sip")
    (plane.var / "sip.log").unlink()
    plane.start("charging")
    plane.start("sip")
    plane.wait_ready()
    plane.wait_event("call-settled", call=session, timeout_s=20)
    assert sum(one["session"] == session for one in plane.cdrs("alice")) == 1


def test_a_clean_stop_ends_the_calls_and_settles_them(plane: Plane, alice: Peer, bob: Peer) -> None:
    talk(alice, bob)
    session = plane.wait_event("call-answered")[-1]["call"]
    process = plane.processes["sip"]
    process.terminate()
    for peer in (alice, bob):
        peer.respond(peer.expect("BYE"), 200, "OK")
    assert process.wait(8) == 0
    del plane.processes["sip"]
    plane.wait_event("call-settled", call=session)
    assert plane.shell(
        "from cadran.voice.models import Dialog, Settlement\nprint(Dialog.objects.count(), Settlement.objects.count())"
    ).split() == ["0", "0"]
