"""A code spoken into a telephone as a state machine, and what is said of it."""

from __future__ import annotations

import pytest

from cadran.voice.callback import events as ev
from cadran.voice.callback import orders, speech, words
from cadran.voice.callback.events import Side, State
from cadran.voice.media import prompts
from callback.test_callback_machine import EVENTS, FORK, THEM, YOU, of

FIRST = Side.FIRST
SAID = ("code-is", "n1")


def at(state: State) -> speech.Speech:
    """A spoken code in that state."""
    call = speech.Speech(SAID)
    steps: tuple[tuple[State, ev.Event], ...] = (
        (State.PREPARING, ev.Planned(THEM, ())),
        (State.RINGING_FIRST, ev.Offered(FIRST, True)),
        (State.JOINING_FIRST, ev.BranchAnswered(FIRST, "1")),
        (State.TALKING, ev.Joined(FIRST, True)),
        (State.ENDING, ev.Spoken()),
        (State.ENDED, ev.ByeAnswered(FIRST)),
    )
    for reached, event in steps:
        if call.state is state:
            break
        call.on(event, 0)
        assert call.state is reached
    return call


STATES = [
    State.ASKED,
    State.PREPARING,
    State.RINGING_FIRST,
    State.JOINING_FIRST,
    State.TALKING,
    State.ENDING,
    State.ENDED,
]


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_the_code_is_said_when_somebody_answers_and_nothing_is_charged() -> None:
    call = at(State.JOINING_FIRST)
    actions = call.on(ev.Joined(FIRST, True), 3)
    assert of(actions, ev.Say) == [ev.Say(SAID)]
    over = call.on(ev.Spoken(), 20)
    assert (of(over, ev.HangUp), of(over, ev.Tell)) == ([ev.HangUp(FIRST)], [ev.Tell("over", "spoken")])
    assert not of(actions + over, ev.Settle)


def test_each_digit_is_said_twice_slowly_and_has_its_recording() -> None:
    said = words.code("407182")
    assert [one for one in said if one[0] == "n"] == ["n4", "n0", "n7", "n1", "n8", "n2"] * 2
    assert len(said) <= prompts.MAX_PROMPTS_IN_A_ROW
    for language in ("fr", "en"):
        for name in {*said, *words.TOLD.values(), words.CONNECTING, words.RINGBACK, words.WARNING}:
            assert (prompts.RECORDINGS / language / f"{name}.wav").is_file(), (language, name)


def test_a_code_is_in_no_text_of_its_order_nor_in_what_is_kept_of_it() -> None:
    order = orders.SpokenCode(key="k", brand="kryptoow", digits="33612345678", code="407182")
    assert "407182" not in repr(order)
    other = orders.SpokenCode(key="k", brand="kryptoow", digits="33612345678", code="999999")
    assert orders.fingerprint(order) == orders.fingerprint(other)


@pytest.mark.parametrize(("code", "why"), [(486, "you-busy"), (480, "you-no-answer"), (404, "you-unreachable")])
def test_who_does_not_answer_is_rung_no_more(code: int, why: str) -> None:
    call = at(State.RINGING_FIRST)
    assert of(call.on(ev.BranchFailed(FIRST, "1", code), 5), ev.Tell) == [ev.Tell("over", why)]


def test_another_carrier_is_tried_and_only_one_device_hears_the_code() -> None:
    call = at(State.RINGING_FIRST)
    assert of(call.on(ev.BranchFailed(FIRST, "1", 503), 5), ev.Dial) == [ev.Dial(FIRST, THEM[1][0])]
    call = speech.Speech(SAID)
    call.on(ev.Planned(FORK, ()), 0)
    call.on(ev.Offered(FIRST, True), 0)
    assert of(call.on(ev.BranchAnswered(FIRST, "2"), 1), ev.Cancel) == [ev.Cancel(FIRST, "1")]
    assert call.on(ev.BranchAnswered(FIRST, "1"), 1) == [ev.Cancel(FIRST, "1")]


def test_nobody_to_ring_and_nobody_who_can_be_heard() -> None:
    call = speech.Speech(SAID)
    assert of(call.on(ev.Planned((), ()), 0), ev.Tell) == [ev.Tell("over", "you-unreachable")]
    call = at(State.JOINING_FIRST)
    assert of(call.on(ev.Joined(FIRST, False), 1), ev.HangUp) == [ev.HangUp(FIRST)]


@pytest.mark.parametrize("state", STATES)
def test_every_event_in_every_state_leaves_it_able_to_end(state: State) -> None:
    for event in (*EVENTS, ev.Planned(YOU, ())):
        call = at(state)
        actions = call.on(event, 40)
        actions += call.on(ev.Dropped(), 41) + call.on(ev.ByeAnswered(FIRST), 42)
        assert call.state is State.ENDED, (state, event)
        assert not call._armed, (state, event)
        assert len(of(actions, ev.Finish)) <= 1, (state, event)
