"""What the shells of calls that Cadran places have in common: the rim of the machine, legs that are rung, a line of the relay, timers.
SIP thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from cadran.voice.b2bua import figures, stack
from cadran.voice.b2bua.legs import Leg
from cadran.voice.callback import events as ev
from cadran.voice.callback import orders
from cadran.voice.callback.events import Side, State
from cadran.voice.callback.legs import Rung, answer_renewal
from cadran.voice.callback.planning import Plans
from cadran.voice.media.port import Line
from cadran.voice.rules.ringing import Ringing

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

Told = Callable[[str, str], None]


class Machine(Protocol):
    """What decides: `machine.Callback` or `speech.Speech`."""

    state: State
    sought: dict[Side, Ringing]

    def on(self, event: ev.Event, now: float) -> list[ev.Action]: ...


class Placed:
    """The shell of one call that Cadran places. told(stage, why): whenever it comes further. done(): when nothing is left of it."""

    def __init__(
        self,
        server: Server,
        call: Machine,
        order: orders.CallbackOrder | orders.SpokenCode,
        call_id: str,
        *,
        told: Told,
        done: Callable[[], None],
    ) -> None:
        self.server, self.call, self.id, self.told, self.done = server, call, call_id, told, done
        self.brand, self.language = order.brand, order.language
        self.whose, self.fingerprint, self.stage = "", "", "asked"
        self.log = structlog.get_logger("voice.callback").bind(call=call_id)
        self.plans = Plans()
        self.sessions = dict(zip(Side, orders.sessions(call_id), strict=True))
        self.sides = {side: self._side(side) for side in Side}
        self.line: Line | None = None
        self._offers: dict[Side, str] = {}
        self._timers: dict[str, Any] = {}
        self._events: deque[ev.Event] = deque()
        self._busy = False

    def _side(self, side: Side) -> Rung:
        other = Side.SECOND if side is Side.FIRST else Side.FIRST

        def heard(what: str, branch: str, code: int) -> None:
            made: dict[str, Callable[[], ev.Event]] = {
                "ringing": lambda: ev.Provisional(side, branch, code),
                "answered": lambda: ev.BranchAnswered(side, branch),
                "failed": lambda: ev.BranchFailed(side, branch, code),
                "gone": lambda: ev.Gone(side),
            }
            self.feed(made[what]())

        return Rung(
            self.server,
            self.sessions[side],
            log=self.log,
            heard=heard,
            renewed=lambda leg, sdp: self._renewed(side, leg, sdp),
            informed=lambda data: self.sides[other].inform(data) if self.call.state is State.TALKING else None,
        )

    # --- the machine's rim ---

    def begin(self, plans: Plans) -> None:
        """The order was looked at: refuse it, or ask charging."""
        self.plans = plans
        if plans.turned:
            self.feed(ev.Turned(plans.turned))
            return
        self.feed(ev.Planned(*(self.sides[side].stages(plans.of(side)) for side in Side)))

    def feed(self, event: ev.Event) -> None:
        """Hand an event to the machine and carry out what it decides; events that come meanwhile wait their turn."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                for action in self.call.on(self._events.popleft(), self.server.clock.seconds()):
                    stack.guarded(getattr(self, f"_do_{type(action).__name__.lower()}"))(action)
        finally:
            self._busy = False

    # --- sound ---

    def _do_openline(self, _action: ev.OpenLine) -> None:
        def opened(line: Line | None) -> None:
            if line is None or self.call.state is not State.PREPARING:
                if line is not None:
                    line.close()
                self.feed(ev.Offered(Side.FIRST, False))
                return
            self.line = line
            line.on_ended = lambda: self.feed(ev.MediaLost())
            line.invite(self._offered(Side.FIRST))

        self.server.media.open_line(self.id, stack.guarded(opened))

    def _do_offer(self, _action: ev.Offer) -> None:
        if self.line is None:
            self.feed(ev.Offered(Side.SECOND, False))
        else:
            self.line.second(self._offered(Side.SECOND))

    def _offered(self, side: Side) -> Callable[[str | None], None]:
        def offered(sdp: str | None) -> None:
            self._offers[side] = sdp or ""
            self.feed(ev.Offered(side, bool(sdp)))

        return stack.guarded(offered)

    def _do_join(self, action: ev.Join) -> None:
        side = action.side
        answer = self.sides[side].won(action.branch)
        if self.line is None or not answer:
            self.feed(ev.Joined(side, False))
            return
        joined = stack.guarded(lambda ok: self.feed(ev.Joined(side, ok)))
        if side is Side.FIRST:
            self.line.accepted(answer, joined)
        else:
            self.line.bridge(answer, joined)

    def _do_say(self, action: ev.Say) -> None:
        names = tuple(f"{self.brand}/{self.language}/{one}" for one in action.prompts)
        self.log.info("said", prompts=list(action.prompts))
        if self.line is not None:
            self.line.play(names, stack.guarded(lambda: self.feed(ev.Spoken())), times=action.times)

    def _do_closeline(self, _action: ev.CloseLine) -> None:
        if self.line is not None:
            line, self.line = self.line, None
            line.close()

    def _renewed(self, side: Side, leg: Leg, sdp: str) -> None:
        """A re-INVITE: hold, resumption, another address. The other side is not re-invited."""
        if self.line is None:
            answer_renewal(leg, None)
            return
        done = stack.guarded(lambda answer: answer_renewal(leg, answer))
        self.line.renew(second=side is Side.SECOND, offer=sdp, done=done)

    # --- legs ---

    def _do_dial(self, action: ev.Dial) -> None:
        self.sides[action.side].dial(action.branch, self._offers[action.side])

    def _do_cancel(self, action: ev.Cancel) -> None:
        self.sides[action.side].cancel(action.branch)

    def _do_hangup(self, action: ev.HangUp) -> None:
        self.sides[action.side].hang_up(lambda: self.feed(ev.ByeAnswered(action.side)))

    def _do_bark(self, action: ev.Bark) -> None:
        for side in action.sides:
            figures.WATCHDOG.labels(leg=side.value).inc()
            self.log.warning("watchdog", leg=side.value, detail="BYE not answered; its media was removed with the cut")

    # --- timers, and what is told ---

    def _do_arm(self, action: ev.Arm) -> None:
        self._do_disarm(ev.Disarm(action.timer))
        wait = action.at - self.server.clock.seconds()
        self._timers[action.timer] = stack.after(wait, self._fired, action.timer)

    def _do_disarm(self, action: ev.Disarm) -> None:
        if (timer := self._timers.pop(action.timer, None)) is not None:
            timer.cancel()

    def _fired(self, timer: str) -> None:
        self._timers.pop(timer, None)
        self.feed(ev.Fired(timer))

    def _do_tell(self, action: ev.Tell) -> None:
        self.log.info("callback", stage=action.stage, why=action.why)
        self.stage = action.stage
        self.told(action.stage, action.why)

    def _do_finish(self, _action: ev.Finish) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._do_closeline(ev.CloseLine())
        for side in self.sides.values():
            side.silence()
        self.done()
