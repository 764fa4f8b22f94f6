"""A menu played without telephone, house or sound: made-up answers, and what would be heard as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cadran.voice.menu import events as ev
from cadran.voice.menu import machine, texts
from cadran.voice.menu.table import Table

_CALLS: Mapping[str, ev.Value] = {
    "call1_destination": "33612345678",
    "call1_seconds": 61,
    "call1_micros": 240_000,
    "call2_destination": "442079460000",
    "call2_seconds": 3_600,
    "call2_micros": 1_200_000,
}
# What the house would say of an account with 5.21 EUR.
CREDIT_MICROS = 5_210_000
PIN, SPEED_DIAL, VOUCHER = "1234", {"1": "33612345678", "21": "442079460000"}, "123456789012"


@dataclass(frozen=True, slots=True)
class Line:
    """what: hears | dials | state | call | ends. text: for people."""

    what: str
    text: str


@dataclass(slots=True)
class Rehearsal:
    """Feed it what is typed; it gives what happens. second: the made-up other leg, as the menu's words have it."""

    table: Table
    language: str
    lines: list[Line] = field(default_factory=list)
    menu: machine.Menu = field(init=False)
    second: str = ""
    _playing: bool = False
    _timers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.menu = machine.Menu(self.table, language=self.language)

    @property
    def over(self) -> bool:
        return self.menu.over

    def begin(self, values: Mapping[str, ev.Value] | None = None, state: str = "") -> list[Line]:
        return self._feed(ev.Begin({"currency": "EUR", **(values or {})}, state))

    def dial(self, digits: str) -> list[Line]:
        """Digits as typed, after what is being said has been heard or in the middle of it."""
        told = [Line("dials", digits)] if digits else []
        for digit in digits:
            told += self._feed(ev.Digit(digit))
        return told + self.settle()

    def settle(self) -> list[Line]:
        """Let speech end until the caller is waited for."""
        told: list[Line] = []
        while self._playing and not self.over and not self.second:
            told += self._feed(ev.Spoken())
        return told

    def wait(self) -> list[Line]:
        """The caller does nothing: the other leg takes its course, or a timer runs out."""
        told = self.settle()
        if self.over:
            return told
        if self.second == "dialled":
            self.second = "ringing"
            return told + self._feed(ev.SecondRinging())
        if self.second == "ringing":
            self.second = "talking"
            return told + self._feed(ev.SecondAnswered())
        if self.second == "talking":
            return told + self._feed(ev.Low(60))
        if self._timers:
            return told + self._feed(ev.Fired(self._timers[0])) + self.settle()
        return told

    def other_hangs_up(self, outcome: str = "over") -> list[Line]:
        if not self.second:
            return []
        talked = self.second == "talking" or outcome == "over"
        self.second = ""
        charged = (
            {"charged_s": 61, "charge_micros": 240_000, "credit_micros": CREDIT_MICROS - 240_000} if talked else {}
        )
        return self._feed(ev.SecondOver(outcome, charged)) + self.settle()

    def _feed(self, event: ev.Event) -> list[Line]:
        told: list[Line] = []
        if isinstance(event, ev.Spoken):
            self._playing = False
        if isinstance(event, ev.Fired) and event.timer in self._timers:
            self._timers.remove(event.timer)
        for action in self.menu.on(event):
            match action:
                case ev.Note(state):
                    told.append(Line("state", state))
                case ev.Say(prompts):
                    self._playing = True
                    told.append(Line("hears", texts.heard(prompts)))
                case ev.Hush():
                    self._playing = False
                case ev.Arm(timer):
                    self._timers = [one for one in self._timers if one != timer] + [timer]
                case ev.Disarm(timer):
                    self._timers = [one for one in self._timers if one != timer]
                case ev.Ask(number, question, values):
                    told += self._feed(ev.Answered(number, *self.answer(question, values)))
                case ev.Dial(destination):
                    self.second = "dialled"
                    told.append(Line("call", destination))
                case ev.DropSecond():
                    told += self.other_hangs_up()
                case ev.HangUp(why):
                    told.append(Line("ends", why))
        return told

    def answer(self, question: str, values: Mapping[str, ev.Value]) -> tuple[str, Mapping[str, ev.Value]]:
        """What a made-up house answers: 5.21 EUR of credit, PIN 1234, voucher 123456789012, speed dial 1 and 21; 15, 17, 18 and 112
        are emergencies, numbers of fewer than 8 digits are wrong, those of +870 not served."""
        number = str(values.get("number", "")).removeprefix("00")
        number = f"33{number[1:]}" if number.startswith("0") else number
        if question == "pin":
            return ("ok" if values.get("pin") == PIN else "wrong"), {}
        if question == "credit":
            return "ok", {"credit_micros": CREDIT_MICROS, "expires_on": "2027-03-01"}
        if question == "statement":
            return "ok", {"count": 21, "spent_micros": 12_340_000, "credit_micros": CREDIT_MICROS}
        if question == "last-calls":
            return "ok", {"count": 2, **_CALLS}
        if question == "speed-dial":
            known = SPEED_DIAL.get(str(values.get("key", "")))
            return ("ok", {"number": known}) if known else ("empty", {})
        if question == "voucher":
            right = values.get("code") == VOUCHER
            return ("ok", {"amount_micros": 20_000_000, "credit_micros": 25_210_000}) if right else ("unknown", {})
        if number in ("15", "17", "18", "112"):
            return "emergency", {}
        if len(number) < 8:
            return "wrong-number", {}
        if number.startswith("870"):
            return "not-served", {}
        return "ok", {"destination": number, "minutes": 21, "seconds": 1_260, "credit_micros": CREDIT_MICROS}
