"""Whole calls at access numbers, through real processes, heard packet by packet.

The brand's increments are one second here and its warning comes a second before the end (60 and 60 in its terms, for which
test_access_charges.py uses a clock of its own), so that credit is used up in a call of seconds: a cent each.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from access.access_plane import STRANGE, AccessPlane, Callee, Caller
from cadran.voice import control
from peers import baresip_phone
from voice.sip_peer import sdp
from voice.sip_plane import HOST, free_udp, phone_rtp, wait_until

pytestmark = pytest.mark.stack
Calling = Callable[..., Caller]
GREETING = ["fr/welcome", "fr/your-credit-is"]
PARIS, MARSEILLE_LATER, LONDON = "33199000100", "33465710100", "442079460100"


@pytest.mark.clause("KRY-4.4.1-ivr", "KRY-4.4.1-caller-id", "KRY-3.2.2-operator")
def test_a_recognised_caller_hears_its_credit_dials_is_connected_and_charged(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    ada = call("33612000001")
    assert ada.connect().code == 200
    assert ada.wait_heard("fr/dial-number-hash")[:2] == GREETING
    ada.dial("0142000001#")
    plane.wait_event("call-answered")
    assert ada.heard[5:10] == ["fr/you-have", "fr/n16", "fr/minutes", "fr/for-this-call", "fr/connecting"]
    invite = callee.invites()[0]
    assert "+33142000001@" in invite.start
    assert "+33612000001" in invite["from"]
    ada.hang_up()
    plane.wait_event("call-settled", count=2)
    own, second = sorted(plane.cdrs("ada"), key=lambda one: str(one["via"]))
    assert (own["via"], own["charge_micros"], own["disposition"]) == ("access-leg", 0, "answered")
    assert (second["via"], second["charged_s"], second["charge_micros"]) == ("access-number", 1, 10_000)
    assert own["family"] == second["family"] == own["session"]
    assert callee.methods(invite["call-id"]) == ["INVITE", "ACK", "BYE"]


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_callers_who_are_not_let_in_hear_why_in_the_right_language_and_are_released(
    plane: AccessPlane, call: Calling
) -> None:
    for number, target, given, said, code in (
        ("33142999999", PARIS, {}, "fr/refused-unknown", 403),
        ("33142999998", LONDON, {}, "en/refused-unknown", 403),
        ("33612000001", PARIS, {"extra": {"Privacy": "id"}}, "fr/refused-withheld", 433),
        ("33612000001", LONDON, {"user": "anonymous"}, "en/refused-withheld", 433),
        ("33142000088", PARIS, {}, "fr/refused-suspended", 403),
        ("33142000099", PARIS, {}, "fr/refused-closed", 403),
        ("33612000001", MARSEILLE_LATER, {}, "fr/refused-not-open", 480),
    ):
        caller = call(number)
        assert caller.connect(target, **given).code == 183
        final = caller.expect(*range(300, 700))
        assert caller.call
        caller.acknowledge(caller.call, final)
        time.sleep(0.03)
        assert (caller.heard, final.code) == ([said, f"{said[:2]}/goodbye"], code)


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_number_that_nobody_vouches_for_needs_the_pin_and_a_french_mobile_from_abroad_counts_as_withheld(
    plane: AccessPlane, call: Calling
) -> None:
    ada = call("33612000001", host=STRANGE)
    assert ada.connect().code == 183
    assert ada.expect(433)
    assert ada.heard[0] == "fr/refused-withheld"
    bea = call("33142000077", host=STRANGE)
    assert bea.connect().code == 200
    bea.wait_heard("fr/enter-pin")
    bea.dial("0000#")
    bea.wait_heard("fr/enter-pin", times=2)
    bea.dial("8316#")
    assert bea.wait_heard("fr/dial-number-hash")[:5] == [
        "fr/enter-pin", "fr/pin-wrong", "fr/enter-pin", "fr/welcome", "fr/your-credit-is",
    ]  # fmt: skip
    bea.hang_up()


def test_whoever_guesses_again_and_again_is_turned_away_before_anybody_is_looked_up(
    plane: AccessPlane, call: Calling
) -> None:
    for _ in range(5):
        caller = call("33142777777")
        caller.connect()
        caller.expect(403)
    assert caller.heard[0] == "fr/refused-unknown"
    sixth = call("33142777777")
    sixth.connect()
    assert sixth.expect(429)["retry-after"] == "5"
    assert sixth.heard[0] == "fr/refused-too-many"


@pytest.mark.clause("KRY-4.4.1-ivr", "KRY-4.4.1-phone-statement")
def test_wrong_numbers_speed_dial_star_star_and_the_statement_without_hanging_up(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    emma = call("33612000005")
    emma.connect()
    emma.wait_heard("fr/dial-number-hash")
    emma.dial("99#")
    emma.wait_heard("fr/speed-dial-empty")
    emma.wait_heard("fr/dial-number-hash", 2)
    emma.dial("00442079460111#")
    plane.wait_event("call-answered", count=2)
    time.sleep(0.2)
    emma.dial("**")
    after = emma.wait_heard("fr/call-lasted")
    assert after.index("fr/connecting") < after.index("fr/call-lasted")
    emma.wait_heard("fr/dial-number-hash", 3)
    emma.dial("*1#")
    assert "fr/you-have-made" in emma.wait_heard("fr/dial-number-hash", 4)
    emma.dial("112#")
    emma.wait_heard("en/emergency-refused")
    emma.dial("199000100#")
    emma.hang_up()
    assert callee.methods(callee.invites()[0]["call-id"]) == ["INVITE", "ACK", "BYE"]


@pytest.mark.clause("KRY-4.4.1-ivr")
def test_credit_that_ends_is_warned_of_in_the_callers_ear_alone_then_cut_and_said(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    cleo = call("33612000003")
    cleo.connect()
    cleo.wait_heard("fr/dial-number-hash")
    cleo.dial("0142000001#")
    heard = cleo.wait_heard("fr/credit-used-up", timeout_s=10)
    assert heard.index("fr/you-have-left") < heard.index("fr/credit-used-up")
    invite = callee.invites()[0]
    ear = callee.ears[invite["call-id"]]
    assert ear.packets
    assert plane.said(ear.packets) == []
    wait_until(lambda: "BYE" in callee.methods(invite["call-id"]), 3, "BYE")
    cleo.hang_up()
    wait_until(lambda: any(one["ended_by"] == "credit" for one in plane.cdrs("cleo")), 5, "record")
    cut = next(one for one in plane.cdrs("cleo") if one["ended_by"] == "credit")
    assert (cut["charged_s"], cut["charge_micros"]) == (2, 20_000)


def test_two_callers_on_one_account_spend_no_more_than_it_has(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    one, other = call("33612000004"), call("33612000004")
    one.connect()
    other.connect()
    one.wait_heard("fr/dial-number-hash")
    other.wait_heard("fr/dial-number-hash")
    extended = len(plane.events("call-extended"))
    one.dial("0142000001#")
    wait_until(lambda: len(plane.events("call-extended")) > extended, 8, "the first call takes all there is", plane)
    other.dial("0142000002#")
    other.wait_heard("fr/no-credit-for-this")
    one.hang_up()
    other.hang_up()
    assert len(callee.invites()) == 1


def test_digits_by_info_busy_then_the_next_carrier_then_early_media_and_a_callee_who_hangs_up(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    behind = Callee(plane.callee_ports[1], ("127.0.0.1", plane.sip_port))
    fay = call("33612000006")
    fay.connect(LONDON)
    fay.wait_heard("fr/dial-number-hash")
    callee.refuse = 486
    fay.info("0142000001#", relay=True)
    fay.wait_heard("fr/busy")
    fay.wait_heard("fr/dial-number-hash", 2)
    callee.refuse = 503
    fay.info("0142000002#", relay=False)
    wait_until(lambda: behind.ears, 5, "the second carrier")
    fay.wait_heard("fr/connecting", 2)
    time.sleep(0.1)
    behind.hang_up(behind.invites()[0]["call-id"])
    fay.wait_heard("fr/call-lasted")
    fay.wait_heard("fr/dial-number-hash", 3)
    callee.refuse, callee.early = 0, True
    fay.dial("0142000003#")
    wait_until(lambda: b"\x2a" * 160 in fay.ear.packets, 5, "early media", plane)
    fay.hang_up()
    wait_until(lambda: "CANCEL" in callee.methods(callee.invites()[-1]["call-id"]), 5, "CANCEL", plane)
    behind.close()


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_prepared_call_rings_its_destination_without_a_digit_dialled_and_both_may_hang_up_at_once(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    plane.shell(
        "from django.conf import settings\nfrom cadran.party.calling import operations\n"
        f"operations.prepare_call(account={plane.accounts['fay']!r}, calling='33612000006', destination='442079460333',"
        " at=settings.CIVIL_CLOCK.now())"
    )
    fay = call("33612000006")
    fay.connect()
    wait_until(lambda: "ACK" in [one.method for one in callee.seen], 8, "answer", plane)
    assert "+442079460333@" in callee.invites()[0].start
    assert "fr/dial-number-hash" not in fay.heard
    session = str(plane.events("access-answered")[-1]["call"])
    callee.hang_up(callee.invites()[0]["call-id"])
    fay.hang_up()
    for one in (session, f"{session}-1"):
        plane.wait_event("call-settled", call=one)
        assert len([seen for seen in plane.events("call-settled") if seen["call"] == one]) == 1


def test_hold_by_the_caller_a_staffs_cut_and_a_caller_who_cancels(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    ada = call("33612000001")
    ada.connect()
    ada.wait_heard("fr/dial-number-hash")
    ada.dial("0142000001#")
    wait_until(lambda: "ACK" in [one.method for one in callee.seen], 5, "answer")
    assert ada.call
    ada.within(ada.call, "INVITE", sdp(ada.ear.port, "inactive", 2))
    held = ada.expect(200)
    assert "a=inactive" in held.body
    ada.acknowledge(ada.call, held)
    session = str(plane.events("access-answered")[-1]["call"])
    control.cut(f"{session}-1", door=plane.var / "run" / "sip.sock")
    ada.respond(ada.expect("BYE"), 200, "OK")
    wait_until(lambda: "BYE" in callee.methods(callee.invites()[0]["call-id"]), 3, "BYE")
    plane.wait_event("call-settled", call=session)
    plane.wait_event("call-settled", call=f"{session}-1")
    assert [one["ended_by"] for one in plane.cdrs("ada")[:2]] == ["operator", "operator"]
    early = call("33142999997")
    early.connect()
    assert early.call
    early.cancel(early.call)
    early.expect(487)


@pytest.mark.peers
@pytest.mark.clause("KRY-4.4.1-ivr")
def test_a_telephone_that_is_not_ours_hears_the_same_words_in_the_same_order(
    plane: AccessPlane, callee: Callee
) -> None:
    if not baresip_phone.available():
        pytest.skip("baresip is not installed: apt-get install baresip-core")
    phone = baresip_phone.BaresipPhone(
        "33612000001",
        "none",
        (HOST, plane.sip_port),
        tone_hz=0,
        sip_port=free_udp(1)[0],
        rtp_ports=phone_rtp(),
        register_s=0,
    )
    try:
        phone.start().dial(PARIS)
        phone.wait("CALL_ESTABLISHED")
        session = str(plane.wait_event("access-answered", count=1)[-1]["call"])
        plane.wait_event("access-asked", call=session, question="credit")
        time.sleep(0.8)
        phone.digits("0142000001#", gap_s=0.12)
        wait_until(lambda: "ACK" in [one.method for one in callee.seen], 8, "answer", plane)
        time.sleep(0.2)
        phone.hang_up()
        phone.wait("CALL_CLOSED")
        words = ["welcome", "your-credit-is", "dial-number-hash", "you-have", "minutes", "connecting"]
        places = [place for word in words if (place := plane.place(phone.heard(), f"fr/{word}")) is not None]
        assert len(places) >= 4  # its jitter buffer may swallow a word of 60 ms after a pause
        assert places == sorted(places)
    finally:
        phone.stop()


def test_a_call_that_media_and_charging_leave_ends_and_is_settled_once_they_are_back(
    plane: AccessPlane, call: Calling
) -> None:
    ada = call("33612000001")
    ada.connect()
    ada.wait_heard("fr/dial-number-hash")
    plane.kill("charging")
    plane.kill("media")
    ada.respond(ada.expect("BYE"), 200, "OK")
    session = str(plane.events("access-answered")[-1]["call"])
    assert not [one for one in plane.events("call-settled") if one["call"] == session]
    late = call("33612000001")
    late.invite()
    assert late.expect(*range(300, 700)).code == 503
    plane.start("charging")
    plane.start("media")
    plane.wait_event("call-settled", call=session, timeout_s=30)
    ended = [one for one in plane.cdrs("ada") if one["family"] == session]
    assert [(one["ended_by"], one["charge_micros"]) for one in ended if one["via"] == "access-leg"] == [
        ("media-lost", 0)
    ]
    wait_until(lambda: len(plane.events("media_online")) >= 2, 20, "media", plane)


def test_a_killed_process_ends_both_legs_after_its_restart_and_charges_to_the_last_heartbeat(
    plane: AccessPlane, call: Calling, callee: Callee
) -> None:
    ada, fay = call("33612000001"), call("33612000006")
    ada.connect()
    fay.connect()
    ada.wait_heard("fr/dial-number-hash")
    ada.dial("0142000001#")
    wait_until(lambda: "ACK" in [one.method for one in callee.seen], 5, "answer")
    sessions = [str(one["call"]) for one in plane.events("access-answered")[-2:]]
    wait_until(lambda: _beaten(plane, *sessions, f"{sessions[0]}-1") == 3, 8, "heartbeats", plane)
    settled = len(plane.events("call-settled"))
    plane.kill("sip")
    plane.start("sip")
    ada.respond(ada.expect("BYE", timeout_s=20), 200, "OK")
    fay.respond(fay.expect("BYE"), 200, "OK")
    wait_until(lambda: "BYE" in callee.methods(callee.invites()[0]["call-id"]), 5, "BYE", plane)
    plane.wait_event("call-settled", count=settled + 3)
    ended = plane.cdrs("ada")[:2] + plane.cdrs("fay")[:1]
    assert {one["ended_by"] for one in ended} == {"restart"}
    second = next(one for one in ended if one["via"] == "access-number")
    assert second["charge_micros"] == 10_000 * int(str(second["charged_s"]))
    heard = len(ada.ear.packets)
    time.sleep(0.3)
    assert len(ada.ear.packets) == heard


def _beaten(plane: AccessPlane, *sessions: str) -> int:
    """How many of those legs have a heartbeat on disk."""
    found = plane.rows("voice.db", "SELECT session FROM voice_dialog WHERE used_ms > 0")
    return len({str(one["session"]) for one in found} & set(sessions))
