"""One spoken code: the shell of `speech`. SIP thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cadran.voice.callback import orders, speech, words
from cadran.voice.callback.placing import Placed, Told

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server


class SpokenSession(Placed):
    """Nothing of it is charged, and the code is in no log."""

    def __init__(
        self, server: Server, order: orders.SpokenCode, call_id: str, *, told: Told, done: Callable[[], None]
    ) -> None:
        super().__init__(server, speech.Speech(words.code(order.code)), order, call_id, told=told, done=done)

    def used_ms(self, now: float) -> dict[str, int]:
        return {}
