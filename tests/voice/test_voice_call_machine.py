"""The call as a state machine: every path by events and literals, no SIP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.voice.rules import calls, responses
from cadran.voice.rules import events as ev
from cadran.voice.rules.events import Branch, Leg, State

ONE = ((Branch("1", "alpha"),),)
TWO = ((Branch("1", "alpha"),), (Branch("2", "beta"),))
FORK = ((Branch("1"), Branch("2"), Branch("3")),)


def ringing(stages: tuple[tuple[Branch, ...], ...] = ONE, **grant: object) -> calls.Call:
    """A call that rings, from instant 0."""
    call = calls.Call()
    call.on(ev.Planned(stages), 0)
    call.on(ev.Allowed(grant.get("granted_s", 10), grant.get("limit_s", 3600), bool(grant.get("final"))), 0)  # type: ignore[arg-type]
    call.on(ev.MediaReady(True), 0)
    assert call.state is State.RINGING
    return call


def answered(at: float = 100.0, **grant: object) -> calls.Call:
    """A call answered at that instant."""
    call = ringing(**grant)  # type: ignore[arg-type]
    call.on(ev.BranchAnswered("1"), at)
    call.on(ev.Joined(True), at)
    assert call.state is State.ANSWERED
    return call


def of(actions: list[ev.Action], kind: type) -> list[ev.Action]:
    return [one for one in actions if isinstance(one, kind)]


def test_a_call_asks_charging_then_media_then_rings() -> None:
    call = calls.Call()
    assert of(call.on(ev.Planned(ONE), 0), ev.Authorise) == [ev.Authorise()]
    assert call.on(ev.Allowed(10, 3600), 0) == [ev.OpenMedia()]
    assert of(call.on(ev.MediaReady(True), 0), ev.Dial) == [ev.Dial(ONE[0][0])]


def test_a_refusal_is_spoken_then_sent_and_nothing_is_settled() -> None:
    call = calls.Call()
    call.on(ev.Planned(ONE), 0)
    assert ev.Announce(("fr/x",)) in call.on(ev.Refused(403, ("fr/x",)), 0)
    actions = call.on(ev.AnnouncementOver(), 5)
    assert ev.Refuse(403) in actions
    assert not of(actions, ev.Settle)
    assert call.state is State.ENDED


def test_a_refusal_without_words_is_sent_at_once() -> None:
    call = calls.Call()
    call.on(ev.Planned(ONE), 0)
    assert ev.Refuse(402) in call.on(ev.Refused(402), 0)


def test_an_announcement_that_never_ends_is_ended() -> None:
    call = calls.Call()
    call.on(ev.Planned(ONE), 0)
    call.on(ev.Refused(403, ("fr/x",)), 0)
    assert ev.Refuse(403) in call.on(ev.Fired("announcement"), 45)


def test_charging_that_does_not_answer_gives_503_and_a_settlement_that_frees_what_it_may_have_held() -> None:
    call = calls.Call()
    call.on(ev.Planned(ONE), 0)
    actions = call.on(ev.ChargingLost(), 4)
    assert ev.Refuse(503) in actions
    assert of(actions, ev.Settle) == [ev.Settle("failed", "operator", 503, None, "")]


def test_a_caller_gone_before_the_grant_gives_the_grant_back_when_it_comes() -> None:
    call = calls.Call()
    call.on(ev.Planned(ONE), 0)
    assert not of(call.on(ev.CallerGone(), 1), ev.Settle)
    assert of(call.on(ev.Allowed(10, 3600), 2), ev.Settle) == [ev.Settle("cancelled", "caller", 487, None, "")]


def test_no_media_gives_503_and_frees_the_reservation() -> None:
    call = calls.Call()
    call.on(ev.Planned(ONE), 0)
    call.on(ev.Allowed(10, 3600), 0)
    actions = call.on(ev.MediaReady(False), 0)
    assert ev.Refuse(503) in actions
    assert len(of(actions, ev.Settle)) == 1


def test_an_offer_that_no_relay_can_use_is_488() -> None:
    call = calls.Call()
    call.on(ev.Planned(ONE), 0)
    call.on(ev.Allowed(10, 3600), 0)
    assert ev.Refuse(488) in call.on(ev.MediaReady(False, 488), 0)


def test_nobody_registered_is_480_and_frees_the_reservation() -> None:
    call = calls.Call()
    call.on(ev.Planned(()), 0)
    actions = call.on(ev.Allowed(None, None), 0)
    assert ev.Refuse(480) in actions
    assert of(actions, ev.Settle) == [ev.Settle("no-answer", "operator", 480, None, "")]


def test_all_devices_ring_together_the_first_to_answer_wins_and_the_others_are_cancelled() -> None:
    call = ringing(FORK)
    assert call.on(ev.Provisional("2", 180), 1) == [ev.Disarm("setup"), ev.Ring()]
    actions = call.on(ev.BranchAnswered("2"), 2)
    assert of(actions, ev.Cancel) == [ev.Cancel("1"), ev.Cancel("3")]
    assert ev.Join("2") in actions
    assert ev.Answer() in call.on(ev.Joined(True), 2)
    assert call.winner == "2"


def test_a_second_answer_that_crosses_the_cancel_is_ended() -> None:
    call = ringing(FORK)
    call.on(ev.BranchAnswered("2"), 2)
    assert call.on(ev.BranchAnswered("1"), 2) == [ev.Cancel("1")]
    call.on(ev.Joined(True), 2)
    assert call.on(ev.BranchAnswered("3"), 3) == [ev.Cancel("3")]


def test_the_caller_hears_the_most_telling_refusal_once_all_devices_have_refused() -> None:
    call = ringing(FORK)
    assert call.on(ev.BranchFailed("1", 480), 1) == []
    assert call.on(ev.BranchFailed("2", 486), 1) == []
    assert ev.Refuse(486) in call.on(ev.BranchFailed("3", 408), 33)


def test_a_global_decline_ends_the_other_devices() -> None:
    call = ringing(FORK)
    actions = call.on(ev.BranchFailed("2", 603), 1)
    assert ev.Refuse(603) in actions
    assert of(actions, ev.Cancel) == [ev.Cancel("1"), ev.Cancel("3")]


@pytest.mark.parametrize("code", [503, 500, 408, 502, 403])
def test_the_next_carrier_is_tried_after_a_failure_of_the_first(code: int) -> None:
    call = ringing(TWO)
    assert ev.Dial(Branch("2", "beta")) in call.on(ev.BranchFailed("1", code), 1)


@pytest.mark.parametrize("code", [486, 404, 603, 480])
def test_an_answer_of_the_called_party_is_final(code: int) -> None:
    call = ringing(TWO)
    actions = call.on(ev.BranchFailed("1", code), 1)
    assert not of(actions, ev.Dial)
    assert of(actions, ev.Refuse)


def test_a_silent_carrier_is_left_after_six_seconds_for_the_next() -> None:
    call = calls.Call()
    call.on(ev.Planned(TWO), 0)
    call.on(ev.Allowed(10, 3600), 0)
    assert ev.Arm("setup", 6.0) in call.on(ev.MediaReady(True), 0)
    actions = call.on(ev.Fired("setup"), 6)
    assert actions[0] == ev.Cancel("1")
    assert ev.Dial(Branch("2", "beta")) in actions


def test_all_carriers_failing_is_500_not_503() -> None:
    call = ringing(TWO)
    call.on(ev.BranchFailed("1", 503), 1)
    assert ev.Refuse(500) in call.on(ev.BranchFailed("2", 503), 2)


def test_at_most_three_carriers_are_tried() -> None:
    call = ringing(tuple((Branch(str(n), f"c{n}"),) for n in range(1, 6)))
    call.on(ev.BranchFailed("1", 503), 1)
    call.on(ev.BranchFailed("2", 503), 1)
    assert ev.Refuse(500) in call.on(ev.BranchFailed("3", 503), 1)


def test_early_media_of_a_carrier_is_passed_and_then_no_other_carrier_is_tried() -> None:
    call = ringing(TWO)
    assert ev.PassEarly("1") in call.on(ev.Provisional("1", 183, True), 1)
    assert call.state is State.EARLY
    assert ev.Refuse(500) in call.on(ev.BranchFailed("1", 503), 2)


def test_early_media_of_one_among_several_devices_is_only_ringing() -> None:
    call = ringing(FORK)
    assert ev.Ring() in call.on(ev.Provisional("1", 183, True), 1)


def test_nobody_answers_for_ninety_seconds() -> None:
    call = ringing(FORK)
    actions = call.on(ev.Fired("no-answer"), 90)
    assert ev.Refuse(480) in actions
    assert len(of(actions, ev.Cancel)) == 3


def test_a_cancel_ends_every_branch_and_gives_back_the_reservation() -> None:
    call = ringing(FORK)
    actions = call.on(ev.CallerGone(), 3)
    assert len(of(actions, ev.Cancel)) == 3
    assert of(actions, ev.Settle) == [ev.Settle("cancelled", "caller", 487, None, "")]
    assert ev.CloseMedia() in actions
    assert not of(actions, ev.Refuse)


def test_the_winner_whose_media_cannot_be_joined_is_hung_up() -> None:
    call = ringing()
    call.on(ev.BranchAnswered("1"), 1)
    actions = call.on(ev.Joined(False), 1)
    assert actions[0] == ev.HangUp(Leg.CALLEE)
    assert ev.Refuse(488) in actions


def test_the_extension_is_asked_five_seconds_before_the_grant_ends_or_at_half_of_a_short_one() -> None:
    long = ringing(granted_s=60)
    long.on(ev.BranchAnswered("1"), 100)
    assert ev.Arm("extend", 155.0) in long.on(ev.Joined(True), 100)
    short = ringing(granted_s=6)
    short.on(ev.BranchAnswered("1"), 100)
    actions = short.on(ev.Joined(True), 100)
    assert ev.Arm("extend", 103.0) in actions
    assert ev.Arm("cut", 106.0) in actions


def test_an_extension_moves_the_cut_and_asks_again_in_time() -> None:
    call = answered(granted_s=10)
    assert call.on(ev.Fired("extend"), 105) == [ev.Extend(1, 5)]
    actions = call.on(ev.Extended(1, True, 40, 3600), 105.2)
    assert ev.Arm("cut", 140.0) in actions
    assert ev.Arm("extend", pytest.approx(135.0)) in actions


def test_a_refused_extension_cuts_both_legs_when_the_grant_is_over_and_media_first() -> None:
    call = answered(granted_s=10)
    call.on(ev.Fired("extend"), 105)
    call.on(ev.Extended(1, False, 10, 3600, True), 105.1)
    actions = call.on(ev.Fired("cut"), 110.004)
    assert actions[:3] == [ev.CloseMedia(), ev.HangUp(Leg.CALLEE), ev.HangUp(Leg.CALLER)]
    assert of(actions, ev.Settle) == [ev.Settle("answered", "credit", 200, 10_004, "alpha")]
    assert ev.Arm("watchdog", pytest.approx(116.004)) in actions


def test_a_final_grant_is_not_extended() -> None:
    call = ringing(granted_s=7, final=True)
    call.on(ev.BranchAnswered("1"), 100)
    actions = call.on(ev.Joined(True), 100)
    assert of(actions, ev.Arm) == [ev.Arm("cut", 107.0)]


@pytest.mark.clause("IPP-5.5-one-hour")
def test_a_call_is_cut_after_3600_seconds_whatever_the_credit() -> None:
    call = answered(granted_s=3600, limit_s=3600)
    actions = call.on(ev.Fired("cut"), 3700.0)
    assert of(actions, ev.Settle) == [ev.Settle("answered", "limit", 200, 3_600_000, "alpha")]


@pytest.mark.clause("IPP-5.5-one-hour")
def test_the_cut_is_armed_at_3600_seconds_when_the_grant_goes_further() -> None:
    call = ringing(granted_s=4000, limit_s=3600)
    call.on(ev.BranchAnswered("1"), 100)
    assert of(call.on(ev.Joined(True), 100), ev.Arm) == [ev.Arm("cut", 3700.0)]


@pytest.mark.clause("IPP-9.1-free")
def test_a_free_call_has_no_cut() -> None:
    call = ringing(granted_s=None, limit_s=None)
    call.on(ev.BranchAnswered("1"), 100)
    assert not of(call.on(ev.Joined(True), 100), ev.Arm)


def test_charging_lost_in_mid_call_is_asked_again_under_the_same_key_until_the_grant_ends() -> None:
    call = answered(granted_s=10)
    assert call.on(ev.Fired("extend"), 105) == [ev.Extend(1, 5)]
    assert call.on(ev.ExtensionLost(1), 107) == [ev.Arm("extend", 108.0)]
    assert call.on(ev.Fired("extend"), 108) == [ev.Extend(1, 5)]
    actions = call.on(ev.Fired("cut"), 110)
    assert of(actions, ev.Settle) == [ev.Settle("answered", "operator", 200, 10_000, "alpha")]


def test_an_answer_to_an_old_extension_changes_nothing() -> None:
    call = answered(granted_s=10)
    call.on(ev.Fired("extend"), 105)
    assert call.on(ev.Extended(0, True, 99, None), 105) == []


def test_who_hangs_up_is_not_sent_a_bye() -> None:
    by_caller = answered().on(ev.CallerGone(), 107.5)
    assert of(by_caller, ev.HangUp) == [ev.HangUp(Leg.CALLEE)]
    assert of(by_caller, ev.Settle) == [ev.Settle("answered", "caller", 200, 7500, "alpha")]
    by_callee = answered().on(ev.CalleeGone(), 107.5)
    assert of(by_callee, ev.HangUp) == [ev.HangUp(Leg.CALLER)]


def test_media_lost_ends_both_legs() -> None:
    actions = answered().on(ev.MediaLost(), 103)
    assert len(of(actions, ev.HangUp)) == 2
    assert of(actions, ev.Settle) == [ev.Settle("answered", "media-lost", 200, 3000, "alpha")]


def test_the_watchdog_names_the_leg_that_did_not_answer_its_bye() -> None:
    call = answered(granted_s=10, final=True)
    call.on(ev.Fired("cut"), 110)
    assert call.on(ev.ByeAnswered(Leg.CALLER), 110.1) == []
    assert call.on(ev.Fired("watchdog"), 116)[0] == ev.BarkWatchdog((Leg.CALLEE,))
    assert call.state is State.ENDED


def test_the_call_is_over_when_both_byes_are_answered_or_cross() -> None:
    call = answered(granted_s=10, final=True)
    call.on(ev.Fired("cut"), 110)
    call.on(ev.CalleeGone(), 110.01)
    assert call.on(ev.ByeAnswered(Leg.CALLER), 110.1) == [ev.Disarm("watchdog"), ev.Finish()]


@pytest.mark.parametrize(
    ("codes", "one"),
    [
        ([], 480),
        ([486], 486),
        ([408, 480], 480),
        ([486, 404], 486),
        ([500, 486], 486),
        ([603, 486], 603),
        ([503], 500),
        ([302], 480),
        ([401], 500),
        ([600, 603], 600),
    ],
)
def test_the_best_response(codes: list[int], one: int) -> None:
    assert responses.best(codes) == one


_EVENTS = st.sampled_from(
    [
        ev.Planned(TWO),
        ev.Planned(FORK),
        ev.Planned(()),
        ev.Turned(404, ("a",)),
        ev.Allowed(10, 3600),
        ev.Allowed(None, None),
        ev.Refused(402, ("a",)),
        ev.ChargingLost(),
        ev.MediaReady(True),
        ev.MediaReady(False),
        ev.Provisional("1", 180),
        ev.Provisional("1", 183, True),
        ev.BranchAnswered("1"),
        ev.BranchAnswered("2"),
        ev.BranchFailed("1", 503),
        ev.BranchFailed("2", 486),
        ev.Joined(True),
        ev.Joined(False),
        ev.AnnouncementOver(),
        ev.CallerGone(),
        ev.CalleeGone(),
        ev.Extended(1, True, 20, 3600),
        ev.Extended(1, False, 10, 3600),
        ev.ExtensionLost(1),
        ev.Fired("extend"),
        ev.Fired("cut"),
        ev.Fired("no-answer"),
        ev.Fired("setup"),
        ev.Fired("watchdog"),
        ev.Fired("announcement"),
        ev.MediaLost(),
        ev.ByeAnswered(Leg.CALLER),
        ev.ByeAnswered(Leg.CALLEE),
        ev.Dropped(),
    ]
)


@given(st.lists(_EVENTS, max_size=40))
def test_whatever_happens_a_call_ends_once_is_settled_at_most_once_and_answers_the_caller_once(
    events: list[ev.Event],
) -> None:
    call, now, done, allowed = calls.Call(), 0.0, [], 0
    for event in events:
        now += 0.5
        if call.state is State.ENDED and isinstance(event, ev.Allowed):
            continue  # charging answers an authorisation once
        allowed += isinstance(event, ev.Allowed) and call.state is State.AUTHORISING
        done += call.on(event, now)
    kinds = [type(one) for one in done]
    assert kinds.count(ev.Finish) == (call.state is State.ENDED)
    assert kinds.count(ev.Settle) <= 1
    assert kinds.count(ev.Answer) + kinds.count(ev.Refuse) <= 1
    if call.state is State.ENDED and allowed:
        assert kinds.count(ev.Settle) == 1
        assert ev.CloseMedia in kinds
    if ev.Answer in kinds and ev.Finish in kinds:
        settle = next(one for one in done if isinstance(one, ev.Settle))
        assert settle.measured_ms is not None
