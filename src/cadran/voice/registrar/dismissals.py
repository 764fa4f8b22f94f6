"""Registered phones of a SIP user whose codes were blocked, changed or ended are dropped within seconds, so that a stolen phone is not
rung again when its owner is back with new codes. SIP thread; the house's events are read on a database thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cadran.policy import events
from cadran.policy.events import PendingEvent
from cadran.units.clause import carries
from cadran.voice.directory.cache import Reader

EVERY_S = 1.0
KINDS = (
    "party.sip-user-blocked",
    "party.sip-user-must-change",
    "party.sip-password-changed",
    "party.sip-user-ended",
)


class Drops(Protocol):
    """What forgets the devices of a user."""

    def drop(self, username: str) -> None: ...


@dataclass(slots=True)
class Dismissals:
    """Follows the events from the newest at its start; one look at a time."""

    registrar: Drops
    reader: Reader
    reached: int = -1
    asking: bool = False

    def look(self) -> None:
        """Ask for what is new, unless an answer is still awaited."""
        if self.asking:
            return
        self.asking = True
        if self.reached < 0:
            self.reader.read(events.newest, self._started)
        else:
            reached = self.reached
            self.reader.read(lambda: events.after(reached, kinds=KINDS), self._found)

    def _started(self, newest: object) -> None:
        self.asking = False
        if isinstance(newest, int):
            self.reached = newest

    @carries("IPP-5.3-codes")
    def _found(self, found: object) -> None:
        self.asking = False
        for event in found if isinstance(found, tuple) else ():
            assert isinstance(event, PendingEvent)
            self.registrar.drop(str(event.body.get("sip_user", "")))
            self.reached = event.event_id
