"""A small cache in front of `party.queries.sip_user`. Used on the SIP thread alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from cadran.party import queries as party
from cadran.units.clock import MonotonicClock

SipUser = party.SipUser


class Reader(Protocol):
    """Runs a function elsewhere and brings back its result: background.Background, or a test's direct call."""

    def read(self, work: Callable[[], object], done: Callable[[object], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """A look-up's answer: user None means that there is none. ok False: the database did not answer."""

    user: SipUser | None
    ok: bool = True


@dataclass(slots=True)
class Directory:
    """Users by name, present or not, for `ttl_s` seconds, at most `bound` of them."""

    reader: Reader
    clock: MonotonicClock
    ttl_s: float = 5.0
    bound: int = 20_000
    look_up: Callable[[str], SipUser | None] = party.sip_user
    _kept: OrderedDict[str, tuple[float, Known]] = field(default_factory=OrderedDict)
    _asked: dict[str, list[Callable[[Known], None]]] = field(default_factory=dict)

    def peek(self, username: str) -> Known | None:
        """What is known right now, or None: then use find."""
        until, known = self._kept.get(username, (0.0, None))
        return known if known is not None and until > self.clock.seconds() else None

    def find(self, username: str, done: Callable[[Known], None]) -> None:
        """Hand the user to `done`, now or soon. One look-up serves all who wait for the same name."""
        if (known := self.peek(username)) is not None:
            done(known)
            return
        waiting = self._asked.setdefault(username, [])
        waiting.append(done)
        if len(waiting) == 1:
            self.reader.read(lambda: Known(self.look_up(username)), lambda found: self._found(username, found))

    def _found(self, username: str, found: object) -> None:
        known = found if isinstance(found, Known) else Known(None, ok=False)
        if known.ok:
            now = self.clock.seconds()
            self._kept[username] = (now + self.ttl_s, known)
            self._kept.move_to_end(username)
            while len(self._kept) > self.bound or next(iter(self._kept.values()))[0] <= now - self.ttl_s:
                self._kept.popitem(last=False)
        for done in self._asked.pop(username, []):
            done(known)
