"""The table of states of a voice menu: what it is made of, and where it is read from.

Cadran ships tables (`tables/<name>.toml`); a brand's `menus/<name>.toml` comes before them and may `extend` a shipped one, naming only
what it changes. reading.py reads the files, checking.py finds what is wrong, machine.py follows the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cadran.units import errors

TABLES = Path(__file__).resolve().parent / "tables"
LANGUAGES = ("fr", "en")
FIRST, BETWEEN, DESK, WAITING, LEAVE, SETTLE = "first", "between", "desk", "waiting", "leave", "settle"  # timers
BACK = "back"  # as a target: the question that the caller was asked last

HasPrompt = Callable[[str, str], bool]
"""(language, name): is there a recording?"""


@dataclass(frozen=True, slots=True)
class Problem:
    """code: stable, in kebab-case. where: the state and its key, as `states.number.next`. about: `language/prompt` that is missing."""

    code: str
    where: str
    text: str
    about: str = ""


class TableWrong(errors.CadranError):
    """A table that cannot be used; `details['problems']` has every Problem."""

    error_id = "voice-menu-table-wrong"


class TableUnknown(errors.CadranError):
    """No table of that name, shipped or of the brand."""

    error_id = "voice-menu-table-unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """A recording (`prompt`, perhaps `language/prompt`), or a value of the call said in a form of speech.py."""

    prompt: str = ""
    value: str = ""
    form: str = ""


Group = tuple[Part, ...]
Sentence = tuple[Group, ...]
"""A group of which one value is not known is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling(State):
    """`say`: says something, then goes on. error: counted; at the limit the menu ends instead of going on. fresh: digits that were
    typed before are dropped."""

    say: Sentence
    next: str
    error: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(State):
    """`digits`: digits up to hash, kept as the value `into`. corrected: said after star. keys: what is dialled before hash (`*0`) to
    a state. short: up to short_most digits go to short_next. silence and wrong (fewer digits than `least`): where errors are told."""

    say: Sentence
    into: str
    next: str
    silence: str
    wrong: str
    least: int = 1
    most: int = 20
    corrected: Sentence = ()
    keys: Mapping[str, str]
    short_most: int = 0
    short_next: str = ""

    def leads(self, dialled: str) -> tuple[str, str]:
        """What was dialled before hash: the state that it leads to, and the number that is kept, empty for none. A star before a
        number that is no combination is not minded."""
        if dialled in self.keys:
            return self.keys[dialled], ""
        digits = dialled.lstrip("*")
        if 0 < len(digits) <= self.short_most:
            return (self.short_next, digits) if dialled == digits else (self.wrong, "")
        return (self.next, digits) if self.least <= len(digits) <= self.most else (self.wrong, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry(State):
    """`desk`: asks the desk. give: the question's values to values of the call. outcomes: to states; any other goes to `otherwise`,
    as does a desk that is silent for too long. waiting: said again and again while the answer is late."""

    ask: str
    give: Mapping[str, str]
    outcomes: Mapping[str, str]
    otherwise: str
    waiting: Sentence = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(State):
    """`branch`: goes to `known` when the call has that value (and it is neither empty nor false nor 0), else to `otherwise`."""

    value: str
    known: str
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(State):
    """`call`: dials the value `destination`. say: first. ringback: while it rings. low: before the end. outcomes: how the call ended,
    to states; any other goes to `otherwise`. left: where star star leads."""

    say: Sentence
    waiting: Sentence
    ringback: Sentence
    low: Sentence
    outcomes: Mapping[str, str]
    otherwise: str
    left: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(State):
    """`language`: the next language of the table, from now on."""

    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(State):
    """`end`: says something, then hangs up."""

    say: Sentence
    why: str = "goodbye"


AnyState = Telling | Question | Inquiry | Branch | Call | Switch | Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """errors: in a row, the last of which ends the menu. typed_ahead: digits kept for the next question. steps: states of one visit,
    calls not counted twice; then the menu ends. Times in seconds."""

    errors: int = 3
    typed_ahead: int = 24
    steps: int = 400
    first_digit_s: float = 8.0
    between_digits_s: float = 5.0
    answer_s: float = 20.0
    waiting_s: float = 1.5
    leave_s: float = 2.0
    settle_s: float = 20.0

    def seconds(self, timer: str) -> float:
        """How long that timer runs."""
        return {
            FIRST: self.first_digit_s,
            BETWEEN: self.between_digits_s,
            DESK: self.answer_s,
            WAITING: self.waiting_s,
            LEAVE: self.leave_s,
            SETTLE: self.settle_s,
        }[timer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """start: where a call begins that says nothing else; entries: other states at which one may. errors_to: the end after too many
    errors, and after too many steps. source: the files it was read from, the brand's first."""

    name: str
    title: Mapping[str, str]
    languages: tuple[str, ...]
    start: str
    entries: tuple[str, ...]
    errors_to: str
    limits: Limits
    states: Mapping[str, AnyState]
    source: tuple[Path, ...] = ()


def targets(state: AnyState) -> list[tuple[str, str]]:
    """Every (key, state it leads to), in the order of the table; BACK as it is."""
    match state:
        case Telling() | Switch():
            return [("next", state.next)]
        case Question():
            found = [("next", state.next), *((f"keys.{keys}#", to) for keys, to in state.keys.items())]
            if state.short_next:
                found.append(("short.next", state.short_next))
            return [*found, ("silence", state.silence), ("wrong", state.wrong)]
        case Inquiry():
            return [*((f"outcomes.{name}", to) for name, to in state.outcomes.items()), ("otherwise", state.otherwise)]
        case Branch():
            return [("known", state.known), ("otherwise", state.otherwise)]
        case Call():
            ends = [(f"outcomes.{name}", to) for name, to in state.outcomes.items()]
            return [*ends, ("left", state.left), ("otherwise", state.otherwise)]
        case Ending():
            return []


def sentences(state: AnyState) -> list[tuple[str, Sentence]]:
    """Every (key, sentence) of a state."""
    names = ("say", "corrected", "waiting", "ringback", "low")
    return [(name, getattr(state, name)) for name in names if getattr(state, name, ())]


def prompts_of(table: Table) -> set[tuple[str, str]]:
    """Every (language, prompt) that the table itself names."""
    found = set()
    for state in table.states.values():
        for _key, sentence in sentences(state):
            for part in (part for group in sentence for part in group if part.prompt):
                language, slash, name = part.prompt.rpartition("/")
                found |= {(one, name) for one in ([language] if slash else table.languages)}
    return found
