"""What the public network does with a number: by its last digits, or as told beforehand. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`refuse` is the SIP code of a refusal, after `ring_s`; without it the call is answered after `ring_s` (None: never)
    and hung up `hang_up_s` after the answer. `early_s` of early media come before the answer."""

    name: str
    ring_s: float | None = 0.3
    refuse: int = 0
    early_s: float = 0.0
    hang_up_s: float | None = None
    silent: bool = False
    deaf: bool = False


REASONS = {
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}
NORMAL = Behaviour("normal")
BEHAVIOURS = {
    found.name: found
    for found in (
        NORMAL,
        Behaviour("busy", ring_s=0.1, refuse=486),
        Behaviour("no-answer", ring_s=None),
        Behaviour("decline", refuse=603),
        Behaviour("early-media", ring_s=0.1, early_s=1.0),
        Behaviour("unavailable", ring_s=0.0, refuse=503),
        Behaviour("unknown", ring_s=0.0, refuse=404),
        Behaviour("slow", ring_s=5.0),
        Behaviour("silent", silent=True),
        Behaviour("deaf", deaf=True, hang_up_s=60.0),
        Behaviour("hang-up", hang_up_s=3.0),
    )
}
BY_ENDING = {
    "0486": "busy",
    "0480": "no-answer",
    "0603": "decline",
    "0183": "early-media",
    "0503": "unavailable",
    "0404": "unknown",
    "0180": "slow",
    "0204": "silent",
    "0481": "deaf",
}
HANG_UP_ENDING = "08"  # 08NN: hangs up NN seconds after the answer, 01 to 99

TABLE = """\
A number's last four digits choose what happens; all others ring 0.3 s, answer, play a tone for 1 s, then echo.
  0486  busy            486 Busy Here
  0480  no-answer       rings until it is cancelled
  0603  decline         603 Decline
  0183  early-media     183 with a tone for 1 s, then the answer
  0503  unavailable     503 at once, on the carrier named "one" alone, so that the next one is tried
  0404  unknown         404 Not Found
  0180  slow            rings 5 s, then answers
  0204  silent          answers, and sends no sound at all
  0481  deaf            answers, and ignores BYE: it talks on, for a minute at most
  08NN  hang-up         hangs up NN seconds after the answer (01 to 99)
POST /behaviour tells a number or a prefix to do one of these instead (or "normal")."""


def choose(number: str, told: dict[str, Behaviour], *, first_choice: bool) -> Behaviour:
    """The behaviour of a dialled number. What was told wins, the longest prefix first."""
    digits = number.lstrip("+")
    for length in range(len(digits), 0, -1):
        if found := told.get(digits[:length]):
            return found
    ending = digits[-4:]
    if ending.startswith(HANG_UP_ENDING) and ending[2:].isdigit() and ending[2:] != "00" and len(digits) > 4:
        return replace(BEHAVIOURS["hang-up"], hang_up_s=float(ending[2:]))
    name = BY_ENDING.get(ending, "normal") if len(digits) > 4 else "normal"
    return NORMAL if name == "unavailable" and not first_choice else BEHAVIOURS[name]
