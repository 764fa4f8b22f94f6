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


def test_star_takes_back_what_was_dialled_and_asks_again() -> None:
    call = Caller().to_number()
    assert call.dial("0612*") == [ev.Hush(), said("dial-again")]
    assert call.dial("00331#") == [ev.Hush(), ev.Ask(2, "destination", {"number": "00331"})]


def test_a_digit_stops_what_is_said_and_digits_dialled_ahead_are_kept_in_order() -> None:
    call = Caller()
    assert call.dial("0") == [ev.Hush(), ev.Ask(1, "credit")]
    call.dial("044207946#")
    assert call.answer("ok", {"credit_micros": 1}) == [ev.Ask(2, "destination", {"number": "0044207946"})]


def test_digits_ahead_are_kept_up_to_the_bound_of_the_table() -> None:
    call = Caller()
    call.dial("1" * 23 + "2" + "3" * 50)
    assert call.menu._ahead == "1" * 23 + "2"  # 24, as the table says


@pytest.mark.parametrize(
    ("outcome", "prompts"),
    [
        ("wrong-number", ["fr/wrong-number"]),
        ("not-served", ["fr/not-served"]),
        ("no-price", ["fr/not-served"]),
        ("unavailable", ["fr/not-reached"]),
        ("not-allowed", ["fr/not-allowed"]),
        ("emergency", ["fr/emergency-refused", "en/emergency-refused"]),
    ],
)
def test_a_destination_that_cannot_be_called_is_said_and_asked_again(outcome: str, prompts: list[str]) -> None:
    call = Caller().to_number()
    call.dial("0044207946#")
    assert call.answer(outcome) == [ev.Say(tuple(prompts))]
    assert call.feed(ev.Spoken()) == [said("dial-number-hash")]


@pytest.mark.parametrize(
    ("outcome", "prompt"),
    [
        ("busy", "busy"),
        ("no-answer", "no-answer"),
        ("declined", "no-answer"),
        ("unreachable", "not-reached"),
        ("lost", "not-reached"),
    ],
)
def test_a_second_leg_that_fails_is_said_and_asked_again(outcome: str, prompt: str) -> None:
    call = Caller().to_call()
    call.feed(ev.SecondRinging())
    assert call.feed(ev.SecondOver(outcome)) == [ev.Hush(), said(prompt)]
    assert call.feed(ev.Spoken()) == [said("dial-number-hash")]


@pytest.mark.parametrize("talking", [False, True])
def test_star_star_leaves_the_call_and_asks_for_the_next_number_without_hanging_up(talking: bool) -> None:
    call = Caller().to_call()
    call.feed(ev.SecondRinging())
    if talking:
        call.feed(ev.SecondAnswered())
    assert call.dial("*5*7") == []  # two stars that do not follow each other
    done = call.dial("**")
    assert done == [ev.DropSecond()] if talking else done == [ev.Hush(), ev.DropSecond()]
    assert call.dial("**") == []  # once is enough
    heard = call.feed(ev.SecondOver("over", {"charged_s": 61, "charge_micros": 240_000, "credit_micros": 4_970_000}))
    assert heard == [
        said(
            *("call-lasted", "n1-f", "minute", "et", "n1-f", "second"),
            *("it-cost", "n24", "cents"),
            *("your-credit-is", "n4", "euros", "et", "n80-l", "n17", "cents"),
        )
    ]
    assert call.feed(ev.Spoken()) == [said("dial-number-hash")]


def test_a_star_long_before_the_second_is_not_star_star() -> None:
    call = Caller().to_call()
    call.feed(ev.SecondAnswered())
    call.dial("*")
    call.feed(ev.Fired("leave"))
    assert call.dial("*") == []


def test_after_the_other_hung_up_the_next_number_is_asked_for() -> None:
    call = Caller().to_call()
    call.feed(ev.SecondAnswered())
    assert call.feed(ev.SecondOver("over")) == [said("your-credit-is", "n5", "euros", "et", "n21", "cents")]
    assert call.feed(ev.Spoken()) == [said("dial-number-hash")]


def test_three_silences_end_the_call_with_goodbye() -> None:
    call = Caller().to_number()
    for _ in range(2):
        call.feed(ev.Spoken())
        assert call.feed(ev.Fired("first")) == [said("nothing-heard")]
        assert call.feed(ev.Spoken()) == [said("dial-number-hash")]
    call.feed(ev.Spoken())
    assert call.feed(ev.Fired("first")) == [said("nothing-heard")]
    assert call.feed(ev.Spoken()) == [said("too-many-errors", "goodbye")]
    assert call.feed(ev.Spoken()) == [ev.HangUp("errors")]
    assert call.menu.over
    assert call.timers == set()


def test_two_errors_and_a_right_number_begin_the_count_anew() -> None:
    call = Caller().to_number()
    for _ in range(2):
        call.dial("0044207#")
        call.answer("wrong-number")
        call.feed(ev.Spoken())
    call.dial("0044207946#")
    call.answer("ok", {"destination": "44207946", "minutes": 1})
    call.feed(ev.Spoken())
    call.feed(ev.Spoken())
    call.feed(ev.SecondOver("unreachable"))
    assert call.feed(ev.Spoken()) == [said("dial-number-hash")]


def test_a_number_without_hash_is_taken_when_no_more_digits_come() -> None:
    call = Caller().to_number()
    call.dial("0044207946")
    assert call.timers == {"between"}
    assert call.feed(ev.Fired("between")) == [ev.Ask(2, "destination", {"number": "0044207946"})]


@pytest.mark.parametrize("key", ["1", "9", "10", "99"])
def test_one_or_two_digits_are_a_speed_dial_key(key: str) -> None:
    call = Caller().to_number()
    assert call.dial(f"{key}#") == [ev.Hush(), ev.Ask(2, "speed-dial", {"key": key})]
    assert call.answer("ok", {"number": "33612345678"}) == [ev.Ask(3, "destination", {"number": "33612345678"})]


def test_an_empty_speed_dial_key_is_said() -> None:
    call = Caller().to_number()
    call.dial("7#")
    assert call.answer("empty") == [ev.Ask(3, "destination", {"number": "7"})]
    assert call.answer("wrong-number") == [said("speed-dial-empty")]


@pytest.mark.clause("LAW-emergency")
@pytest.mark.parametrize("number", ["15", "17", "18"])
def test_an_emergency_number_of_two_digits_is_told_what_to_do_in_both_languages(number: str) -> None:
    call = Caller("en").to_number()
    call.dial(f"{number}#")
    assert call.answer("empty") == [ev.Ask(3, "destination", {"number": number})]
    assert call.answer("emergency") == [ev.Say(("fr/emergency-refused", "en/emergency-refused"))]


@pytest.mark.clause("KRY-4.4.1-phone-statement")
def test_star_0_1_2_3_read_credit_calls_cost_and_the_last_five() -> None:
    call = Caller("en").to_number()
    assert call.dial("*0#")[-1] == ev.Ask(2, "credit")
    assert call.answer("ok", {"credit_micros": 1_009_999, "expires_on": "2026-03-01"}) == [
        said(
            "your-credit-is",
            "n1",
            "euro",
            "valid-until",
            "the",
            "nth1",
            "of",
            "month-3",
            "n20",
            "n20",
            "n6",
            language="en",
        )
    ]
    call.feed(ev.Spoken())
    assert call.dial("*1#")[-1] == ev.Ask(3, "statement")
    assert call.answer("ok", {"count": 21, "spent_micros": 12_340_000}) == [
        said("you-have-made", "n20", "n1", "calls", language="en")
    ]
    call.feed(ev.Spoken())
    assert call.dial("*2#")[-1] == ev.Ask(4, "statement")
    assert call.answer("ok", {"count": 21, "spent_micros": 12_340_000}) == [
        said("your-calls-cost", "n12", "euros", "and", "n30", "n4", "cents", language="en")
    ]
    call.feed(ev.Spoken())
    assert call.dial("*3#")[-1] == ev.Ask(5, "last-calls")
    two = {"call1_destination": "4420", "call1_seconds": 60, "call1_micros": 10_000}
    two |= {"call2_destination": "331", "call2_seconds": 1, "call2_micros": 1}
    heard = call.answer("ok", {"count": 2, **two})
    assert heard == [
        said(
            *("your-last-calls", "n2", "calls"),
            *("plus", "n4", "n4", "n2", "n0", "pause", "n1", "minute", "pause", "n1", "cent", "pause"),
            language="en",
        )
    ]
    assert call.feed(ev.Spoken()) == [
        said("plus", "n3", "n3", "n1", "pause", "n1", "second", "pause", "n1", "cent", "pause", language="en")
    ]
    assert call.feed(ev.Spoken()) == [said("dial-number-hash", language="en")]


def test_a_voucher_is_recharged_by_star_8_and_its_code_is_forgotten() -> None:
    call = Caller().to_number()
    assert call.dial("*8#")[-1] == said("dial-voucher-hash")
    assert call.dial("123456789012#")[-1] == ev.Ask(2, "voucher", {"code": "123456789012"})
    assert "code" not in call.menu.values
    assert call.answer("ok", {"amount_micros": 20_000_000, "credit_micros": 25_210_000}) == [
        said("recharged-with", "n20", "euros-t", "your-credit-is", "n25", "euros", "et", "n21", "cents")
    ]


@pytest.mark.parametrize("outcome", ["unknown", "used", "expired", "blocked", "locked"])
def test_a_voucher_that_cannot_be_used_is_said(outcome: str) -> None:
    call = Caller().to_number()
    call.dial("*8#123456789012#")
    assert call.answer(outcome) == [said(f"voucher-{outcome}")]


def test_star_hash_leaves_the_question_for_a_voucher() -> None:
    call = Caller().to_number()
    call.dial("*8#")
    assert call.dial("*#")[-1] == said("dial-number-hash")


def test_star_9_changes_the_language() -> None:
    call = Caller().to_number()
    assert call.dial("*9#")[-1] == said("language-is", language="en")
    assert call.feed(ev.Spoken()) == [said("dial-number-hash", language="en")]


def test_a_prepared_call_goes_straight_to_its_destination() -> None:
    for state in ("", "prepared"):
        menu = machine.Menu(CARD, language="en", brand="kryptoow")
        done = menu.on(ev.Begin({"destination": "33612345678"}, state))
        assert [action for action in done if not isinstance(action, SHORT)] == [
            ev.Ask(1, "destination", {"number": "33612345678"})
        ]
        done = menu.on(ev.Answered(1, "ok", {"destination": "33612345678", "minutes": 2}))
        assert ev.Say(tuple(f"kryptoow/en/{name}" for name in ("you-have", "n2", "minutes", "for-this-call"))) in done


def test_what_an_earlier_answer_said_is_not_said_again_for_a_later_one() -> None:
    call = Caller().to_number()
    for minutes in (21, None):
        call.dial("0044207946#")
        known = {"minutes": minutes} if minutes else {}
        heard = call.answer("ok", {"destination": "44207946", **known})
        assert heard == [said("you-have", "n21-f", "minutes", "for-this-call") if minutes else said("connecting")]
        call.dial("5" if minutes else "")
        call.feed(ev.Spoken())
        call.feed(ev.SecondOver("busy"))
        call.feed(ev.Spoken())


def test_an_allowed_call_to_nobody_is_not_dialled() -> None:
    call = Caller().to_number()
    call.dial("0044207946#")
    assert call.answer("ok", {"minutes": 5}) == [said("not-reached")]


def test_a_pin_is_asked_where_the_call_begins_at_it_and_forgotten() -> None:
    call = Caller.__new__(Caller)
    call.menu, call.asked, call.timers, call.notes = machine.Menu(CARD, language="fr"), 0, set(), []
    assert call.feed(ev.Begin({}, "pin")) == [said("enter-pin")]
    assert call.dial("1234#") == [ev.Hush(), ev.Ask(1, "pin", {"pin": "1234"})]
    assert "pin" not in call.menu.values
    assert call.answer("wrong") == [said("pin-wrong")]
    assert call.feed(ev.Spoken()) == [said("enter-pin")]
    call.dial("4321#")
    assert call.answer("ok") == [said("welcome")]


@pytest.mark.parametrize(
    "why", ["withheld", "unknown", "closed", "suspended", "unauthenticated", "not-open", "too-many"]
)
def test_a_caller_who_is_not_let_in_hears_why_then_is_released(why: str) -> None:
    menu = machine.Menu(CARD, language="fr")
    done = menu.on(ev.Begin({}, f"refused-{why}"))
    assert done == [ev.Note(f"refused-{why}"), said(f"refused-{why}", "goodbye")]
    assert menu.on(ev.Digit("1")) == []
    assert menu.on(ev.Spoken()) == [ev.HangUp("refused")]


def test_a_slow_desk_is_bridged_by_one_moment_and_a_silent_one_given_up() -> None:
    call = Caller().to_number()
    call.dial("0044207946#")
    assert call.feed(ev.Fired("waiting")) == [said("one-moment", "comfort", times=-1)]
    assert call.feed(ev.Fired("desk")) == [ev.Hush(), said("not-reached")]
    assert call.answer("ok", {"destination": "1"}) == []  # too late


def test_a_dropped_leg_that_never_settles_ends_the_call() -> None:
    call = Caller().to_call()
    call.feed(ev.SecondAnswered())
    call.dial("**")
    assert call.feed(ev.Fired("settle")) == [said("too-many-errors", "goodbye")]


def test_when_the_caller_is_gone_the_second_leg_is_dropped_and_nothing_more_is_done() -> None:
    call = Caller().to_call()
    call.feed(ev.SecondAnswered())
    assert call.feed(ev.Gone()) == [ev.DropSecond()]
    assert call.timers == set()
    assert call.dial("0#") == []
    assert call.feed(ev.SecondOver("over")) == []


@pytest.mark.clause("IPP-9.4-mobility")
def test_mobility_has_the_same_way_of_a_call_and_no_vouchers() -> None:
    table = menus.load("mobility")
    call = Caller(table=table).to_call()
    call.feed(ev.SecondAnswered())
    call.feed(ev.SecondOver("credit"))
    assert call.feed(ev.Spoken()) == [said("dial-number-hash")]
    assert call.dial("*8#")[-1] == said("wrong-number")
