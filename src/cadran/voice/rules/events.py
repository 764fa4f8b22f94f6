"""What happens to a call (events) and what is to be done about it (actions): the vocabulary of the state machine in `calls`.

Branches are known by a key; SDP bodies and SIP objects stay with the shell. Instants are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a call stands."""

    TRYING = "trying"
    AUTHORISING = "authorising"
    PREPARING = "preparing"
    ANNOUNCING = "announcing"
    RINGING = "ringing"
    EARLY = "early"
    JOINING = "joining"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


class Leg(StrEnum):
    """The two ends of an answered call."""

    CALLER = "caller"
    CALLEE = "callee"


@dataclass(frozen=True, slots=True)
class Branch:
    """One place that rings: a registered device, a carrier, an open SIP address."""

    key: str
    carrier: str = ""


# --- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """Who pays and where to ring is known. Stages are tried in turn, the branches of one stage ring together.
    No stage at all means that nobody can be reached: `unreachable` is the SIP code for that."""

    stages: tuple[tuple[Branch, ...], ...]
    unreachable: int = 480


@dataclass(frozen=True, slots=True)
class Turned:
    """The call was turned away before charging was asked (unknown number, no route)."""

    code: int
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """Charging lets the call go out. Seconds count from the answer; None = no limit of that kind."""

    granted_s: int | None
    limit_s: int | None
    final: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Charging refuses: what to say, then the final SIP code."""

    code: int
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChargingLost:
    """Charging did not answer the authorisation."""


@dataclass(frozen=True, slots=True)
class MediaReady:
    """The relay has a session and the offer for the callees is made. `code`: the final response where not."""

    ok: bool
    code: int = 503


@dataclass(frozen=True, slots=True)
class Provisional:
    branch: str
    code: int
    has_sdp: bool = False


@dataclass(frozen=True, slots=True)
class BranchAnswered:
    branch: str


@dataclass(frozen=True, slots=True)
class BranchFailed:
    branch: str
    code: int


@dataclass(frozen=True, slots=True)
class Joined:
    """The winner's media is connected and the SDP for the caller is at hand (or not)."""

    ok: bool


@dataclass(frozen=True, slots=True)
class AnnouncementOver:
    pass


@dataclass(frozen=True, slots=True)
class CallerGone:
    """CANCEL before the answer, BYE after it, or a caller who never acknowledged."""


@dataclass(frozen=True, slots=True)
class CalleeGone:
    pass


@dataclass(frozen=True, slots=True)
class Extended:
    seq: int
    allowed: bool
    granted_s: int | None
    limit_s: int | None
    final: bool = False


@dataclass(frozen=True, slots=True)
class ExtensionLost:
    """Charging did not answer; nothing is known."""

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
    leg: Leg


@dataclass(frozen=True, slots=True)
class Dropped:
    """The operator ends the call: charging no longer knows the session, or the process shuts down."""


Event = (
    Planned
    | Turned
    | Allowed
    | Refused
    | ChargingLost
    | MediaReady
    | Provisional
    | BranchAnswered
    | BranchFailed
    | Joined
    | AnnouncementOver
    | CallerGone
    | CalleeGone
    | Extended
    | ExtensionLost
    | Fired
    | MediaLost
    | ByeAnswered
    | Dropped
)

# --- actions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authorise:
    pass


@dataclass(frozen=True, slots=True)
class OpenMedia:
    pass


@dataclass(frozen=True, slots=True)
class Dial:
    branch: Branch


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a branch that did not win, in whatever state it is."""

    branch: str


@dataclass(frozen=True, slots=True)
class Ring:
    pass


@dataclass(frozen=True, slots=True)
class PassEarly:
    """Let the caller hear what this branch sends before the answer."""

    branch: str


@dataclass(frozen=True, slots=True)
class Join:
    branch: str


@dataclass(frozen=True, slots=True)
class Answer:
    pass


@dataclass(frozen=True, slots=True)
class Refuse:
    code: int


@dataclass(frozen=True, slots=True)
class Announce:
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HangUp:
    leg: Leg


@dataclass(frozen=True, slots=True)
class CloseMedia:
    pass


@dataclass(frozen=True, slots=True)
class Extend:
    seq: int
    used_s: int


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell the caller that the call ends in so many seconds and no more can follow."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Arm:
    timer: str
    at: float


@dataclass(frozen=True, slots=True)
class Disarm:
    timer: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Write the answered dialog into the journal."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell charging, durably, how the call ended. measured_ms is None for a call that was never answered."""

    disposition: str
    ended_by: str
    sip_code: int
    measured_ms: int | None
    carrier: str


@dataclass(frozen=True, slots=True)
class BarkWatchdog:
    """These legs did not answer their BYE in time; their media is gone already."""

    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    pass


Action = (
    Authorise
    | OpenMedia
    | Dial
    | Cancel
    | Ring
    | PassEarly
    | Join
    | Answer
    | Refuse
    | Announce
    | HangUp
    | CloseMedia
    | Extend
    | Warn
    | Arm
    | Disarm
    | Remember
    | Settle
    | BarkWatchdog
    | Finish
)
