"""The menu of one call: events in, actions out, by the table of states. Pure: no clock, no sound, no database.

It always ends: every question has a timer, every question to the desk and every second leg that is dropped a longest wait, errors in a
row and states of a visit are counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from cadran.units.clause import carries
from cadran.voice.menu import desk, wording
from cadran.voice.menu import events as ev
from cadran.voice.menu.table import (
    BACK,
    BETWEEN,
    DESK,
    FIRST,
    LEAVE,
    SETTLE,
    WAITING,
    Branch,
    Call,
    Ending,
    Inquiry,
    Question,
    Sentence,
    Switch,
    Table,
    Telling,
)

MOST_VALUES = 64
MOST_ENTERED = 32  # states entered by one event; a checked table needs far fewer
_KEYS = "0123456789*#"


@carries("KRY-4.4.1-ivr", "KRY-4.4.1-phone-statement", "IPP-9.4-mobility")
class Menu:
    """language: that of the account or the access number; one the table does not have becomes the table's first."""

    def __init__(self, table: Table, *, brand: str = "", language: str = "") -> None:
        self.table = table
        self.brand = brand
        self.language = language if language in table.languages else table.languages[0]
        self.values: dict[str, ev.Value] = {}
        self.state = ""
        self.over = False
        self._begun = False
        self._out: list[ev.Action] = []
        self._timers: set[str] = set()
        self._speaking = False
        self._left_to_say: list[tuple[str, ...]] = []
        self._then = ""  # what the end of the speech leads to: a key of _AFTER
        self._ahead = ""
        self._digits = ""
        self._question = ""
        self._number = 0
        self._asking = False
        self._second = ""  # "", dialling, ringing, talking, dropping
        self._star = False
        self._errors = 0
        self._steps = 0
        self._ending = ""

    def on(self, event: ev.Event) -> list[ev.Action]:
        """What is to be done now, in this order. After HangUp or Gone nothing more ever is."""
        if self.over:
            return []
        self._out = []
        match event:
            case ev.Begin(values, state):
                self._begin(values, state)
            case ev.Gone():
                self._gone()
            case _ if not self._begun:
                pass
            case ev.Digit(digit):
                if digit in _KEYS and len(digit) == 1:
                    self._digit(digit)
            case ev.Spoken():
                self._spoken()
            case ev.Fired(timer):
                if timer in self._timers:
                    self._timers.discard(timer)
                    self._fired(timer)
            case ev.Answered(number, outcome, values):
                if self._asking and number == self._number:
                    self._answered(outcome, values)
            case ev.SecondRinging():
                self._ringing()
            case ev.SecondAnswered():
                self._talking()
            case ev.SecondOver(outcome, values):
                self._second_over(outcome, values)
            case ev.Low(seconds):
                self._low(seconds)
        return self._out

    # ---- going from state to state ----

    def _begin(self, values: Mapping[str, ev.Value], state: str) -> None:
        if self._begun:
            return
        self._begun = True
        self._learn(values)
        if values.get("language") in self.table.languages:
            self.language = str(values["language"])
        self._go(state if state in self.table.states else self.table.start)

    def _go(self, name: str) -> None:
        """Enter a state, and those that it leads to at once."""
        for _ in range(MOST_ENTERED):
            onward = self._enter(name)
            if onward is None or self.over:
                return
            name = onward
        self._end(self.table.errors_to)

    def _enter(self, name: str) -> str | None:
        """The state to enter next, or None where something is waited for."""
        if name == BACK:
            name = self._question or self.table.start
        self._steps += 1
        if self._steps > self.table.limits.steps:
            name = self.table.errors_to
        for timer in sorted(self._timers):
            self._disarm(timer)
        self.state = name
        self._out.append(ev.Note(name))
        state = self.table.states[name]
        match state:
            case Telling():
                return self._tell(state)
            case Question():
                return self._put(state)
            case Inquiry():
                self._ask(state)
            case Branch():
                return state.known if self.values.get(state.value) else state.otherwise
            case Switch():
                spoken = self.table.languages
                self.language = spoken[(spoken.index(self.language) + 1) % len(spoken)]
                return state.next
            case Call():
                self._call(state)
            case Ending():
                self._end(name)
        return None

    def _tell(self, state: Telling) -> str | None:
        if state.fresh:
            self._ahead = ""
        if state.error:
            self._errors += 1
        if self._ahead or not self._say(state.say, "next"):
            return self._after_telling(state)
        return None

    def _after_telling(self, state: Telling) -> str:
        if state.error and self._errors >= self.table.limits.errors:
            return self.table.errors_to
        return state.next

    def _end(self, name: str) -> None:
        """Say the last words of an end, then hang up."""
        state = self.table.states[name]
        assert isinstance(state, Ending)
        self.state = name
        self._asking = False
        for timer in sorted(self._timers):
            self._disarm(timer)
        self._ending = state.why
        if not self._say(state.say, "end"):
            self._hang_up()

    def _hang_up(self) -> None:
        self._hush()
        self._out.append(ev.HangUp(self._ending))
        self._close()

    def _gone(self) -> None:
        for timer in sorted(self._timers):
            self._disarm(timer)
        if self._second and self._second != "dropping":
            self._out.append(ev.DropSecond())
        self._close()

    def _close(self) -> None:
        self.over, self._speaking, self._left_to_say, self._ahead = True, False, [], ""

    # ---- questions to the caller ----

    def _put(self, state: Question) -> str | None:
        self._question = state.name
        self._digits = ""
        ahead, self._ahead = self._ahead, ""
        for used, digit in enumerate(ahead, 1):
            onward = self._dialled(state, digit)
            if onward is not None:
                self._ahead = ahead[used:]
                return onward
        if ahead:
            if self._digits:
                self._hush()
            if not self._speaking:
                self._arm(BETWEEN if self._digits else FIRST)
        elif not self._say(state.say, "first"):
            self._arm(FIRST)
        return None

    def _dialled(self, state: Question, digit: str) -> str | None:
        """The state that a digit leads to, if it does. Star takes back what was dialled; at the very beginning it may open a
        combination."""
        if digit == "#":
            return self._entered(state)
        if digit == "*" and self._digits:
            self._digits = ""
            self._hush()
            self._say(state.corrected, "first")
        elif digit != "*" or state.keys:
            self._digits += digit
            if len(self._digits.lstrip("*")) > state.most:
                return state.wrong
        return None

    def _entered(self, state: Question) -> str:
        onward, number = state.leads(self._digits)
        if number:
            self.values[state.into] = number
        return onward

    def _digit(self, digit: str) -> None:
        if self._ending:
            return
        if self._second:
            self._star_star(digit)
            return
        state = self.table.states[self.state]
        if isinstance(state, Question):
            self._hush()
            for timer in (FIRST, BETWEEN):
                self._disarm(timer)
            onward = self._dialled(state, digit)
            if onward is not None:
                self._go(onward)
            elif not self._speaking:
                self._arm(BETWEEN if self._digits else FIRST)
            return
        if len(self._ahead) < self.table.limits.typed_ahead:
            self._ahead += digit
        if isinstance(state, Telling) and self._speaking:
            self._hush()
            self._go(self._after_telling(state))
        elif isinstance(state, Call) and self._speaking:  # before it is dialled
            self._hush()
            self._dial()
            self._star_star(digit)

    # ---- questions to the desk ----

    def _ask(self, state: Inquiry) -> None:
        self._number += 1
        self._asking = True
        asked = desk.QUESTIONS[state.ask]
        named = {name: state.give.get(name, name) for name in asked.gives}
        self._out.append(
            ev.Ask(
                self._number, state.ask, {name: self.values[own] for name, own in named.items() if own in self.values}
            )
        )
        for name in asked.secret:
            self.values.pop(named[name], None)
        self._arm(DESK)
        if state.waiting:
            self._arm(WAITING)

    def _answered(self, outcome: str, values: Mapping[str, ev.Value]) -> None:
        state = self.table.states[self.state]
        assert isinstance(state, Inquiry)
        self._asking = False
        if outcome == "ok":
            self._errors = 0
            for stale in set(desk.QUESTIONS[state.ask].outcomes["ok"]) - {"credit_micros"}:
                self.values.pop(stale, None)
            if state.ask == "destination" and not values.get("destination"):
                outcome = ""  # allowed, but nobody to dial
        self._learn(values)
        self._hush()
        self._go(state.outcomes.get(outcome, state.otherwise))

    # ---- the second leg ----

    def _call(self, state: Call) -> None:
        self._star = False
        if self._ahead or not self._say(state.say, "dial"):
            self._dial()

    def _dial(self) -> None:
        state = self.table.states[self.state]
        assert isinstance(state, Call)
        self._ahead = ""
        self._second = "dialling"
        for value in ("charge_micros", "charged_s"):
            self.values.pop(value, None)
        self._out.append(ev.Dial(str(self.values.get("destination", ""))))
        self._say(state.waiting, "again", times=-1)

    def _ringing(self) -> None:
        state = self.table.states[self.state]
        if self._second == "dialling" and isinstance(state, Call):
            self._second = "ringing"
            self._say(state.ringback, "again", times=-1)

    def _talking(self) -> None:
        if self._second in ("dialling", "ringing"):
            self._second = "talking"
            self._errors = 0
            self._hush()

    def _low(self, seconds: int) -> None:
        state = self.table.states[self.state]
        if self._second == "talking" and isinstance(state, Call):
            self.values["low_seconds"] = seconds
            self._say(state.low, "")

    def _star_star(self, digit: str) -> None:
        if self._second == "dropping":
            return
        twice = digit == "*" and self._star
        self._disarm(LEAVE)
        self._star = digit == "*" and not twice
        if self._star:
            self._arm(LEAVE)
        if twice:
            self._second = "dropping"
            self._hush()
            self._out.append(ev.DropSecond())
            self._arm(SETTLE)

    def _second_over(self, outcome: str, values: Mapping[str, ev.Value]) -> None:
        state = self.table.states[self.state]
        if not self._second or not isinstance(state, Call):
            return
        left, self._second = self._second == "dropping", ""
        self._learn(values)
        self._hush()
        self._steps = 0 if values.get("charged_s") else self._steps
        self._go(state.left if left else state.outcomes.get(outcome, state.otherwise))

    # ---- timers ----

    def _arm(self, timer: str) -> None:
        self._timers.add(timer)
        self._out.append(ev.Arm(timer, self.table.limits.seconds(timer)))

    def _disarm(self, timer: str) -> None:
        if timer in self._timers:
            self._timers.discard(timer)
            self._out.append(ev.Disarm(timer))

    def _fired(self, timer: str) -> None:
        state = self.table.states[self.state]
        if timer == LEAVE:
            self._star = False
        elif timer == FIRST and isinstance(state, Question):
            self._go(state.silence)
        elif timer == BETWEEN and isinstance(state, Question):
            self._go(self._entered(state))
        elif timer == WAITING and isinstance(state, Inquiry):
            self._say(state.waiting, "again", times=-1)
        elif timer == DESK and isinstance(state, Inquiry):
            self._asking = False
            self._hush()
            self._go(state.otherwise)
        elif timer == SETTLE and isinstance(state, Call):
            self._second = ""
            self._end(self.table.errors_to)

    # ---- speech ----

    def _say(self, sentence: Sentence, then: str, *, times: int = 1) -> bool:
        """Begin to say a sentence; False when there is nothing to say. then: what its end leads to."""
        rows = wording.Tongue(self.language, self.brand).rows(sentence, self.values)
        if not rows:
            return False
        self._then, self._speaking, self._left_to_say = then, True, rows[1:]
        self._out.append(ev.Say(rows[0], times))
        return True

    def _hush(self) -> None:
        if self._speaking:
            self._out.append(ev.Hush())
        self._speaking, self._left_to_say, self._then = False, [], ""

    def _spoken(self) -> None:
        if not self._speaking:
            return
        if self._left_to_say:
            self._out.append(ev.Say(self._left_to_say.pop(0)))
            return
        self._speaking = False
        state, then = self.table.states[self.state], self._then
        if then == "end":
            self._hang_up()
        elif then == "next" and isinstance(state, Telling):
            self._go(self._after_telling(state))
        elif then == "dial":
            self._dial()
        elif then == "first":
            self._arm(FIRST)

    def _learn(self, values: Mapping[str, ev.Value]) -> None:
        for name, value in values.items():
            if name in self.values or len(self.values) < MOST_VALUES:
                self.values[name] = value
