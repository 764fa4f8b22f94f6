"""What happens to a callback (events) and what is to be done about it (actions): the vocabulary of `machine`.

`FIRST` is the leg that rings the customer, `SECOND` the one towards the correspondent. Branches are known by their keys; session
descriptions, SIP and the relay stay with the shell. Instants are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cadran.voice.rules.events import Branch


class Side(StrEnum):
    """The two legs."""

    FIRST = "first"
    SECOND = "second"


class State(StrEnum):
    """Where a callback stands."""

    ASKED = "asked"
    AUTHORISING = "authorising"
    PREPARING = "preparing"
    RINGING_FIRST = "ringing-first"
    JOINING_FIRST = "joining-first"
    OFFERING = "offering"
    RINGING_SECOND = "ringing-second"
    JOINING_SECOND = "joining-second"
    TALKING = "talking"
    TELLING = "telling"
    ENDING = "ending"
    ENDED = "ended"


# --- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """Where each person is sought. A person who can be sought nowhere (no device registered) has no stage."""

    first: tuple[tuple[Branch, ...], ...]
    second: tuple[tuple[Branch, ...], ...]


@dataclass(frozen=True, slots=True)
class Turned:
    """The order cannot be carried out: `why` in a word."""

    why: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """Charging holds the first grant of a leg. Seconds count from that leg's answer; None = not limited in that way."""

    side: Side
    granted_s: int | None
    limit_s: int | None
    final: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Charging refuses a leg: the code of its decision, and the SIP code that its record bears."""

    side: Side
    why: str
    code: int = 403


@dataclass(frozen=True, slots=True)
class ChargingLost:
    """Charging did not answer the authorisation of a leg."""

    side: Side


@dataclass(frozen=True, slots=True)
class Offered:
    """The relay has an offer for the people to be rung on that side, or not."""

    side: Side
    ok: bool


@dataclass(frozen=True, slots=True)
class Provisional:
    side: Side
    branch: str
    code: int


@dataclass(frozen=True, slots=True)
class BranchAnswered:
    side: Side
    branch: str


@dataclass(frozen=True, slots=True)
class BranchFailed:
    side: Side
    branch: str
    code: int


@dataclass(frozen=True, slots=True)
class Joined:
    """The relay has taken the answer of a side: FIRST can hear, SECOND is connected with FIRST. Or it could not."""

    side: Side
    ok: bool


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was to be said has been said to its end."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A side that had answered hung up."""

    side: Side


@dataclass(frozen=True, slots=True)
class Extended:
    side: Side
    seq: int
    allowed: bool
    granted_s: int | None
    limit_s: int | None
    final: bool = False


@dataclass(frozen=True, slots=True)
class ExtensionLost:
    """Charging did not answer; nothing is known."""

    side: Side
    seq: int


@dataclass(frozen=True, slots=True)
class Fired:
    """A timer that was armed."""

    timer: str


@dataclass(frozen=True, slots=True)
class MediaLost:
    pass


@dataclass(frozen=True, slots=True)
class ByeAnswered:
    side: Side


@dataclass(frozen=True, slots=True)
class Dropped:
    """The operator ends it: staff, a process that stops, or charging that no longer knows a leg."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The customer ends it where it was ordered, without lifting the telephone."""


Event = (
    Planned
    | Turned
    | Allowed
    | Refused
    | ChargingLost
    | Offered
    | Provisional
    | BranchAnswered
    | BranchFailed
    | Joined
    | Spoken
    | Gone
    | Extended
    | ExtensionLost
    | Fired
    | MediaLost
    | ByeAnswered
    | Dropped
    | Stopped
)

# --- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authorise:
    side: Side


@dataclass(frozen=True, slots=True)
class OpenLine:
    """The sound of the customer, and an offer for its telephone: `Offered(FIRST)` follows."""


@dataclass(frozen=True, slots=True)
class Dial:
    side: Side
    branch: Branch


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a branch that did not win, in whatever state it is."""

    side: Side
    branch: str


@dataclass(frozen=True, slots=True)
class Join:
    """Give the relay what the winner of that side answered, which ends what plays when it connects the two: `Joined` follows."""

    side: Side
    branch: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer for the correspondent: `Offered(SECOND)` follows."""


@dataclass(frozen=True, slots=True)
class Say:
    """Play prompts in a row into the customer's ear, in place of what plays now; `Spoken` follows. times: negative for ever."""

    prompts: tuple[str, ...]
    times: int = 1


@dataclass(frozen=True, slots=True)
class HangUp:
    side: Side


@dataclass(frozen=True, slots=True)
class CloseLine:
    """End all sound now."""


@dataclass(frozen=True, slots=True)
class Extend:
    side: Side
    seq: int
    used_s: int


@dataclass(frozen=True, slots=True)
class Arm:
    timer: str
    at: float


@dataclass(frozen=True, slots=True)
class Disarm:
    timer: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Write the answered leg into the journal."""

    side: Side


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell charging, durably, how a leg ended. measured_ms is None for a leg that was never answered."""

    side: Side
    disposition: str
    ended_by: str
    sip_code: int
    measured_ms: int | None
    carrier: str


@dataclass(frozen=True, slots=True)
class Tell:
    """What whoever ordered it sees: `stage` is one of STAGES, `why` a word once it is over."""

    stage: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Bark:
    """These legs did not answer their BYE in time; their sound is gone already."""

    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    pass


Action = (
    Authorise
    | OpenLine
    | Dial
    | Cancel
    | Join
    | Offer
    | Say
    | HangUp
    | CloseLine
    | Extend
    | Arm
    | Disarm
    | Remember
    | Settle
    | Tell
    | Bark
    | Finish
)
STAGES = ("asked", "ringing-you", "ringing-them", "talking", "over")
