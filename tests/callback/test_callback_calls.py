"""Callbacks between real processes: the test is the carrier and both telephones."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from callback import callback_rig as rig
from callback.callback_rig import Network
from voice.sip_plane import Plane

pytestmark = pytest.mark.stack


def begun(plane: Plane, key: str, name: str = "ana", **changes: object) -> None:
    answer = rig.ask(plane, "callback", rig.order(name, key, **changes))
    assert answer.get("stage") == "ringing-you", answer


def talking(plane: Plane, network: Network, key: str, name: str = "ana") -> tuple[rig.Telephone, rig.Telephone]:
    begun(plane, key, name)
    you = network.rung(rig.CUSTOMERS[name])
    you.answer()
    them = network.rung(rig.THEM)
    them.answer()
    plane.wait_event("callback", stage="talking", call=plane.events("callback")[-1]["call"])
    return you, them


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_both_are_rung_connected_and_charged_each_from_its_own_answer(plane: Plane, network: Network) -> None:
    rig.credit(plane, "ana", 10_000_000)
    begun(plane, "one")
    assert rig.ask(plane, "callback", rig.order("ana", "one"))["stage"] == "ringing-you"
    assert rig.ask(plane, "callback", rig.order("ana", "one", second="+33142000009")) == {"refused": "key-reused"}
    you = network.rung("33612000001")
    assert you.shown == "33199000100"
    you.answer()
    them = network.rung(rig.THEM)
    assert them.shown == "33612000001"
    you.hears("callback-connecting")
    them.answer()
    rig.until(lambda: you.hears_voice(them) and them.hears_voice(you), "both voices")
    assert you.holds() == "recvonly"  # answered by the relay: the other side is not asked again
    assert you.holds("sendrecv") == "sendrecv"
    them.heard.clear()
    rig.until(lambda: them.hears_voice(you), "the voice after the hold")
    you.hang_up()
    them.is_released()
    rig.legs(plane, "one")
    state = rig.told(plane, "one")
    assert (state["stage"], state["why"]) == ("over", "hung-up")
    first, second = state["first"], state["second"]
    assert first["charged_s"] >= second["charged_s"] >= 1
    assert (first["charge_micros"], second["charge_micros"]) == (
        first["charged_s"] * 10_000,
        second["charged_s"] * 10_000,
    )
    assert rig.ask(plane, "callback", rig.order("ana", "one"))["stage"] == "over"
    network.quiet(0.3)


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_nothing_rings_without_credit_for_both_nor_for_a_number_that_is_not_the_customers(
    plane: Plane, network: Network
) -> None:
    rig.credit(plane, "ben", 60_000)  # four seconds of one leg cost 40,000
    answer = rig.ask(plane, "callback", rig.order("ben", "poor"))
    assert (answer["stage"], answer["why"]) == ("over", "call-no-credit")
    refusals = {
        "stranger": ({"first": "33612999999"}, "number-not-yours"),
        "another": ({"first": rig.CUSTOMERS["ana"]}, "number-not-yours"),
        "emergency": ({"second": "112"}, "call-refused-emergency"),
        "special": ({"second": "0899123456"}, "call-refused-special"),
        "self": ({"second": f"+{rig.CUSTOMERS['ben']}"}, "number-own"),
        "rubbish": ({"second": "hello"}, "number-unknown"),
    }
    for key, (change, why) in refusals.items():
        answer = rig.ask(plane, "callback", rig.order("ben", key, **change))
        assert (answer.get("stage"), answer.get("why")) == ("over", why), key
    assert rig.ask(plane, "callback", {"key": "x"}) == {"refused": "unreadable"}
    network.quiet(0.3)
    # What was held for the first leg was given back: credit for both still makes the pair ring.
    rig.credit(plane, "ben", 20_000)
    begun(plane, "rich", "ben")
    with ThreadPoolExecutor(2) as together:
        answers = list(together.map(lambda key: rig.ask(plane, "callback", rig.order("ben", key)), ["two", "three"]))
    assert {one.get("refused", one.get("why", "")) for one in answers} <= {"call-no-credit", "too-many"}
    network.rung(rig.CUSTOMERS["ben"]).refuse(486, "Busy Here")
    rig.until(lambda: rig.row(plane, "rich")[2] == "you-busy", "the customer is busy")


def test_the_customer_hears_why_the_correspondent_is_not_reached(plane: Plane, network: Network) -> None:
    begun(plane, "busy")
    you = network.rung("33612000001")
    you.answer()
    network.rung(rig.THEM).refuse(486, "Busy Here")
    you.hears("busy")
    you.is_released()
    begun(plane, "no-answer", language="en")
    you = network.rung("33612000001")
    you.answer()
    them = network.rung(rig.THEM)
    you.hears("ringback", language="en")
    them.is_cancelled()  # after four seconds of ringing
    you.hears("no-answer", language="en")
    you.is_released()
    first, second = rig.legs(plane, "no-answer")
    assert (rig.row(plane, "no-answer")[2], second["charge_micros"]) == ("no-answer", 0)
    assert first["charge_micros"] > 0


def test_it_can_be_ended_at_each_moment_and_by_each(plane: Plane, network: Network) -> None:
    begun(plane, "m1")
    you = network.rung("33612000001")
    assert rig.ask(plane, "end-callback", "m1")["why"] == "ended"
    you.is_cancelled()
    assert rig.ask(plane, "end-callback", "m1") == {"refused": "over"}

    begun(plane, "m2")
    you = network.rung("33612000001")
    you.answer()
    them = network.rung(rig.THEM)
    you.hang_up()
    them.is_cancelled()

    you, them = talking(plane, network, "m3")
    them.hang_up()
    you.is_released()

    you, them = talking(plane, network, "m4")
    assert you.dialog
    assert them.dialog
    network.within(you.dialog, "BYE")
    network.within(them.dialog, "BYE")

    you, them = talking(plane, network, "m5")
    leg = plane.events("leg-answered")[-1]["call"]
    assert rig.ask(plane, "cut", f"{leg}.2") == {"result": "cut"}
    you.is_released()
    them.is_released()
    rig.legs(plane, "m5")
    assert rig.row(plane, "m5")[2] == "operator"
    sessions = [one["call"] for one in plane.events("call-settled")]
    assert len(sessions) == len(set(sessions))


@pytest.mark.clause("KRY-4.4.1-easydialer", "IPP-9.2-cut-at-zero")
def test_credit_that_ends_is_warned_of_in_one_ear_and_cuts_both(plane: Plane, network: Network) -> None:
    rig.credit(plane, "cleo", 80_000)
    began = time.monotonic()
    you, them = talking(plane, network, "short", "cleo")
    you.hears("one-minute-left", timeout_s=9)
    you.is_released()
    them.is_released()
    assert time.monotonic() - began >= 3.8
    assert not them.heard_it("one-minute-left")
    assert [one["charge_micros"] for one in rig.legs(plane, "short")] == [40_000, 40_000]
    assert rig.row(plane, "short")[2] == "credit"


def test_a_code_is_spoken_twice_and_costs_nobody_anything(plane: Plane, network: Network) -> None:
    asked = {"key": "code", "brand": "kryptoow", "digits": "33612345678", "code": "4082", "access": "33199000100"}
    assert rig.ask(plane, "speak", asked)["stage"] == "ringing-you"
    assert rig.ask(plane, "speak", asked | {"key": "more"}) == {"refused": "too-many"}
    assert rig.ask(plane, "speak", asked | {"key": "x", "digits": "112"}).get("why") == "number-unknown"
    assert rig.ask(plane, "speak", asked | {"key": "y", "code": "12345678"}) == {"refused": "unreadable"}
    phone = network.rung("33612345678")
    assert phone.shown == "33199000100"
    phone.answer()
    for name in ("code-is", "n4", "n0", "n8", "n2"):
        phone.hears(name)
    phone.hang_up()
    rig.until(lambda: rig.row(plane, "code")[2] == "hung-up", "over")
    assert "4082" not in plane.log("sip")


def test_without_media_both_are_released_and_new_orders_wait_for_none(plane: Plane, network: Network) -> None:
    you, them = talking(plane, network, "mute")
    plane.kill("media")
    you.is_released()
    them.is_released()
    rig.legs(plane, "mute")
    assert rig.row(plane, "mute")[2] == "media-lost"
    assert rig.ask(plane, "callback", rig.order("ana", "mute2")) == {"refused": "full"}
    plane.start("media")
    plane.wait_event("media_online", 2)
    begun(plane, "mute2")
    network.rung("33612000001").refuse(486, "Busy Here")


def test_kill_9_in_mid_call_releases_both_and_charges_to_the_last_heartbeat(plane: Plane, network: Network) -> None:
    you, them = talking(plane, network, "killed")
    time.sleep(1.5)
    plane.kill("sip")
    (plane.var / "sip.log").unlink()
    plane.start("sip")
    plane.wait_ready()
    you.is_released(10)
    them.is_released(10)
    first, second = rig.legs(plane, "killed")
    assert rig.row(plane, "killed")[1:] == ("over", "restart")
    assert 1 <= second["charged_s"] <= first["charged_s"] <= 4
    assert rig.ask(plane, "callback", rig.order("ana", "killed"))["why"] == "restart"
    network.quiet(0.3)
