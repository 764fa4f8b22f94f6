"""What a menu hears and what it wants done. The shell on an access number carries the actions out; tests give the events as literals.

Words: `second` is the leg towards the correspondent. A question is asked of the desk (who knows accounts, prices and vouchers), and
answered with an outcome, a word that the table of states knows, and values that its sentences may speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Begin:
    """The caller was answered and can hear. state: where the table begins; empty for its own start. values: what is known of the
    caller: `language`, `credit_micros`, `currency`, `account`, `destination` (a call prepared by EasyDialer)..."""

    values: Mapping[str, Value] = field(default_factory=dict)
    state: str = ""


@dataclass(frozen=True, slots=True)
class Digit:
    digit: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was to be said has been said to its end."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A timer of the menu."""

    timer: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The desk's answer to `Ask`. number: that of the question; late answers to earlier ones are not heeded."""

    number: int
    outcome: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecondRinging: ...


@dataclass(frozen=True, slots=True)
class SecondAnswered: ...


@dataclass(frozen=True, slots=True)
class SecondOver:
    """The second leg failed or ended. outcome: no-credit | busy | no-answer | unreachable | declined | failed before the answer, else
    over (somebody hung up), credit (cut), limit, lost. values: `charge_micros`, `charged_s`, `credit_micros` as far as they are
    known."""

    outcome: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Low:
    """One minute (values: `seconds`) is left of the call and no more can follow."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The caller hung up, the media were lost, or the operator ends it: nothing more can be said."""

    why: str = "caller"


Event = Begin | Digit | Spoken | Fired | Answered | SecondRinging | SecondAnswered | SecondOver | Low | Gone


@dataclass(frozen=True, slots=True)
class Say:
    """Play prompts in a row into the caller's ear, in place of what plays now; `Spoken` follows at the end. times: negative for
    ever."""

    prompts: tuple[str, ...]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop what plays."""


@dataclass(frozen=True, slots=True)
class Arm:
    timer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Disarm:
    timer: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to the desk: its name, and what the table gives with it. `Answered` with that number follows, always."""

    number: int
    question: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect to the destination that the desk has just allowed (question `destination`)."""

    destination: str


@dataclass(frozen=True, slots=True)
class DropSecond:
    """The caller wants no more of the second leg, ringing or answered. `SecondOver` follows once it is settled."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Release the caller. why: goodbye | errors | refused, as the table says."""

    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """The caller has come to a state of the table: kept for the operator's picture of where callers give up."""

    state: str


Action = Say | Hush | Arm | Disarm | Ask | Dial | DropSecond | HangUp | Note
