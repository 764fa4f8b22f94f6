"""The callback as a state machine: every path by events and literals, no SIP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.voice.callback import events as ev
from cadran.voice.callback import machine
from cadran.voice.callback.events import Side, State
from cadran.voice.rules.events import Branch

FIRST, SECOND = Side.FIRST, Side.SECOND
YOU = ((Branch("1", "alpha"),),)
THEM = ((Branch("1", "alpha"),), (Branch("2", "beta"),))
FORK = ((Branch("1"), Branch("2")),)


def authorised(
    first: tuple[int | None, bool] = (120, False), second: tuple[int | None, bool] = (120, False), **more: object
) -> machine.Callback:
    """Both first grants are held at instant 0; nothing rings yet."""
    call = machine.Callback()
    call.on(ev.Planned(more.get("you", YOU), more.get("them", THEM)), 0)  # type: ignore[arg-type]
    call.on(ev.Allowed(FIRST, first[0], None, first[1]), 0)
    call.on(ev.Allowed(SECOND, second[0], None, second[1]), 0)
    assert call.state is State.PREPARING
    return call


def ringing_you(**more: object) -> machine.Callback:
    call = authorised(**more)  # type: ignore[arg-type]
    call.on(ev.Offered(FIRST, True), 0)
    assert call.state is State.RINGING_FIRST
    return call


def ringing_them(at: float = 10.0, **more: object) -> machine.Callback:
    """The customer answered at that instant."""
    call = ringing_you(**more)
    call.on(ev.BranchAnswered(FIRST, "1"), at)
    call.on(ev.Joined(FIRST, True), at)
    call.on(ev.Offered(SECOND, True), at)
    assert call.state is State.RINGING_SECOND
    return call


def talking(you_at: float = 10.0, them_at: float = 20.0, **more: object) -> machine.Callback:
    call = ringing_them(you_at, **more)
    call.on(ev.BranchAnswered(SECOND, "1"), them_at)
    call.on(ev.Joined(SECOND, True), them_at)
    assert call.state is State.TALKING
    return call


def of(actions: list[ev.Action], kind: type) -> list[ev.Action]:
    return [one for one in actions if isinstance(one, kind)]


def settled(actions: list[ev.Action]) -> list[tuple[Side, str, str, int | None]]:
    """Side, disposition, who ended it, measured milliseconds."""
    return [(one.side, one.disposition, one.ended_by, one.measured_ms) for one in actions if isinstance(one, ev.Settle)]


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_both_first_grants_are_held_before_anything_rings() -> None:
    call = machine.Callback()
    assert of(call.on(ev.Planned(YOU, THEM), 0), ev.Authorise) == [ev.Authorise(FIRST)]
    assert call.on(ev.Allowed(FIRST, 60, None), 0) == [ev.Authorise(SECOND)]
    assert call.on(ev.Allowed(SECOND, 60, None), 0) == [ev.OpenLine()]
    assert of(call.on(ev.Offered(FIRST, True), 0), ev.Dial) == [ev.Dial(FIRST, YOU[0][0])]


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_a_refused_second_leg_gives_the_first_back_and_nothing_rings() -> None:
    call = machine.Callback()
    call.on(ev.Planned(YOU, THEM), 0)
    call.on(ev.Allowed(FIRST, 60, None), 0)
    actions = call.on(ev.Refused(SECOND, "call-no-credit", 402), 1)
    assert settled(actions) == [(FIRST, "refused", "operator", None)]
    assert not of(actions, ev.Dial)
    assert of(actions, ev.Tell) == [ev.Tell("over", "call-no-credit")]
    assert call.state is State.ENDED


def test_a_refused_first_leg_holds_nothing_and_asks_for_no_second() -> None:
    call = machine.Callback()
    call.on(ev.Planned(YOU, THEM), 0)
    actions = call.on(ev.Refused(FIRST, "call-no-credit", 402), 1)
    assert not of(actions, ev.Settle)
    assert not of(actions, ev.Authorise)
    assert of(actions, ev.Finish)


@pytest.mark.parametrize("side", [FIRST, SECOND])
def test_charging_that_does_not_answer_ends_it_and_frees_what_it_may_hold(side: Side) -> None:
    call = machine.Callback()
    call.on(ev.Planned(YOU, THEM), 0)
    if side is SECOND:
        call.on(ev.Allowed(FIRST, 60, None), 0)
    told = settled(call.on(ev.ChargingLost(side), 4))
    assert {one[0] for one in told} == ({FIRST, SECOND} if side is SECOND else {FIRST})
    assert call.why == "unavailable"


def test_an_order_taken_back_while_charging_is_asked_gives_back_what_it_grants_late() -> None:
    call = machine.Callback()
    call.on(ev.Planned(YOU, THEM), 0)
    assert not of(call.on(ev.Stopped(), 1), ev.Settle)
    assert settled(call.on(ev.Allowed(FIRST, 60, None), 2)) == [(FIRST, "cancelled", "caller", None)]
    assert call.state is State.ENDED


@pytest.mark.clause("KRY-4.4.1-easydialer")
@pytest.mark.parametrize(
    ("code", "word", "why"),
    [
        (486, "busy", "you-busy"),
        (480, "no-answer", "you-no-answer"),
        (603, "declined", "you-busy"),
        (404, "failed", "you-unreachable"),
    ],
)
def test_a_first_leg_that_is_not_answered_costs_nothing(code: int, word: str, why: str) -> None:
    call = ringing_you()
    actions = call.on(ev.BranchFailed(FIRST, "1", code), 5)
    assert settled(actions) == [(FIRST, word, "callee", None), (SECOND, "cancelled", "callee", None)]
    assert of(actions, ev.Tell) == [ev.Tell("over", why)]


def test_a_customer_who_does_not_answer_in_time_is_rung_no_more() -> None:
    call = ringing_you()
    actions = call.on(ev.Fired("no-answer"), 40)
    assert of(actions, ev.Cancel) == [ev.Cancel(FIRST, "1")]
    assert settled(actions)[0] == (FIRST, "no-answer", "callee", None)


def test_all_devices_of_a_customer_ring_and_the_others_are_cancelled_when_one_answers() -> None:
    call = authorised(you=FORK)
    assert len(of(call.on(ev.Offered(FIRST, True), 0), ev.Dial)) == 2
    actions = call.on(ev.BranchAnswered(FIRST, "2"), 3)
    assert of(actions, ev.Cancel) == [ev.Cancel(FIRST, "1")]
    assert of(actions, ev.Join) == [ev.Join(FIRST, "2")]
    assert call.on(ev.BranchAnswered(FIRST, "1"), 3) == [ev.Cancel(FIRST, "1")]


def test_the_customer_is_greeted_while_the_correspondent_is_sought_then_hears_it_ring() -> None:
    call = ringing_you()
    call.on(ev.BranchAnswered(FIRST, "1"), 10)
    actions = call.on(ev.Joined(FIRST, True), 10)
    assert of(actions, ev.Say) == [ev.Say(("callback-connecting",))]
    assert of(actions, ev.Offer)
    assert of(call.on(ev.Offered(SECOND, True), 10), ev.Dial) == [ev.Dial(SECOND, THEM[0][0])]
    assert call.on(ev.Spoken(), 12) == [ev.Say(("ringback",), times=-1)]
    assert ev.Join(SECOND, "1") in call.on(ev.BranchAnswered(SECOND, "1"), 15)


def test_a_second_carrier_is_tried_when_the_first_is_silent_or_broken() -> None:
    call = ringing_them()
    actions = call.on(ev.Fired("silence"), 16)
    assert of(actions, ev.Cancel) == [ev.Cancel(SECOND, "1")]
    assert of(actions, ev.Dial) == [ev.Dial(SECOND, THEM[1][0])]
    call = ringing_them()
    assert of(call.on(ev.BranchFailed(SECOND, "1", 503), 11), ev.Dial) == [ev.Dial(SECOND, THEM[1][0])]


@pytest.mark.clause("KRY-4.4.1-easydialer")
@pytest.mark.parametrize(
    ("code", "word", "prompt"),
    [
        (486, "busy", "busy"),
        (480, "no-answer", "no-answer"),
        (404, "failed", "not-reached"),
    ],
)
def test_the_customer_hears_why_before_it_is_released_and_only_its_own_seconds_are_charged(
    code: int, word: str, prompt: str
) -> None:
    call = ringing_them(10)
    actions = call.on(ev.BranchFailed(SECOND, "1", code), 25)
    assert settled(actions) == [(SECOND, word, "callee", None)]
    assert of(actions, ev.Say) == [ev.Say((prompt,))]
    assert not of(actions, ev.HangUp)
    over = call.on(ev.Spoken(), 28.5)
    assert of(over, ev.HangUp) == [ev.HangUp(FIRST)]
    assert settled(over) == [(FIRST, "answered", "callee", 18_500)]
    assert call.why == {"not-reached": "unreachable"}.get(prompt, prompt)


def test_a_word_that_never_ends_is_ended() -> None:
    call = ringing_them()
    call.on(ev.Fired("no-answer"), 70)
    assert call.state is State.TELLING
    assert of(call.on(ev.Fired("telling"), 90), ev.HangUp) == [ev.HangUp(FIRST)]


@pytest.mark.clause("KRY-4.4.1-easydialer")
def test_each_leg_counts_from_its_own_answer() -> None:
    call = talking(10, 20)
    assert call.used_ms(50) == {FIRST: 40_000, SECOND: 30_000}
    actions = call.on(ev.Gone(SECOND), 50)
    assert settled(actions) == [(FIRST, "answered", "callee", 40_000), (SECOND, "answered", "callee", 30_000)]
    assert of(actions, ev.HangUp) == [ev.HangUp(FIRST)]
    assert isinstance(actions[0], ev.CloseLine)


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_both_hang_up_at_once_and_each_leg_is_settled_once(order: tuple[Side, Side]) -> None:
    call = talking()
    actions = call.on(ev.Gone(order[0]), 50) + call.on(ev.Gone(order[1]), 50)
    assert sorted(one[0] for one in settled(actions)) == [FIRST, SECOND]
    assert call.state is State.ENDED


def test_a_customer_who_hangs_up_while_it_rings_cancels_the_correspondent() -> None:
    call = ringing_them(10)
    actions = call.on(ev.Gone(FIRST), 17)
    assert of(actions, ev.Cancel) == [ev.Cancel(SECOND, "1")]
    assert settled(actions) == [(FIRST, "answered", "caller", 7_000), (SECOND, "cancelled", "caller", None)]
    assert call.why == "cancelled"
    assert call.on(ev.BranchAnswered(SECOND, "1"), 17) == [ev.Cancel(SECOND, "1")]


def test_a_correspondent_whose_sound_cannot_be_connected_is_released_and_not_charged() -> None:
    call = ringing_them(10)
    call.on(ev.BranchAnswered(SECOND, "1"), 20)
    actions = call.on(ev.Joined(SECOND, False), 20)
    assert of(actions, ev.HangUp) == [ev.HangUp(SECOND)]
    assert settled(actions) == [(SECOND, "failed", "callee", None)]
    assert of(call.on(ev.Spoken(), 22), ev.HangUp) == [ev.HangUp(FIRST)]


# --- credit -----------------------------------------------------------------------------------------------------------


def armed(actions: list[ev.Action]) -> dict[str, float]:
    return {one.timer: one.at for one in actions if isinstance(one, ev.Arm)}


@pytest.mark.clause("KRY-4.4.1-easydialer", "IPP-9.2-cut-at-zero")
def test_the_leg_whose_credit_ends_first_cuts_both_after_a_warning_to_the_customer() -> None:
    call = ringing_them(10, first=(600, True), second=(120, True))
    call.on(ev.BranchAnswered(SECOND, "1"), 20)
    timers = armed(call.on(ev.Joined(SECOND, True), 20))
    assert (timers["warn"], timers["cut"]) == (80, 140)
    assert call.on(ev.Fired("warn"), 80) == [ev.Say(("one-minute-left",))]
    actions = call.on(ev.Fired("cut"), 140)
    assert settled(actions) == [(FIRST, "answered", "credit", 130_000), (SECOND, "answered", "credit", 120_000)]
    assert of(actions, ev.HangUp) == [ev.HangUp(FIRST), ev.HangUp(SECOND)]
    assert call.why == "credit"


def test_no_warning_while_more_can_still_be_had_and_each_leg_is_extended_by_itself() -> None:
    call = ringing_them(10, first=(120, False), second=(120, False))
    call.on(ev.BranchAnswered(SECOND, "1"), 20)
    timers = armed(call.on(ev.Joined(SECOND, True), 20))
    assert "warn" not in timers
    assert call.on(ev.Fired("extend-first"), 65) == [ev.Extend(FIRST, 1, 55)]
    timers = armed(call.on(ev.Extended(FIRST, 1, True, 600, None), 65))
    assert timers["cut"] == 140
    assert call.on(ev.Fired("extend-second"), 75) == [ev.Extend(SECOND, 1, 55)]
    timers = armed(call.on(ev.Extended(SECOND, 1, False, None, None), 75))
    assert timers["warn"] == 80


def test_credit_that_ends_while_the_correspondent_is_rung_ends_both() -> None:
    call = ringing_them(10, first=(60, True))
    actions = call.on(ev.Fired("cut"), 70)
    assert of(actions, ev.Cancel) == [ev.Cancel(SECOND, "1")]
    assert settled(actions) == [(FIRST, "answered", "credit", 60_000), (SECOND, "cancelled", "credit", None)]


def test_charging_lost_in_mid_call_is_asked_again_until_the_grant_ends() -> None:
    call = talking()
    assert call.on(ev.Fired("extend-first"), 65) == [ev.Extend(FIRST, 1, 55)]
    again = armed(call.on(ev.ExtensionLost(FIRST, 1), 69))
    assert again == {"extend-first": 70.0}
    assert call.on(ev.Fired("extend-first"), 70) == [ev.Extend(FIRST, 1, 55)]
    call.on(ev.ExtensionLost(FIRST, 1), 74)
    assert {one[2] for one in settled(call.on(ev.Fired("cut"), 130))} == {"operator"}


def test_a_warning_while_it_rings_gives_the_ringing_back() -> None:
    call = ringing_them(10, first=(90, True))
    assert call.on(ev.Fired("warn"), 40) == [ev.Say(("one-minute-left",))]
    call.on(ev.BranchAnswered(SECOND, "1"), 41)
    assert ev.Say(("one-minute-left",)) in call.on(ev.Joined(SECOND, True), 41)
    call = ringing_them(10, first=(90, True))
    call.on(ev.Fired("warn"), 40)
    assert call.on(ev.Spoken(), 43) == [ev.Say(("ringback",), times=-1)]


# --- whatever comes, in whatever state --------------------------------------------------------------------------------

EVENTS: tuple[ev.Event, ...] = (
    ev.Planned(YOU, THEM),
    ev.Planned((), THEM),
    ev.Planned(YOU, ()),
    ev.Turned("callback-number-not-yours"),
    *(ev.Allowed(side, 60, None, final) for side in Side for final in (True, False)),
    *(ev.Refused(side, "call-no-credit", 402) for side in Side),
    *(ev.ChargingLost(side) for side in Side),
    *(ev.Offered(side, ok) for side in Side for ok in (True, False)),
    *(ev.Provisional(side, "1", 180) for side in Side),
    *(ev.BranchAnswered(side, key) for side in Side for key in ("1", "2")),
    *(ev.BranchFailed(side, key, code) for side in Side for key in ("1", "2") for code in (486, 503, 603)),
    *(ev.Joined(side, ok) for side in Side for ok in (True, False)),
    ev.Spoken(),
    *(ev.Gone(side) for side in Side),
    *(ev.Extended(side, 1, ok, 90, None) for side in Side for ok in (True, False)),
    *(ev.ExtensionLost(side, 1) for side in Side),
    *(
        ev.Fired(timer)
        for timer in (
            "setup",
            "no-answer",
            "silence",
            "joining",
            "telling",
            "cut",
            "warn",
            "extend-first",
            "extend-second",
            "watchdog",
        )
    ),
    ev.MediaLost(),
    *(ev.ByeAnswered(side) for side in Side),
    ev.Dropped(),
    ev.Stopped(),
)


def at(state: State) -> machine.Callback:
    """A callback in that state."""
    made: dict[State, Callable[[], machine.Callback]] = {
        State.ASKED: machine.Callback,
        State.PREPARING: authorised,
        State.RINGING_FIRST: ringing_you,
        State.RINGING_SECOND: ringing_them,
        State.TALKING: talking,
    }
    if state in made:
        return made[state]()
    call = machine.Callback() if state is State.AUTHORISING else ringing_you()
    if state is State.AUTHORISING:
        call.on(ev.Planned(YOU, THEM), 0)
    if state in (State.JOINING_FIRST, State.OFFERING):
        call.on(ev.BranchAnswered(FIRST, "1"), 10)
    if state is State.OFFERING:
        call.on(ev.Joined(FIRST, True), 10)
    if state in (State.JOINING_SECOND, State.TELLING):
        call = ringing_them()
        call.on(
            ev.BranchAnswered(SECOND, "1") if state is State.JOINING_SECOND else ev.BranchFailed(SECOND, "1", 486), 20
        )
    if state in (State.ENDING, State.ENDED):
        call = talking()
        call.on(ev.Gone(FIRST), 30)
    if state is State.ENDED:
        call.on(ev.ByeAnswered(SECOND), 31)
    assert call.state is state, (call.state, state)
    return call


@pytest.mark.parametrize("state", list(State))
def test_every_event_in_every_state_leaves_it_able_to_end(state: State) -> None:
    for event in EVENTS:
        call = at(state)
        held_before = set(call.seconds.held)
        actions = call.on(event, 40)
        actions += call.on(ev.Dropped(), 41)
        for side in Side:
            actions += call.on(ev.ByeAnswered(side), 42)
        assert call.state is State.ENDED, (state, event)
        assert not call.seconds.held, (state, event)
        ends = [one.side for one in actions if isinstance(one, ev.Settle)]
        assert len(ends) == len(set(ends)), (state, event)
        assert held_before <= set(ends), (state, event)
        assert not call._armed, (state, event)


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_whatever_comes_each_grant_is_settled_exactly_once(given_events: list[ev.Event]) -> None:
    call, actions, granted = machine.Callback(), [], set()
    allowed: set[Side] = set()
    for number, event in enumerate(given_events):
        if isinstance(event, ev.Allowed | ev.Refused | ev.ChargingLost):
            if event.side in allowed or (event.side is SECOND and FIRST not in allowed):
                continue  # charging answers each question once, and is asked for the second when the first is held
            allowed.add(event.side)
            granted |= {event.side} if not isinstance(event, ev.Refused) else set()
        actions += call.on(event, float(number))
    if call.state is State.ASKED:
        return
    actions += call.on(ev.Dropped(), 100.0)
    for side in Side:
        actions += call.on(ev.ByeAnswered(side), 101.0)
    assert call.state is State.ENDED
    ends = [one.side for one in actions if isinstance(one, ev.Settle)]
    assert len(ends) == len(set(ends))
    assert len([one for one in actions if isinstance(one, ev.Finish)]) == 1
    assert sum(1 for one in actions if isinstance(one, ev.Tell) and one.stage == "over") == 1
