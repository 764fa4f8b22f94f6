"""A callback as a state machine: events and the monotonic time in, actions out. It knows neither SIP stack nor clock.

    asked -> authorising -> preparing -> ringing-first -> joining-first -> offering -> ringing-second -> joining-second -> talking
                                                                              \\-> telling (why not) ->                       |
                                                                                     ending <-------------------------------+
                                                                                     ending -> ended

The credit for the first grants of both legs is held before anything rings. Each leg is metered from its own answer: a first leg
that is not answered costs nothing, and where the correspondent does not answer only the first leg's seconds are charged. When
either leg can have no more, the customer alone is warned, then both are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cadran.units.clause import carries
from cadran.voice.callback import events as ev
from cadran.voice.callback import words
from cadran.voice.callback.events import Action, Side, State
from cadran.voice.callback.seconds import Seconds
from cadran.voice.rules import metering, responses
from cadran.voice.rules.ringing import Ringing, Step

_HEARING = {State.OFFERING, State.RINGING_SECOND, State.JOINING_SECOND, State.TALKING, State.TELLING}
_CONNECTED = _HEARING - {State.TELLING}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each thing is waited for, in seconds."""

    setup_s: float = 9.0
    first_rings_s: float = 40.0
    second_rings_s: float = 60.0
    carrier_silence_s: float = 6.0
    telling_s: float = 20.0
    bye_s: float = 6.0
    warning_s: int = 60
    lead_s: float = 5.0
    retry_s: float = 1.0


@dataclass(slots=True)
class Callback:
    """One callback. `on(event, now)` changes its state and returns what is to be done, in order."""

    patience: Patience = field(default_factory=Patience)
    state: State = State.ASKED
    why: str = ""
    sought: dict[Side, Ringing] = field(default_factory=lambda: {side: Ringing() for side in Side})
    seconds: Seconds = field(init=False)
    _waiting: set[Side] = field(default_factory=set)
    _armed: dict[str, float] = field(default_factory=dict)
    _warning: bool = False

    def __post_init__(self) -> None:
        pace = metering.Pace(self.patience.lead_s, self.patience.retry_s, self.patience.warning_s)
        self.seconds = Seconds(pace)

    def on(self, event: ev.Event, now: float) -> list[Action]:
        """Take an event at the monotonic instant `now`. An event that does not fit the state changes nothing."""
        name = type(event).__name__.lower()
        state = self.state.value.replace("-", "_")
        handler: Callable[[Any, float], list[Action]] | None = getattr(self, f"_{state}_{name}", None)
        handler = handler or getattr(self, f"_any_{name}", None)
        return handler(event, now) if handler else []

    def used_ms(self, now: float) -> dict[Side, int]:
        """Of the legs that are answered and not ended: milliseconds since the answer."""
        return self.seconds.used_ms(now)

    # --- may it be, and who pays ---

    def _asked_planned(self, event: ev.Planned, now: float) -> list[Action]:
        self.sought[Side.FIRST].stages = list(event.first)
        self.sought[Side.SECOND].stages = list(event.second)
        if not event.first or not event.second:
            return self._over("you-unreachable" if not event.first else "unreachable", "operator", now)
        self.state = State.AUTHORISING
        return [self._arm("setup", now + self.patience.setup_s), ev.Authorise(Side.FIRST)]

    def _asked_turned(self, event: ev.Turned, now: float) -> list[Action]:
        return self._over(event.why, "operator", now)

    @carries("KRY-4.4.1-easydialer")
    def _authorising_allowed(self, event: ev.Allowed, now: float) -> list[Action]:
        """Both first grants are held before anything rings: the second leg is asked for when the first is held."""
        self.seconds.held.add(event.side)
        self.seconds.meters[event.side].allowed(event.granted_s, event.limit_s, event.final)
        if event.side is Side.FIRST:
            return [ev.Authorise(Side.SECOND)]
        self.state = State.PREPARING
        return [ev.OpenLine()]

    def _authorising_refused(self, event: ev.Refused, now: float) -> list[Action]:
        """The customer hears nothing, since nothing rings; what was held for the other leg is given back."""
        return self._over(event.why, "operator", now, code=event.code, disposition="refused")

    def _any_charginglost(self, event: ev.ChargingLost, now: float) -> list[Action]:
        self.seconds.held.add(event.side)  # nothing is known of it: the settlement gives back what it may have held
        if self.state is State.ENDED:
            return self._give_back(event.side, "cancelled", "operator", 503)
        return self._over("unavailable", "operator", now, code=503)

    def _ended_allowed(self, event: ev.Allowed, now: float) -> list[Action]:
        """It was over before charging answered: give back what it holds."""
        self.seconds.held.add(event.side)
        return self._give_back(event.side, "cancelled", "caller", 487)

    # --- the customer's telephone rings ---

    def _preparing_offered(self, event: ev.Offered, now: float) -> list[Action]:
        if not event.ok:
            return self._over("unavailable", "operator", now, code=503)
        self.state = State.RINGING_FIRST
        begun = self.sought[Side.FIRST].begin()
        no_answer = self._arm("no-answer", now + self.patience.first_rings_s)
        return [self._disarm("setup"), no_answer, ev.Tell("ringing-you"), *self._step(Side.FIRST, begun, now)]

    def _any_provisional(self, event: ev.Provisional, now: float) -> list[Action]:
        if self._ringing() is not event.side or not self.sought[event.side].provisional(event.branch, event.code):
            return []
        return self._disarm_only("silence")

    def _any_branchanswered(self, event: ev.BranchAnswered, now: float) -> list[Action]:
        if self.sought[event.side].winner == event.branch:
            return []
        won = self.sought[event.side].answered(event.branch) if self._ringing() is event.side else None
        if won is None:
            return [ev.Cancel(event.side, event.branch)]
        losers: list[Action] = [ev.Cancel(event.side, key) for key in won.cancel]
        self.state = State.JOINING_FIRST if event.side is Side.FIRST else State.JOINING_SECOND
        timers = [*self._disarm_only("silence", "no-answer"), self._arm("joining", now + self.patience.setup_s)]
        return [*timers, *losers, ev.Join(event.side, event.branch)]

    def _any_branchfailed(self, event: ev.BranchFailed, now: float) -> list[Action]:
        if self._ringing() is not event.side:
            return []
        step = self.sought[event.side].refused(event.branch, event.code)
        return self._step(event.side, step, now) if step is not None else []

    def _step(self, side: Side, step: Step, now: float) -> list[Action]:
        """Carry a step of the search out."""
        actions: list[Action] = [*(ev.Cancel(side, key) for key in step.cancel), *self._disarm_only("silence")]
        actions += [ev.Dial(side, branch) for branch in step.dial]
        if step.time_silence:
            actions.append(self._arm("silence", now + self.patience.carrier_silence_s))
        if step.failed:
            actions += self._not_reached(side, step.failed, now)
        return actions

    def _not_reached(self, side: Side, code: int, now: float) -> list[Action]:
        """Nobody answered on that side, or not so that it can be heard."""
        word = responses.disposition(code)
        why = words.WHY_NOT.get(word, "unreachable")
        if side is Side.FIRST:
            return self._over(f"you-{why}", "callee", now, code=code, disposition=word)
        given_back = self._give_back(Side.SECOND, word, "callee", code)
        self.sought[Side.SECOND].winner, self._warning = "", False
        self.state, self.why = State.TELLING, why
        timers: list[Action] = self._disarm_only("silence", "no-answer", "joining")
        timers.append(self._arm("telling", now + self.patience.telling_s))
        return [*given_back, *timers, *self._schedule(), ev.Say((words.TOLD[why],))]

    def _joining_first_joined(self, event: ev.Joined, now: float) -> list[Action]:
        """The customer can hear: its leg is metered from here, and the correspondent is sought while it is greeted."""
        if event.side is not Side.FIRST:
            return []
        if not event.ok:
            return self._over("you-unreachable", "operator", now, code=488, hang=(Side.FIRST,))
        self.seconds.meters[Side.FIRST].answered(now)
        self.state = State.OFFERING
        return [
            self._arm("joining", now + self.patience.setup_s),
            ev.Remember(Side.FIRST),
            ev.Tell("ringing-them"),
            *self._schedule(),
            ev.Say((words.CONNECTING,)),
            ev.Offer(),
        ]

    # --- the correspondent's telephone rings ---

    def _offering_offered(self, event: ev.Offered, now: float) -> list[Action]:
        if event.side is not Side.SECOND:
            return []
        if not event.ok:
            return self._not_reached(Side.SECOND, 500, now)
        self.state = State.RINGING_SECOND
        no_answer = self._arm("no-answer", now + self.patience.second_rings_s)
        return [self._disarm("joining"), no_answer, *self._step(Side.SECOND, self.sought[Side.SECOND].begin(), now)]

    def _any_spoken(self, event: ev.Spoken, now: float) -> list[Action]:
        """The greeting or the warning is over: it rings in the customer's ear until somebody answers."""
        self._warning = False
        return [ev.Say((words.RINGBACK,), times=-1)] if self.state in (State.OFFERING, State.RINGING_SECOND) else []

    def _joining_second_joined(self, event: ev.Joined, now: float) -> list[Action]:
        if event.side is not Side.SECOND:
            return []
        if not event.ok:
            return [*self._drop_second(), *self._not_reached(Side.SECOND, 488, now)]
        self.seconds.meters[Side.SECOND].answered(now)
        self.state = State.TALKING
        again: list[Action] = [ev.Say((words.WARNING,))] if self._warning else []  # the connection has stopped it
        return [self._disarm("joining"), ev.Remember(Side.SECOND), ev.Tell("talking"), *self._schedule(), *again]

    def _telling_spoken(self, event: ev.Spoken, now: float) -> list[Action]:
        return self._end("callee", now)

    # --- the seconds ---

    def _schedule(self) -> list[Action]:
        """The timers that follow from the grants of both legs: the sooner end counts for both."""
        armed: list[Action] = []
        for timer, at in self.seconds.instants().items():
            if at is None:
                armed += self._disarm_only(timer)
            elif self._armed.get(timer) != at:
                armed.append(self._arm(timer, at))
        return armed

    def _any_extended(self, event: ev.Extended, now: float) -> list[Action]:
        if self.state not in _HEARING:
            return []
        taken = self.seconds.meters[event.side].extended(
            event.seq,
            now,
            allowed=event.allowed,
            granted_s=event.granted_s,
            limit_s=event.limit_s,
            final=event.final,
        )
        return self._schedule() if taken else []

    def _any_extensionlost(self, event: ev.ExtensionLost, now: float) -> list[Action]:
        if self.state not in _HEARING or not self.seconds.meters[event.side].not_answered(event.seq, now):
            return []
        return self._schedule()

    def _any_fired(self, event: ev.Fired, now: float) -> list[Action]:
        if self._armed.pop(event.timer, None) is None:
            return []
        word, _, side = event.timer.partition("-")
        if word == "extend":
            return self._ask(Side(side), now)
        timer = event.timer.replace("-", "_")
        handler: Callable[[float], list[Action]] | None = getattr(self, f"_fired_{timer}", None)
        return handler(now) if handler else []

    def _fired_setup(self, now: float) -> list[Action]:
        return self._over("unavailable", "operator", now, code=503)

    def _fired_joining(self, now: float) -> list[Action]:
        """The relay does not say what became of an answer or an offer."""
        if self.state is State.JOINING_FIRST:
            return self._over("unavailable", "operator", now, code=503, hang=(Side.FIRST,))
        return [*self._drop_second(), *self._not_reached(Side.SECOND, 503, now)]

    def _fired_no_answer(self, now: float) -> list[Action]:
        side = self._ringing()
        if side is None:
            return []
        cancelled: list[Action] = [ev.Cancel(side, key) for key in self.sought[side].give_up()]
        return [*cancelled, *self._not_reached(side, 480, now)]

    def _fired_silence(self, now: float) -> list[Action]:
        side = self._ringing()
        return self._step(side, self.sought[side].silent(), now) if side is not None else []

    def _fired_telling(self, now: float) -> list[Action]:
        return self._end("callee", now)

    def _ask(self, side: Side, now: float) -> list[Action]:
        question = self.seconds.meters[side].ask(now)
        return [ev.Extend(side, question.seq, question.used_s)]

    def _fired_warn(self, now: float) -> list[Action]:
        """Once for the pair, and not while the customer is being told that it is over anyway."""
        self.seconds.warned()
        self._warning = self.state in _CONNECTED
        return [ev.Say((words.WARNING,))] if self._warning else []

    def _fired_cut(self, now: float) -> list[Action]:
        by = self.seconds.ended_by()
        return self._end(by, now, why=by)

    # --- the end ---

    def _any_gone(self, event: ev.Gone, now: float) -> list[Action]:
        """Somebody who had answered hung up, whatever the other does."""
        first = event.side is Side.FIRST
        if self.state is State.JOINING_FIRST and first:
            return self._over("you-unreachable", "caller", now, code=480, disposition="no-answer")
        if self.state is State.JOINING_SECOND and not first:
            return self._not_reached(Side.SECOND, 480, now)
        if self.state in _HEARING and (first or self.state is State.TALKING):
            return self._end("caller" if first else "callee", now, gone=event.side)
        return []

    def _any_stopped(self, event: ev.Stopped, now: float) -> list[Action]:
        return self._leave("caller", "ended", now)

    def _any_dropped(self, event: ev.Dropped, now: float) -> list[Action]:
        return self._leave("operator", "operator", now)

    def _any_medialost(self, event: ev.MediaLost, now: float) -> list[Action]:
        return [] if self.state in (State.ASKED, State.AUTHORISING) else self._leave("media-lost", "media-lost", now)

    def _leave(self, ended_by: str, why: str, now: float) -> list[Action]:
        """It ends in whatever state it is."""
        if self.state in (State.ENDING, State.ENDED):
            return []
        if self.state in _HEARING:
            return self._end(ended_by, now, why=why)
        joining = (Side.FIRST,) if self.state is State.JOINING_FIRST else ()
        by = "operator" if ended_by == "media-lost" else ended_by
        code = 487 if ended_by == "caller" else 503
        return self._over(why, by, now, code=code, disposition=responses.disposition(code), hang=joining)

    def _over(
        self,
        why: str,
        ended_by: str,
        now: float,
        *,
        code: int = 480,
        disposition: str = "",
        hang: tuple[Side, ...] = (),
    ) -> list[Action]:
        """The end before the customer could hear: nobody is charged. What rings is cancelled, what was held is given back."""
        actions: list[Action] = [ev.Cancel(Side.FIRST, key) for key in self.sought[Side.FIRST].give_up()]
        actions += [ev.HangUp(side) for side in hang]
        if self.state not in (State.ASKED, State.AUTHORISING):
            actions.append(ev.CloseLine())
        actions += self._give_back(Side.FIRST, disposition or responses.disposition(code), ended_by, code)
        actions += self._give_back(Side.SECOND, "cancelled", ended_by, code)
        self.state, self.why = State.ENDED, why
        return [*actions, *self._disarm_all(), ev.Tell("over", why), ev.Finish()]

    def _drop_second(self) -> list[Action]:
        """A correspondent who answered and cannot be connected."""
        return [ev.HangUp(Side.SECOND)] if self.sought[Side.SECOND].winner else []

    def _give_back(self, side: Side, disposition: str, ended_by: str, code: int) -> list[Action]:
        """The settlement of a leg that was not answered, once, where it holds anything."""
        if side not in self.seconds.held:
            return []
        self.seconds.held.discard(side)
        return [ev.Settle(side, disposition, ended_by, code, None, self.sought[side].carrier)]

    def _end(self, ended_by: str, now: float, *, why: str = "", gone: Side | None = None) -> list[Action]:
        """The end once the customer could hear. Sound first: it must stop whatever the telephones do. Then BYE to each that is still
        there, CANCEL to what still rings, and each leg is settled once, by its own seconds."""
        second = self.sought[Side.SECOND]
        ringing: list[Action] = [ev.Cancel(Side.SECOND, key) for key in second.give_up()]
        self._waiting = ({Side.FIRST} | ({Side.SECOND} if second.winner else set())) - {gone}
        actions: list[Action] = [ev.CloseLine(), *ringing, *(ev.HangUp(side) for side in sorted(self._waiting))]
        for side, used in self.seconds.used_ms(now).items():
            self.seconds.held.discard(side)
            actions.append(ev.Settle(side, "answered", ended_by, 200, used, self.sought[side].carrier))
        actions += self._give_back(Side.SECOND, "cancelled", ended_by, 487)
        actions += self._disarm_all()
        self.state, self.why = State.ENDING, self.why or why or self._hung_up()
        actions += [ev.Tell("over", self.why), self._arm("watchdog", now + self.patience.bye_s)]
        return actions if self._waiting else [*actions, *self._finish()]

    def _hung_up(self) -> str:
        return "hung-up" if self.seconds.answered(Side.SECOND) else "cancelled"

    def _ending_byeanswered(self, event: ev.ByeAnswered, now: float) -> list[Action]:
        self._waiting.discard(event.side)
        return [] if self._waiting else self._finish()

    def _ending_gone(self, event: ev.Gone, now: float) -> list[Action]:
        return self._ending_byeanswered(ev.ByeAnswered(event.side), now)

    def _fired_watchdog(self, now: float) -> list[Action]:
        return [ev.Bark(tuple(sorted(self._waiting))), *self._finish()] if self.state is State.ENDING else []

    def _finish(self) -> list[Action]:
        self.state = State.ENDED
        return [*self._disarm_all(), ev.Finish()]

    # --- bits ---

    def _ringing(self) -> Side | None:
        """Who is being rung now."""
        return {State.RINGING_FIRST: Side.FIRST, State.RINGING_SECOND: Side.SECOND}.get(self.state)

    def _arm(self, timer: str, at: float) -> ev.Arm:
        self._armed[timer] = at
        return ev.Arm(timer, at)

    def _disarm(self, timer: str) -> ev.Disarm:
        self._armed.pop(timer, None)
        return ev.Disarm(timer)

    def _disarm_only(self, *timers: str) -> list[Action]:
        return [self._disarm(timer) for timer in timers if timer in self._armed]

    def _disarm_all(self) -> list[Action]:
        return [self._disarm(timer) for timer in sorted(self._armed)]
