"""A call as a state machine: events and the monotonic time in, actions out. It knows neither SIP stack nor clock.

    trying -> authorising -> preparing -> ringing [-> early] -> joining -> answered -> ending -> ended
                        \\-> announcing -> ended        (refusals are spoken, then sent)

The seconds that count run from the 200 OK sent to the caller to the BYE, or to the cut. The media goes at once with the
cut, whether or not a phone obeys its BYE; the watchdog reports those that do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cadran.voice.rules import events as ev
from cadran.voice.rules import metering, responses
from cadran.voice.rules.events import Action, Leg, State


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each thing is waited for, in seconds, and how often it is tried."""

    no_answer_s: float = 90.0
    carrier_silence_s: float = 6.0
    announcement_s: float = 45.0
    authorise_s: float = 6.0
    extend_lead_s: float = 5.0
    extend_retry_s: float = 1.0
    warning_s: int = 0
    bye_s: float = 6.0
    stages: int = 3


@dataclass(slots=True)
class Call:
    """One call. `on(event, now)` changes its state and returns what is to be done, in order."""

    patience: Patience = field(default_factory=Patience)
    state: State = State.TRYING
    winner: str = ""
    carrier: str = ""
    _stages: list[tuple[ev.Branch, ...]] = field(default_factory=list)
    _unreachable: int = 480
    _open: dict[str, ev.Branch] = field(default_factory=dict)
    _codes: list[int] = field(default_factory=list)
    _authorised: bool = False
    _early: str = ""
    _heard: bool = False
    _final_code: int = 0
    meter: metering.Meter = field(init=False)
    _waiting: set[Leg] = field(default_factory=set)
    _hung: set[Leg] = field(default_factory=set)
    _armed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        known = self.patience
        self.meter = metering.Meter(metering.Pace(known.extend_lead_s, known.extend_retry_s, known.warning_s))

    def on(self, event: ev.Event, now: float) -> list[Action]:
        """Take an event at the monotonic instant `now`. An event that does not fit the state changes nothing."""
        name = type(event).__name__.lower()
        handler: Callable[[Any, float], list[Action]] | None = getattr(self, f"_{self.state.value}_{name}", None)
        handler = handler or getattr(self, f"_any_{name}", None)
        return handler(event, now) if handler else []

    def used_ms(self, now: float) -> int:
        """Milliseconds since the answer; 0 before it."""
        return self.meter.used_ms(now)

    # --- before the answer ---

    def _trying_planned(self, event: ev.Planned, now: float) -> list[Action]:
        self._stages, self._unreachable = list(event.stages[: self.patience.stages]), event.unreachable
        self.state = State.AUTHORISING
        return [self._arm("setup", now + self.patience.authorise_s), ev.Authorise()]

    def _trying_turned(self, event: ev.Turned, now: float) -> list[Action]:
        return self._say(event.code, event.prompts, now)

    def _authorising_allowed(self, event: ev.Allowed, now: float) -> list[Action]:
        self._authorised = True
        self.meter.allowed(event.granted_s, event.limit_s, event.final)
        if not self._stages:
            return self._fail(self._unreachable, now)
        self.state = State.PREPARING
        return [ev.OpenMedia()]

    def _authorising_refused(self, event: ev.Refused, now: float) -> list[Action]:
        return self._say(event.code, event.prompts, now)

    def _authorising_charginglost(self, event: ev.ChargingLost, now: float) -> list[Action]:
        self._authorised = True  # nothing is known of the request: the settlement gives back what it may have held
        return self._fail(503, now)

    def _ended_allowed(self, event: ev.Allowed, now: float) -> list[Action]:
        """The call was over before charging answered: give back what it holds."""
        return [ev.Settle("cancelled", "caller", 487, None, "")]

    def _preparing_mediaready(self, event: ev.MediaReady, now: float) -> list[Action]:
        return self._next_stage(now) if event.ok else self._fail(event.code, now)

    def _next_stage(self, now: float) -> list[Action]:
        stage = self._stages.pop(0)
        self._open = {branch.key: branch for branch in stage}
        self._codes, self._heard, self.state = [], False, State.RINGING
        silence = self.patience.carrier_silence_s if any(branch.carrier for branch in stage) else None
        timers: list[Action] = [self._disarm("setup"), self._arm("no-answer", now + self.patience.no_answer_s)]
        if silence is not None and self._stages:
            timers.append(self._arm("setup", now + silence))
        dials: list[Action] = [ev.Dial(branch) for branch in stage]
        return timers + dials

    def _ringing_provisional(self, event: ev.Provisional, now: float) -> list[Action]:
        branch = self._open.get(event.branch)
        if branch is None or event.code < 101:
            return []
        actions: list[Action] = [] if self._heard else [self._disarm("setup")]
        self._heard = True
        if event.has_sdp and branch.carrier and len(self._open) == 1:
            self.state, self._early = State.EARLY, event.branch
            return [*actions, ev.PassEarly(event.branch)]
        return [*actions, ev.Ring()]

    def _early_provisional(self, event: ev.Provisional, now: float) -> list[Action]:
        return []

    def _ringing_branchanswered(self, event: ev.BranchAnswered, now: float) -> list[Action]:
        branch = self._open.pop(event.branch, None)
        if branch is None:
            return [ev.Cancel(event.branch)]
        losers: list[Action] = [ev.Cancel(key) for key in self._open]
        self._open.clear()
        self.state, self.winner, self.carrier = State.JOINING, branch.key, branch.carrier
        return [self._disarm("setup"), self._disarm("no-answer"), *losers, ev.Join(branch.key)]

    _early_branchanswered = _ringing_branchanswered

    def _any_branchanswered(self, event: ev.BranchAnswered, now: float) -> list[Action]:
        return [] if event.branch == self.winner else [ev.Cancel(event.branch)]

    def _ringing_branchfailed(self, event: ev.BranchFailed, now: float) -> list[Action]:
        branch = self._open.pop(event.branch, None)
        if branch is None:
            return []
        self._codes.append(event.code)
        self.carrier = branch.carrier
        if event.code >= 600:
            return self._fail(event.code, now)
        if self._open:
            return []
        retry = self.state is State.RINGING and all(responses.next_may_answer(code) for code in self._codes)
        if retry and self._stages:
            return self._next_stage(now)
        return self._fail(responses.best(self._codes), now)

    _early_branchfailed = _ringing_branchfailed

    def _joining_joined(self, event: ev.Joined, now: float) -> list[Action]:
        if not event.ok:
            return [ev.HangUp(Leg.CALLEE), *self._fail(488, now)]
        self.state = State.ANSWERED
        self.meter.answered(now)
        return [ev.Answer(), ev.Remember(), *self._schedule()]

    def _joining_calleegone(self, event: ev.CalleeGone, now: float) -> list[Action]:
        return self._fail(480, now)

    # --- refusals and failures before the answer ---

    def _say(self, code: int, prompts: tuple[str, ...], now: float) -> list[Action]:
        """Speak to the caller, then refuse. Without anything to say, refuse."""
        if not prompts:
            return self._fail(code, now)
        self.state, self._final_code = State.ANNOUNCING, code
        return [
            self._disarm("setup"),
            self._arm("announcement", now + self.patience.announcement_s),
            ev.Announce(prompts),
        ]

    def _announcing_announcementover(self, event: ev.AnnouncementOver, now: float) -> list[Action]:
        return self._fail(self._final_code, now)

    def _announcing_medialost(self, event: ev.MediaLost, now: float) -> list[Action]:
        return self._fail(self._final_code, now)

    def _fail(self, code: int, now: float) -> list[Action]:
        """A final failure for the caller: every branch is cancelled, the reservation given back."""
        word = "refused" if self.state is State.ANNOUNCING else responses.disposition(code)
        ended_by = "callee" if self.state in (State.RINGING, State.EARLY, State.JOINING) else "operator"
        return self._end_unanswered(word, ended_by, code, [ev.Refuse(code)])

    def _end_unanswered(self, word: str, ended_by: str, code: int, first: list[Action]) -> list[Action]:
        actions = [*first, *(ev.Cancel(key) for key in self._open), ev.CloseMedia()]
        if self._authorised:
            actions.append(ev.Settle(word, ended_by, code, None, self.carrier))
        actions += self._disarm_all()
        self._open.clear()
        self.state = State.ENDED
        return [*actions, ev.Finish()]

    def _any_callergone(self, event: ev.CallerGone, now: float) -> list[Action]:
        if self.state in (State.ENDING, State.ENDED):
            return []
        first: list[Action] = [ev.HangUp(Leg.CALLEE)] if self.state is State.JOINING else []
        return self._end_unanswered("cancelled", "caller", 487, first)

    def _any_medialost(self, event: ev.MediaLost, now: float) -> list[Action]:
        if self.state in (State.TRYING, State.AUTHORISING, State.ENDING, State.ENDED):
            return []
        if self.state is State.JOINING:
            return [ev.HangUp(Leg.CALLEE), *self._fail(503, now)]
        return self._fail(503, now)

    def _any_dropped(self, event: ev.Dropped, now: float) -> list[Action]:
        return self._any_medialost(ev.MediaLost(), now) or (
            self._fail(503, now) if self.state in (State.TRYING, State.AUTHORISING) else []
        )

    # --- the answered call ---

    def _schedule(self) -> list[Action]:
        """The timers that follow from the grant: extend in time, warn where that is wanted, cut when it is used up or the longest
        duration is reached."""
        due = self.meter.due
        instants = {"cut": due.cut_at, "extend": due.extend_at, "warn": due.warn_at}
        arms: list[Action] = [self._arm(timer, at) for timer, at in instants.items() if at is not None]
        return arms + self._disarm_only(*(timer for timer, at in instants.items() if at is None))

    def _answered_fired(self, event: ev.Fired, now: float) -> list[Action]:
        self._armed.discard(event.timer)
        if event.timer == "cut":
            return self._end_answered(self.meter.ended_by, now)
        if event.timer == "extend":
            question = self.meter.ask(now)
            return [ev.Extend(question.seq, question.used_s)]
        if event.timer == "warn":
            self.meter.warned()
            return [ev.Warn(self.meter.left_s(now))]
        return []

    def _answered_extended(self, event: ev.Extended, now: float) -> list[Action]:
        taken = self.meter.extended(
            event.seq,
            now,
            allowed=event.allowed,
            granted_s=event.granted_s,
            limit_s=event.limit_s,
            final=event.final,
        )
        return self._schedule() if taken else []

    def _answered_extensionlost(self, event: ev.ExtensionLost, now: float) -> list[Action]:
        if not self.meter.not_answered(event.seq, now):
            return []
        assert self.meter.due.extend_at is not None
        return [self._arm("extend", self.meter.due.extend_at)]

    def _answered_callergone(self, event: ev.CallerGone, now: float) -> list[Action]:
        return self._end_answered("caller", now)

    def _answered_calleegone(self, event: ev.CalleeGone, now: float) -> list[Action]:
        return self._end_answered("callee", now)

    def _answered_medialost(self, event: ev.MediaLost, now: float) -> list[Action]:
        return self._end_answered("media-lost", now)

    def _answered_dropped(self, event: ev.Dropped, now: float) -> list[Action]:
        return self._end_answered("operator", now)

    def _end_answered(self, ended_by: str, now: float) -> list[Action]:
        """Media first: it must stop whatever the phones do. Then BYE to each leg that is still there."""
        self._waiting = {Leg.CALLER, Leg.CALLEE} - ({Leg(ended_by)} if ended_by in ("caller", "callee") else set())
        actions: list[Action] = [ev.CloseMedia(), *(ev.HangUp(leg) for leg in sorted(self._waiting))]
        actions.append(ev.Settle("answered", ended_by, 200, self.used_ms(now), self.carrier))
        actions += self._disarm_all()
        self.state = State.ENDING
        return [*actions, self._arm("watchdog", now + self.patience.bye_s)]

    def _ending_byeanswered(self, event: ev.ByeAnswered, now: float) -> list[Action]:
        self._waiting.discard(event.leg)
        return [] if self._waiting else self._finish()

    def _ending_callergone(self, event: ev.CallerGone, now: float) -> list[Action]:
        return self._ending_byeanswered(ev.ByeAnswered(Leg.CALLER), now)

    def _ending_calleegone(self, event: ev.CalleeGone, now: float) -> list[Action]:
        return self._ending_byeanswered(ev.ByeAnswered(Leg.CALLEE), now)

    def _ending_fired(self, event: ev.Fired, now: float) -> list[Action]:
        if event.timer != "watchdog":
            return []
        self._armed.discard("watchdog")
        return [ev.BarkWatchdog(tuple(sorted(self._waiting))), *self._finish()]

    def _finish(self) -> list[Action]:
        self.state = State.ENDED
        return [*self._disarm_all(), ev.Finish()]

    # --- timers before the answer ---

    def _any_fired(self, event: ev.Fired, now: float) -> list[Action]:
        self._armed.discard(event.timer)
        if event.timer == "announcement" and self.state is State.ANNOUNCING:
            return self._fail(self._final_code, now)
        if event.timer == "setup" and self.state in (State.TRYING, State.AUTHORISING, State.PREPARING):
            return self._fail(503, now)
        if event.timer == "setup" and self.state is State.RINGING and not self._heard:
            silent: list[Action] = [ev.Cancel(key) for key in self._open]
            self._open.clear()
            return [*silent, *(self._next_stage(now) if self._stages else self._fail(408, now))]
        if event.timer == "no-answer" and self.state in (State.RINGING, State.EARLY):
            return self._fail(responses.best([*self._codes, 480]), now)
        return []

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
