"""Whatever happens in whatever order, a menu ends, leaves no timer, hangs on no question, and is silent after the end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.voice.menu import desk, machine, menus, wording
from cadran.voice.menu import events as ev

TABLES = [menus.load("calling-card"), menus.load("mobility")]
VALUES = {"number": "33612345678", "destination": "33612345678", "minutes": 21, "credit_micros": 5_210_000, "count": 3}
OUTCOMES = sorted({outcome for asked in desk.QUESTIONS.values() for outcome in asked.outcomes} | {"never-heard-of"})
TIMERS = ("first", "between", "desk", "waiting", "leave", "settle", "no-such-timer")
EVENTS = st.one_of(
    st.sampled_from("0123456789*#").map(ev.Digit),
    st.sampled_from(["", "12", "é", "AB"]).map(ev.Digit),
    st.just(ev.Spoken()),
    st.sampled_from(TIMERS).map(ev.Fired),
    st.tuples(st.integers(0, 6), st.sampled_from(OUTCOMES)).map(lambda one: ev.Answered(one[0], one[1], VALUES)),
    st.sampled_from([ev.SecondRinging(), ev.SecondAnswered(), ev.Low(60), ev.Low(0)]),
    st.sampled_from([*desk.CALL_OUTCOMES, "never-heard-of"]).map(ev.SecondOver),
    st.tuples(st.sampled_from(["", "number", "nowhere"])).map(lambda one: ev.Begin({}, one[0])),
)


class Shell:
    """What carries the actions out: keeps timers, what plays, what is asked, and holds the menu to its word."""

    def __init__(self, menu: machine.Menu) -> None:
        self.menu = menu
        self.timers: set[str] = set()
        self.playing = self.asking = self.second = 0
        self.ended = False

    def feed(self, event: ev.Event) -> None:
        if isinstance(event, ev.Fired):
            self.timers.discard(event.timer)
        if isinstance(event, ev.Spoken) and self.playing > 0:
            self.playing = 0
        if isinstance(event, ev.SecondOver):
            self.second = 0
        if isinstance(event, ev.Answered) and event.number == self.asking:
            self.asking = 0
        for action in self.menu.on(event):
            assert not self.ended, f"{action} after the end"
            match action:
                case ev.Say(prompts, times):
                    assert 1 <= len(prompts) <= wording.PROMPTS_AT_ONCE
                    self.playing = times
                case ev.Hush():
                    self.playing = 0
                case ev.Arm(timer, seconds):
                    assert seconds > 0
                    self.timers.add(timer)
                case ev.Disarm(timer):
                    assert timer in self.timers, "disarms what is not armed"
                    self.timers.discard(timer)
                case ev.Ask(number):
                    assert number > self.asking
                    self.asking = number
                case ev.Dial(destination):
                    assert destination
                    assert not self.second, "two second legs at once"
                    self.second = 1
                case ev.DropSecond():
                    assert self.second == 1
                    self.second = 2
                case ev.HangUp():
                    self.ended = True
        if isinstance(event, ev.Gone) or self.ended:
            self.ended = True
            assert not self.timers, "a timer outlives the call"
            assert len(self.menu._ahead) <= 24

    def waits(self) -> bool:
        """Something will come by itself: the end of speech, a timer, the other leg's end."""
        return bool(self.playing or self.timers or self.second)


@settings(max_examples=150, deadline=None)
@given(
    table=st.sampled_from(TABLES),
    begin=st.sampled_from(["", "pin", "prepared"]),
    happened=st.lists(EVENTS, max_size=80),
)
def test_any_order_of_events_leaves_a_menu_that_waits_for_something_and_ends_by_itself(
    table: menus.Table, begin: str, happened: list[ev.Event]
) -> None:
    shell = Shell(machine.Menu(table, language="fr"))
    shell.feed(ev.Begin({"destination": "33612345678"} if begin == "prepared" else {}, begin))
    for event in happened:
        shell.feed(event)
        assert shell.ended or shell.waits()
    for _ in range(300):  # the caller does nothing any more; what was begun comes to its end
        if shell.ended:
            break
        if shell.second:
            shell.feed(ev.SecondOver("over"))
        elif shell.playing > 0:
            shell.feed(ev.Spoken())
        else:
            shell.feed(ev.Fired(sorted(shell.timers)[0]))
    assert shell.ended


@settings(max_examples=60, deadline=None)
@given(table=st.sampled_from(TABLES), happened=st.lists(EVENTS, max_size=60), later=st.lists(EVENTS, max_size=20))
def test_nothing_is_done_after_the_caller_is_gone(
    table: menus.Table, happened: list[ev.Event], later: list[ev.Event]
) -> None:
    shell = Shell(machine.Menu(table, language="en"))
    for event in (ev.Begin(), *happened, ev.Gone(), *later):
        shell.feed(event)
    assert shell.menu.over


def test_a_caller_who_dials_for_ever_comes_to_an_end() -> None:
    shell = Shell(machine.Menu(TABLES[0], language="fr"))
    shell.feed(ev.Begin())
    for _ in range(3000):
        if shell.ended:
            break
        if shell.asking:
            shell.feed(ev.Answered(shell.asking, "ok", VALUES))
        for digit in "*0#":
            shell.feed(ev.Digit(digit))
        shell.feed(ev.Spoken())
    assert shell.ended
