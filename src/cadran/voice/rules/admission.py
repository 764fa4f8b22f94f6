"""Admission control: refuse new work before the process collapses. Pure; instants are monotonic seconds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum


class Gate(StrEnum):
    """What happens to a new request."""

    OPEN = "open"
    REFUSE = "refuse"
    DROP = "drop"


@dataclass(slots=True)
class TokenBucket:
    """At most `rate_per_s` on average, and one second's worth at once."""

    rate_per_s: float
    _level: float = -1.0
    _at: float = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is allowed now."""
        level = self.rate_per_s if self._level < 0 else self._level + (now - self._at) * self.rate_per_s
        self._level, self._at = min(level, self.rate_per_s), now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@dataclass(slots=True)
class LoopLag:
    """How long a datagram waits at least: the smallest wait of the present and the last window. A queue that stands shows, a
    burst that drains does not (the idea of CoDel, RFC 8289). A window of fewer than `enough` datagrams is no queue."""

    window_s: float = 0.5
    enough: int = 8
    _count: int = 0
    _start: float = 0.0
    _least: float = 0.0
    _before: float = 0.0

    def observe(self, lag_s: float, now: float) -> None:
        """A datagram had waited so long when its turn came."""
        age = now - self._start
        if age < self.window_s:
            self._least = min(self._least, lag_s)
            self._count += 1
            return
        self._before = self._least if age < 2 * self.window_s and self._count >= self.enough else 0.0
        self._start, self._least, self._count = now, lag_s, 1

    def seconds(self, now: float) -> float:
        """The standing lag as of now, in seconds."""
        return min(self._before, self._least) if now - self._start < 2 * self.window_s else 0.0


@dataclass(slots=True)
class Admission:
    """Decides on each new INVITE and REGISTER from the lag and the rate; requests within a dialog always pass."""

    refuse_lag_s: float
    drop_lag_s: float
    calls: TokenBucket
    registers: TokenBucket
    lag: LoopLag = field(default_factory=LoopLag)

    def decide(self, method: str, now: float, *, paid: bool) -> Gate:
        """paid: the request carries credentials or comes from a carrier, so that it costs a call's work if let in.
        A bare request costs only a challenge: it counts against nothing but the lag."""
        late = self.lag.seconds(now)
        if late > self.drop_lag_s:
            return Gate.DROP
        if late > self.refuse_lag_s:
            return Gate.REFUSE
        bucket = {"INVITE": self.calls, "REGISTER": self.registers}.get(method)
        return Gate.OPEN if bucket is None or not paid or bucket.take(now) else Gate.REFUSE


@dataclass(slots=True)
class FailureGate:
    """Remembers failed attempts by source address and user, and by source address alone; at most `bound` of them.

    Whoever failed too often within the window waits until the window is over.
    """

    per_user: int
    per_source: int
    window_s: float
    bound: int = 20_000
    _seen: OrderedDict[tuple[str, str], tuple[float, int]] = field(default_factory=OrderedDict)

    def closed(self, source: str, user: str, now: float) -> bool:
        """Whether this source and user must wait."""
        return self._count((source, user), now) >= self.per_user or self._count((source, ""), now) >= self.per_source

    def failed(self, source: str, user: str, now: float) -> None:
        """Note one more failure."""
        for key in ((source, user), (source, "")):
            start, count = self._seen.get(key, (now, 0))
            if now - start > self.window_s:
                start, count = now, 0
            self._seen[key] = (start, count + 1)
            self._seen.move_to_end(key)
        while len(self._seen) > self.bound:
            self._seen.popitem(last=False)

    def succeeded(self, source: str, user: str) -> None:
        """The right password clears what this source failed for this user."""
        self._seen.pop((source, user), None)

    def _count(self, key: tuple[str, str], now: float) -> int:
        start, count = self._seen.get(key, (now, 0))
        return count if now - start <= self.window_s else 0
