"""The seconds of one charged leg, from its answer to its end: what is granted, when to ask for more, when to warn and when to cut.

Pure: instants are monotonic seconds, given. The shell feeds what charging answers, reads `due`, and arms one timer for each of its
three instants; after each change it reads it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from cadran.units.clause import carries

CREDIT, LIMIT, OPERATOR = "credit", "limit", "operator"


@dataclass(frozen=True, slots=True)
class Pace:
    """How early things are done, in seconds. lead_s: before a grant ends, more is asked for. retry_s: after a question that was not
    answered. warning_s: before the end when no more can follow, the customer is told; 0 for a call that warns of nothing."""

    lead_s: float = 5.0
    retry_s: float = 1.0
    warning_s: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """Instants at which the shell must do something, None for never. extend_at: `ask`. warn_at: `warned`. cut_at: end the leg."""

    extend_at: float | None = None
    warn_at: float | None = None
    cut_at: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What charging is asked: the number of this extension, and the whole seconds used. Repeated as it is when no answer came."""

    seq: int
    used_s: int


@dataclass(slots=True)
class Meter:
    """One leg. granted_s: paid for, from the answer, None without limit by credit. limit_s: the longest call, None without one."""

    pace: Pace = Pace()
    answered_at: float | None = None
    granted_s: int | None = None
    limit_s: int | None = None
    _no_more: bool = False
    _lost: bool = False
    _seq: int = 0
    _asking: Question | None = None
    _ask_at: float | None = None
    _warned: bool = False

    def allowed(self, granted_s: int | None, limit_s: int | None, final: bool) -> None:
        """The first grant, before the answer."""
        before = self.granted_s or 0
        self.granted_s = granted_s if granted_s is None else max(granted_s, before)
        self.limit_s, self._no_more = limit_s, final

    def answered(self, now: float) -> None:
        """The leg was answered: seconds count from here."""
        self.answered_at = now
        self._schedule(now)

    def used_ms(self, now: float) -> int:
        """Milliseconds since the answer; 0 before it."""
        return max(0, round((now - self.answered_at) * 1000)) if self.answered_at is not None else 0

    @property
    def end_s(self) -> int | None:
        """Seconds from the answer to the cut, as far as is known now; None where nothing ends the leg."""
        ends = [end for end in (self.granted_s, self.limit_s) if end is not None]
        return min(ends, default=None)

    @property
    @carries("IPP-5.5-one-hour", "IPP-9.1-free")
    def due(self) -> Due:
        """What is to be done next, and when. Nothing before the answer."""
        if self.answered_at is None or self.end_s is None:
            return Due()
        cut_at = self.answered_at + self.end_s
        warns = self.pace.warning_s and self._last and not self._warned and self.end_s > self.pace.warning_s
        return Due(self._ask_at, cut_at - self.pace.warning_s if warns else None, cut_at)

    @property
    def ended_by(self) -> str:
        """Who ends the leg at the cut: the credit, the longest duration, or us, where charging could not be asked in time."""
        if self.limit_s is not None and (self.granted_s is None or self.limit_s <= self.granted_s):
            return LIMIT
        return OPERATOR if self._lost else CREDIT

    def left_s(self, now: float) -> int:
        """Whole seconds to the cut, 0 where there is none."""
        if self.answered_at is None or self.end_s is None:
            return 0
        return max(0, round(self.answered_at + self.end_s - now))

    def warned(self) -> None:
        """The customer has been told that the end is near: once a call is enough."""
        self._warned = True

    def ask(self, now: float) -> Question:
        """More is wanted: what to ask charging. The same question again where the last one was not answered."""
        self._ask_at = None
        if self._asking is None or not self._lost:
            self._seq += 1
            self._asking = Question(self._seq, self.used_ms(now) // 1000)
        return self._asking

    def extended(
        self, seq: int, now: float, *, allowed: bool, granted_s: int | None, limit_s: int | None, final: bool
    ) -> bool:
        """Charging's answer to question `seq`; False for one to an earlier question, which changes nothing."""
        if seq != self._seq:
            return False
        self._lost = False
        if allowed:
            self.allowed(granted_s, limit_s, final)
            self._schedule(now)
        else:
            self._no_more, self._ask_at = True, None
        return True

    def not_answered(self, seq: int, now: float) -> bool:
        """Charging did not answer question `seq`: it is asked again soon. False for an earlier question."""
        if seq != self._seq:
            return False
        self._lost, self._ask_at = True, now + self.pace.retry_s
        return True

    @property
    def _last(self) -> bool:
        """Whether nothing can move the end any further."""
        return self._no_more or self.granted_s is None or self.end_s != self.granted_s or self.granted_s == self.limit_s

    def _schedule(self, now: float) -> None:
        """When to ask for more: so early that the answer finds time, and that a warning still can be given in full."""
        self._ask_at = None
        if self.answered_at is None or self.granted_s is None or self._last:
            return
        left = self.answered_at + self.granted_s - now
        early = self.pace.lead_s + self.pace.warning_s
        self._ask_at = now + left - min(early, max(left / 2, left - 1.0) if self.pace.warning_s else left / 2)
