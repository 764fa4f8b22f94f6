"""A code spoken into a telephone as a state machine, in the words of `events` with the first side alone. Nobody is charged.

asked -> preparing -> ringing-first -> joining-first -> talking -> ending -> ended
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cadran.voice.callback import events as ev
from cadran.voice.callback import words
from cadran.voice.callback.events import Action, Side, State
from cadran.voice.rules import responses
from cadran.voice.rules.ringing import Ringing, Step

FIRST = Side.FIRST


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each thing is waited for, in seconds. speaks_s: the whole of what is said."""

    setup_s: float = 9.0
    rings_s: float = 30.0
    carrier_silence_s: float = 6.0
    speaks_s: float = 45.0
    bye_s: float = 6.0


@dataclass(slots=True)
class Speech:
    """One spoken code. prompts: all that is said, twice over. `on(event, now)` returns what is to be done, in order."""

    prompts: tuple[str, ...]
    patience: Patience = field(default_factory=Patience)
    state: State = State.ASKED
    sought: dict[Side, Ringing] = field(default_factory=lambda: {FIRST: Ringing()})
    _armed: set[str] = field(default_factory=set)

    def on(self, event: ev.Event, now: float) -> list[Action]:
        """Take an event at the monotonic instant `now`. An event that does not fit the state changes nothing."""
        name = type(event).__name__.lower()
        state = self.state.value.replace("-", "_")
        handler: Callable[[Any, float], list[Action]] | None = getattr(self, f"_{state}_{name}", None)
        handler = handler or getattr(self, f"_any_{name}", None)
        return handler(event, now) if handler else []

    def _asked_planned(self, event: ev.Planned, now: float) -> list[Action]:
        if not event.first:
            return self._over("you-unreachable")
        self.sought[FIRST].stages = list(event.first)
        self.state = State.PREPARING
        return [self._arm("setup", now + self.patience.setup_s), ev.OpenLine()]

    def _asked_turned(self, event: ev.Turned, now: float) -> list[Action]:
        return self._over(event.why)

    def _preparing_offered(self, event: ev.Offered, now: float) -> list[Action]:
        if not event.ok:
            return self._over("unavailable")
        self.state = State.RINGING_FIRST
        begun = self._step(self.sought[FIRST].begin(), now)
        return [
            self._disarm("setup"),
            self._arm("no-answer", now + self.patience.rings_s),
            ev.Tell("ringing-you"),
            *begun,
        ]

    def _step(self, step: Step, now: float) -> list[Action]:
        actions: list[Action] = [*(ev.Cancel(FIRST, key) for key in step.cancel), *self._disarm_only("silence")]
        actions += [ev.Dial(FIRST, branch) for branch in step.dial]
        if step.time_silence:
            actions.append(self._arm("silence", now + self.patience.carrier_silence_s))
        return actions + (self._not_reached(step.failed) if step.failed else [])

    def _not_reached(self, code: int) -> list[Action]:
        return self._over(f"you-{words.WHY_NOT.get(responses.disposition(code), 'unreachable')}")

    def _ringing_first_provisional(self, event: ev.Provisional, now: float) -> list[Action]:
        heard = self.sought[FIRST].provisional(event.branch, event.code)
        return self._disarm_only("silence") if heard else []

    def _ringing_first_branchfailed(self, event: ev.BranchFailed, now: float) -> list[Action]:
        step = self.sought[FIRST].refused(event.branch, event.code)
        return self._step(step, now) if step is not None else []

    def _any_branchanswered(self, event: ev.BranchAnswered, now: float) -> list[Action]:
        if self.sought[FIRST].winner == event.branch:
            return []
        won = self.sought[FIRST].answered(event.branch) if self.state is State.RINGING_FIRST else None
        if won is None:
            return [ev.Cancel(FIRST, event.branch)]
        self.state = State.JOINING_FIRST
        timers = [*self._disarm_only("silence", "no-answer"), self._arm("setup", now + self.patience.setup_s)]
        return [*timers, *(ev.Cancel(FIRST, key) for key in won.cancel), ev.Join(FIRST, event.branch)]

    def _joining_first_joined(self, event: ev.Joined, now: float) -> list[Action]:
        if not event.ok:
            return self._end("you-unreachable", now)
        self.state = State.TALKING
        told: list[Action] = [ev.Tell("talking"), ev.Say(self.prompts)]
        return [self._disarm("setup"), self._arm("speaking", now + self.patience.speaks_s), *told]

    def _talking_spoken(self, event: ev.Spoken, now: float) -> list[Action]:
        return self._end("spoken", now)

    def _any_gone(self, event: ev.Gone, now: float) -> list[Action]:
        if self.state in (State.JOINING_FIRST, State.TALKING):
            return self._end("hung-up", now, there=False)
        return self._finish() if self.state is State.ENDING else []

    def _ending_byeanswered(self, event: ev.ByeAnswered, now: float) -> list[Action]:
        return self._finish()

    def _any_fired(self, event: ev.Fired, now: float) -> list[Action]:
        self._armed.discard(event.timer)
        if event.timer == "watchdog" and self.state is State.ENDING:
            return [ev.Bark((FIRST,)), *self._finish()]
        if event.timer == "silence" and self.state is State.RINGING_FIRST:
            return self._step(self.sought[FIRST].silent(), now)
        if event.timer == "no-answer" and self.state is State.RINGING_FIRST:
            return self._not_reached(480)
        if event.timer == "speaking" and self.state is State.TALKING:
            return self._end("spoken", now)
        return self._leave("unavailable", now) if event.timer == "setup" else []

    def _any_dropped(self, event: ev.Dropped, now: float) -> list[Action]:
        return self._leave("operator", now)

    def _any_stopped(self, event: ev.Stopped, now: float) -> list[Action]:
        return self._leave("ended", now)

    def _any_medialost(self, event: ev.MediaLost, now: float) -> list[Action]:
        return [] if self.state is State.ASKED else self._leave("media-lost", now)

    def _leave(self, why: str, now: float) -> list[Action]:
        if self.state in (State.ENDING, State.ENDED):
            return []
        return self._end(why, now) if self.state in (State.JOINING_FIRST, State.TALKING) else self._over(why)

    def _over(self, why: str) -> list[Action]:
        """The end before anybody answered."""
        cancelled: list[Action] = [ev.Cancel(FIRST, key) for key in self.sought[FIRST].give_up()]
        self.state = State.ENDED
        return [*cancelled, ev.CloseLine(), *self._disarm_all(), ev.Tell("over", why), ev.Finish()]

    def _end(self, why: str, now: float, *, there: bool = True) -> list[Action]:
        self.state = State.ENDING
        actions: list[Action] = [ev.CloseLine(), *([ev.HangUp(FIRST)] if there else []), *self._disarm_all()]
        actions += [ev.Tell("over", why), self._arm("watchdog", now + self.patience.bye_s)]
        return actions if there else [*actions, *self._finish()]

    def _finish(self) -> list[Action]:
        self.state = State.ENDED
        return [*self._disarm_all(), ev.Finish()]

    def _arm(self, timer: str, at: float) -> ev.Arm:
        self._armed.add(timer)
        return ev.Arm(timer, at)

    def _disarm(self, timer: str) -> ev.Disarm:
        self._armed.discard(timer)
        return ev.Disarm(timer)

    def _disarm_only(self, *timers: str) -> list[Action]:
        return [self._disarm(timer) for timer in timers if timer in self._armed]

    def _disarm_all(self) -> list[Action]:
        return [self._disarm(timer) for timer in sorted(self._armed)]
