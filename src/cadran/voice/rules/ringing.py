"""One person is sought: at several places in turn, or at several together, until one answers or none is left. Pure.

Places are the branches of the vocabulary in `events`; stages are tried one after another, the branches of one stage ring together.
The next stage follows only where the one before could not know whether the person would answer (a carrier that is silent, overloaded
or broken), never after a busy or a declined call.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cadran.voice.rules import responses
from cadran.voice.rules.events import Branch


@dataclass(frozen=True, slots=True)
class Step:
    """What follows: branches to dial, branches to cancel, whether a carrier's silence is to be timed, and the final code where the
    search is over without an answer (0: it goes on)."""

    dial: tuple[Branch, ...] = ()
    cancel: tuple[str, ...] = ()
    time_silence: bool = False
    failed: int = 0


@dataclass(slots=True)
class Ringing:
    """The search for one person. winner: the branch that answered; carrier: by which the last attempt went."""

    stages: list[tuple[Branch, ...]] = field(default_factory=list)
    winner: str = ""
    carrier: str = ""
    heard: bool = False
    _open: dict[str, Branch] = field(default_factory=dict)
    _codes: list[int] = field(default_factory=list)

    def begin(self) -> Step:
        """Ring the first stage, or the next."""
        if not self.stages:
            return Step(failed=responses.best(self._codes))
        stage = self.stages.pop(0)
        self._open, self._codes, self.heard = {one.key: one for one in stage}, [], False
        self.carrier = stage[0].carrier
        return Step(dial=stage, time_silence=bool(self.stages) and any(one.carrier for one in stage))

    def provisional(self, branch: str, code: int) -> bool:
        """A sign of life; whether that branch is being rung at all."""
        if branch not in self._open or code < 101:
            return False
        self.heard = True
        return True

    def answered(self, branch: str) -> Step | None:
        """The person answers at that branch: the others are cancelled. None for a branch that is not rung any more."""
        found = self._open.pop(branch, None)
        if found is None:
            return None
        self.winner, self.carrier = found.key, found.carrier
        return Step(cancel=self.give_up())

    def refused(self, branch: str, code: int) -> Step | None:
        """A branch ended with that final response. None where it was not rung any more."""
        found = self._open.pop(branch, None)
        if found is None:
            return None
        self._codes.append(code)
        self.carrier = found.carrier
        if code >= 600:
            return Step(cancel=self.give_up(), failed=code)
        if self._open:
            return Step()
        if self.stages and all(responses.next_may_answer(one) for one in self._codes):
            return self.begin()
        return Step(failed=responses.best(self._codes))

    def silent(self) -> Step:
        """The stage gave no sign of life in time: the next one, or the end."""
        if self.heard:
            return Step()
        gone, self._codes = self.give_up(), [408]
        following = self.begin()
        return Step(following.dial, gone, following.time_silence, following.failed)

    def give_up(self) -> tuple[str, ...]:
        """Nobody is sought any more: what is still to be cancelled."""
        gone = tuple(self._open)
        self._open.clear()
        return gone
