"""Calls between telephones that are not ours (baresip), and what is heard on them."""

from __future__ import annotations

import time

import pytest
from baresip_phone import loud_seconds, tone_seconds

from voice.sip_plane import Plane

pytestmark = [pytest.mark.peers, pytest.mark.stack]


def test_two_phones_hear_each_other_and_nothing_else(plane: Plane, phone) -> None:
    alice, bob = phone("alice", tone_hz=440), phone("bob", tone_hz=1000, auto_answer=True)
    alice.dial("bob")
    alice.wait("CALL_ESTABLISHED")
    time.sleep(2)
    alice.hang_up()
    bob.wait("CALL_CLOSED")
    assert tone_seconds(alice.heard(), 1000) > 1
    assert tone_seconds(alice.heard(), 440) == 0
    assert tone_seconds(bob.heard(), 440) > 1


def test_mu_law_phones_understand_each_other(plane: Plane, phone) -> None:
    alice = phone("alice", tone_hz=440, codecs="PCMU/8000/1")
    bob = phone("bob", tone_hz=1000, codecs="PCMU/8000/1", auto_answer=True)
    alice.dial("0972100002")
    alice.wait("CALL_ESTABLISHED")
    time.sleep(1.5)
    bob.hang_up()
    alice.wait("CALL_CLOSED")
    assert tone_seconds(alice.heard(), 1000) > 0.5
    assert tone_seconds(bob.heard(), 440) > 0.5


def test_several_devices_ring_together_the_first_wins_and_the_other_is_cancelled(plane: Plane, phone) -> None:
    alice, desk, mobile = phone("alice"), phone("bob", tone_hz=1000), phone("bob", tone_hz=1500)
    alice.dial("bob")
    for device in (desk, mobile):
        device.wait("CALL_INCOMING")
    mobile.accept()
    alice.wait("CALL_ESTABLISHED")
    desk.wait("CALL_CLOSED")
    time.sleep(1.5)
    alice.hang_up()
    mobile.wait("CALL_CLOSED")
    assert tone_seconds(alice.heard(), 1500) > 0.5
    assert tone_seconds(alice.heard(), 1000) == 0
    assert desk.recordings() == 0


def test_digits_arrive_as_they_were_pressed(plane: Plane, phone) -> None:
    alice, bob = phone("alice"), phone("bob", auto_answer=True)
    alice.dial("bob")
    alice.wait("CALL_ESTABLISHED")
    time.sleep(0.3)
    alice.digits("159#")
    time.sleep(0.3)
    alice.hang_up()
    bob.wait("CALL_CLOSED")
    assert bob.digits_heard() == "159#"


def test_a_call_on_hold_is_silent_and_goes_on_afterwards(plane: Plane, phone) -> None:
    alice, bob = phone("alice", tone_hz=440), phone("bob", tone_hz=1000, auto_answer=True)
    alice.dial("bob")
    alice.wait("CALL_ESTABLISHED")
    for held in (False, True, False):
        if held:
            alice.hold()
        else:
            alice.resume()
        for one in (alice, bob):
            one.wait_talking(not held)
    alice.hang_up()
    bob.wait("CALL_CLOSED")


@pytest.mark.clause("IPP-0-restrictions", "LAW-emergency")
def test_an_emergency_call_hears_an_announcement_and_is_then_refused(plane: Plane, phone) -> None:
    alice = phone("alice")
    alice.dial("112")
    closed = alice.wait("CALL_CLOSED", timeout_s=30)
    assert "CALL_ESTABLISHED" not in alice.kinds()
    assert loud_seconds(alice.heard()) > 8, "French, then English: about fourteen seconds"
    assert "403" in str(closed.get("param")), closed
    assert plane.events("announcement")[-1]["prompts"] == ["ippi/fr/emergency-refused", "ippi/en/emergency-refused"]


def test_early_media_of_a_carrier_is_heard_before_the_answer(plane: Plane, phone) -> None:
    alice = phone("alice")
    alice.dial("0142000183")
    alice.wait("CALL_ESTABLISHED", timeout_s=15)
    answered = time.monotonic()
    time.sleep(0.5)
    alice.hang_up()
    alice.wait("CALL_CLOSED")
    talked = time.monotonic() - answered
    assert loud_seconds(alice.heard()) > talked + 0.5, "what was heard before the answer comes on top"


def test_a_phone_whose_power_fails_leaves_no_call_that_a_hang_up_does_not_end(plane: Plane, phone) -> None:
    alice, bob = phone("alice"), phone("bob", auto_answer=True)
    alice.dial("bob")
    alice.wait("CALL_ESTABLISHED")
    since = len(plane.events("call-ended"))
    bob.kill()
    alice.hang_up()
    alice.wait("CALL_CLOSED")
    plane.wait_event("call-ended", count=since + 1)
    plane.wait_event("watchdog", timeout_s=15)
