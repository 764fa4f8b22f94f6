"""Who tells codes on numbers: Cadran itself, on the telephone."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from cadran.numbering.proofs import ports
from cadran.voice import control


class VoiceTeller:
    """A voice that says the code, twice: the SIP process rings the number."""

    means = "voice"

    def __init__(self, door: Path) -> None:
        self.door = door

    def tell(self, *, key: str, brand: str, digits: str, code: str, language: str, shown: str) -> None:
        order = control.SpokenCode(key=key, brand=brand, digits=digits, code=code, access=shown, language=language)
        try:
            state = control.speak(order, door=self.door)
        except (control.CallbackRefused, control.CallsUnreachable) as error:
            raise ports.CodeUntold("the code could not be told now: try again in a minute") from error
        if state.over:
            raise ports.CodeUntold("the number cannot be rung now: try again later", why=state.why)


def teller() -> ports.CodeTeller:
    """The way in which codes are told now."""
    return VoiceTeller(settings.SIP_SOCKET)


def heard(key: str) -> str:
    """What became of a telling: rings | speaks | spoken | busy | no-answer | unreachable; empty where nothing is known."""
    try:
        state = control.callback_state(key)
    except control.CallbackUnknown:
        return ""
    if not state.over:
        return "speaks" if state.stage == "talking" else "rings"
    why = state.why.removeprefix("you-")
    if why in ("spoken", "hung-up", "ended"):
        return "spoken"
    return why if why in ("busy", "no-answer") else "unreachable"
