"""What a call's plan asks the database, kept for a few seconds. `Lookups` reads, on a database thread; `Lookups.known` answers
from what is kept, on the SIP thread, or raises NotKnown: so a plan that needs nothing new is made at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from cadran.numbering import queries as numbering
from cadran.party import queries as party
from cadran.units.clock import MonotonicClock

T = TypeVar("T")


class NotKnown(LookupError):
    """It must be read, on a thread that may wait."""


class Look(Protocol):
    """The questions of a plan. may_wait: whether a name may be resolved and the database read."""

    may_wait: bool

    def shown_number(self, account: str) -> str: ...
    def holder(self, digits: str) -> numbering.NumberHolder | None: ...
    def sip_user(self, name: str) -> party.SipUser | None: ...
    def payer(self, account: str) -> party.SipUser | None:
        """The SIP user by which an account is charged where only the account is named."""
        ...


class Lookups:
    """Answers of the database, present or not, for `ttl_s` seconds, at most `bound` of them. Used by several threads."""

    may_wait = True

    def __init__(self, clock: MonotonicClock, *, ttl_s: float = 5.0, bound: int = 2_000) -> None:
        self._clock, self._ttl_s, self._bound = clock, ttl_s, bound
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}
        self.known: Look = _Known(self)

    def shown_number(self, account: str) -> str:
        return self._read("shown", account, numbering.shown_number)

    def holder(self, digits: str) -> numbering.NumberHolder | None:
        return self._read("holder", digits, numbering.holder)

    def sip_user(self, name: str) -> party.SipUser | None:
        return self._read("user", name, party.sip_user)

    def payer(self, account: str) -> party.SipUser | None:
        return self._read("payer", account, party.payer)

    def kept(self, kind: str, key: str) -> Any:
        """What is kept and not too old. Raises NotKnown."""
        until, value = self._kept.get((kind, key), (0.0, None))
        if until <= self._clock.seconds():
            raise NotKnown(kind)
        return value

    def _read(self, kind: str, key: str, read: Callable[[str], T]) -> T:
        try:
            value: T = self.kept(kind, key)
        except NotKnown:
            value = read(key)
            if len(self._kept) >= self._bound:
                self._kept.clear()
            self._kept[kind, key] = (self._clock.seconds() + self._ttl_s, value)
        return value


class _Known:
    may_wait = False

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def shown_number(self, account: str) -> str:
        return str(self._lookups.kept("shown", account))

    def holder(self, digits: str) -> numbering.NumberHolder | None:
        found: numbering.NumberHolder | None = self._lookups.kept("holder", digits)
        return found

    def sip_user(self, name: str) -> party.SipUser | None:
        found: party.SipUser | None = self._lookups.kept("user", name)
        return found

    def payer(self, account: str) -> party.SipUser | None:
        found: party.SipUser | None = self._lookups.kept("payer", account)
        return found
