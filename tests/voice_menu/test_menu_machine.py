"""The menu of access numbers, walked by events: what a caller hears, dials and gets, in the order of the table."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cadran.voice.menu import events as ev
from cadran.voice.menu import machine, menus

pytestmark = [pytest.mark.clause("KRY-4.4.1-ivr")]
CARD = menus.load("calling-card")
SHORT = (ev.Note, ev.Arm, ev.Disarm)


class Caller:
    """A call on the default table: feeds events, keeps what was done besides notes and timers."""

    def __init__(self, language: str = "fr", table: menus.Table = CARD, **values: ev.Value) -> None:
        self.menu = machine.Menu(table, language=language)
        self.asked = 0
        self.timers: set[str] = set()
        self.notes: list[str] = []
        self.last = self.feed(ev.Begin({"currency": "EUR", **values}))

    def feed(self, event: ev.Event) -> list[ev.Action]:
        done = self.menu.on(event)
        for action in done:
            match action:
                case ev.Arm(timer):
                    self.timers.add(timer)
                case ev.Disarm(timer):
                    assert timer in self.timers
                    self.timers.discard(timer)
                case ev.Ask(number):
                    self.asked = number
                case ev.Note(state):
                    self.notes.append(state)
        if isinstance(event, ev.Fired):
            self.timers.discard(event.timer)
        return [action for action in done if not isinstance(action, SHORT)]

    def dial(self, digits: str) -> list[ev.Action]:
        return [action for digit in digits for action in self.feed(ev.Digit(digit))]

    def answer(self, outcome: str, values: Mapping[str, ev.Value] | None = None) -> list[ev.Action]:
        return self.feed(ev.Answered(self.asked, outcome, values or {}))

    def to_number(self) -> Caller:
        """Past greeting and credit, at the question for a number."""
        self.feed(ev.Spoken())
        self.answer("ok", {"credit_micros": 5_210_000})
        self.feed(ev.Spoken())
        assert self.menu.state == "number"
        return self

    def to_call(self) -> Caller:
        self.to_number().dial("0044207946#")
        self.answer("ok", {"destination": "44207946", "minutes": 21})
        self.feed(ev.Spoken())
        self.feed(ev.Spoken())
        assert self.menu.state == "call"
        return self


def said(*prompts: str, language: str = "fr", times: int = 1) -> ev.Say:
    return ev.Say(tuple(f"{language}/{prompt}" for prompt in prompts), times)


def test_a_caller_hears_greeting_credit_and_minutes_dials_and_is_connected() -> None:
    call = Caller()
    assert call.last == [said("welcome")]
    assert call.feed(ev.Spoken()) == [ev.Ask(1, "credit")]
    heard = call.answer("ok", {"credit_micros": 5_219_999})
    assert heard == [said("your-credit-is", "n5", "euros", "et", "n21", "cents")]
    assert call.feed(ev.Spoken()) == [said("dial-number-hash")]
    assert call.dial("0044207946#") == [ev.Hush(), ev.Ask(2, "destination", {"number": "0044207946"})]
    assert call.answer("ok", {"destination": "44207946", "minutes": 21}) == [
        said("you-have", "n21-f", "minutes", "for-this-call")
    ]
    assert call.feed(ev.Spoken()) == [said("connecting")]
    assert call.feed(ev.Spoken()) == [ev.Dial("44207946"), said("comfort", times=-1)]
    assert call.feed(ev.SecondRinging()) == [said("ringback", times=-1)]
    assert call.feed(ev.SecondAnswered()) == [ev.Hush()]
    assert call.feed(ev.Low(60)) == [said("you-have-left", "n1-f", "minute")]
    assert call.feed(ev.SecondOver("credit")) == [ev.Hush(), said("credit-used-up")]
