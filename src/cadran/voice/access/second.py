"""The leg from an access number to whom the caller wants: a charged call whose caller is a line instead of a telephone. SIP thread.

The state machine is that of every call (rules/calls.py): authorised, dialled through one carrier after another, extended, warned of,
cut, settled once. What it would tell a calling telephone goes to the menu instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sippy import CCEvents as cc
from sippy.MsgBody import MsgBody

from cadran.charging import ports
from cadran.policy.rules import Decision
from cadran.units.clause import carries
from cadran.voice.b2bua import figures, plans, stack, targets
from cadran.voice.b2bua.legs import Leg
from cadran.voice.b2bua.shell import Shell
from cadran.voice.media.port import Line
from cadran.voice.menu import events as menu
from cadran.voice.rules import events as ev

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

SETTLED_S = 3.0  # how long the caller waits to hear what the call cost
_BEFORE = {486: "busy", 600: "busy", 603: "declined", 408: "no-answer", 480: "no-answer", 487: "no-answer"}
_NOBODY = (404, 410, 484, 485, 604)
_AFTER = {"caller": "over", "callee": "over", "credit": "credit", "limit": "limit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What lies behind the leg: where it goes and who pays (plan), and what charging is told beside. warning_s: seconds
    before the end at which the caller is told of it."""

    plan: plans.Plan
    family: str
    via: str
    consumer: bool
    by_minute: bool
    warning_s: int
    max_forwards: int
    sip_call_id: str


class SecondLeg(Shell):
    """tell: hears SecondRinging, SecondAnswered, Low, and in the end SecondOver, once; `finished` follows when nothing is left of the
    leg, its BYE answered."""

    def __init__(
        self,
        server: Server,
        session_id: str,
        line: Line,
        behind: Behind,
        *,
        tell: Callable[[menu.Event], None],
        finished: Callable[[SecondLeg], None],
    ) -> None:
        super().__init__(server, session_id, replace(server.patience, warning_s=behind.warning_s))
        self.line, self.behind, self.tell, self.finished = line, behind, tell, finished
        self.source = ("", 0)
        self.max_forwards = behind.max_forwards
        self.answered = False
        self.over = False
        self._outcome = "failed"
        self.told = self._settling = self._rang = False
        self._given_up: set[str] = set()

    def begin(self) -> None:
        """Ask charging, then dial."""
        self.log.info("second-leg", family=self.behind.family, destination=self.behind.plan.destination)
        self.feed(ev.Planned(targets.stages(self, self.behind.plan, self.server)))

    def drop(self) -> None:
        """The caller wants no more of it, or is gone."""
        self.feed(ev.CallerGone())

    def lost(self, why: str) -> None:
        """The media are gone, or the operator ends it."""
        self.feed(ev.MediaLost() if why == "media-lost" else ev.Dropped())

    @property
    def talking(self) -> bool:
        return self.call.state is ev.State.ANSWERED

    # --- charging ---

    @carries("KRY-4.4.1-per-minute", "IPP-9.4-mobility", "LAW-per-second")
    def asked_for(self, at: datetime) -> ports.AuthoriseCall:
        behind = self.behind
        asked = plans.authorise_call(behind.plan, session=self.id, at=at, call_id=behind.sip_call_id)
        return replace(
            asked, family=behind.family, via=behind.via, consumer=behind.consumer, by_minute=behind.by_minute
        )

    def refused(self, decision: Decision) -> ev.Refused:
        if decision.code == "call-no-credit":
            self._outcome = "no-credit"
        return ev.Refused(403)

    def settled(self, outcome: ports.Settled | None) -> None:
        values: dict[str, menu.Value] = {}
        if outcome is not None and self.answered:
            values = {"charge_micros": outcome.charge_micros, "charged_s": outcome.charged_s}
        self._tell_over(values)

    def _do_settle(self, action: ev.Settle) -> None:
        if self.answered:
            self._outcome = _AFTER.get(action.ended_by, "lost")
        self._settling = True
        stack.after(SETTLED_S, self._tell_over, {})
        super()._do_settle(action)

    def _tell_over(self, values: dict[str, menu.Value]) -> None:
        if not self.told:
            self.told = True
            self.tell(menu.SecondOver(self._outcome, values))

    # --- before the answer ---

    def _do_openmedia(self, _action: ev.OpenMedia) -> None:
        self.feed(ev.MediaReady(not self.line.closed, 503))

    def _do_dial(self, action: ev.Dial) -> None:
        key = action.branch.key

        def offered(sdp: str | None) -> None:
            if key in self._given_up or self.over:
                return
            if sdp is None:
                self.feed(ev.BranchFailed(key, 500))
            else:
                self.invite(action, sdp)

        self.line.second(stack.guarded(offered))

    def _do_cancel(self, action: ev.Cancel) -> None:
        self._given_up.add(action.branch)
        super()._do_cancel(action)

    def _do_ring(self, _action: ev.Ring) -> None:
        if not self._rang:
            self._rang = True
            self.tell(menu.SecondRinging())

    def _do_passearly(self, action: ev.PassEarly) -> None:
        """The network's own ringing or words, in place of ours."""
        self.line.bridge(self.legs[action.branch].last_sdp or "", stack.guarded(lambda _done: None))

    def _do_join(self, action: ev.Join) -> None:
        joined = stack.guarded(lambda done: self.feed(ev.Joined(bool(done))))
        self.line.bridge(self.legs[action.branch].last_sdp or "", joined)

    def _do_answer(self, _action: ev.Answer) -> None:
        self.answered, self.answered_at = True, self.server.civil.now()
        figures.ANSWERED.inc()
        self.log.info("call-answered", branch=self.call.winner, carrier=self.call.carrier)
        self.tell(menu.SecondAnswered())

    def _do_announce(self, _action: ev.Announce) -> None:
        self.feed(ev.AnnouncementOver())

    def _do_refuse(self, action: ev.Refuse) -> None:
        if self._outcome == "failed":
            known = _BEFORE.get(action.code, "failed")
            self._outcome = "unreachable" if action.code in _NOBODY else known
        self.log.info("call-failed", sip_code=action.code)

    # --- the answered call ---

    def _do_remember(self, _action: ev.Remember) -> None:
        assert self.winner is not None
        assert self.answered_at is not None
        body = {
            "callee": self.winner.dialog(self.server.local),
            "answered_at": self.answered_at.isoformat(),
            "carrier": self.call.carrier,
        }
        self.server.journal.answered(self.id, body)

    def callee_says(self, event: Any, leg: Leg) -> None:
        """Hold, resumption or another address of the called person: its line takes it; the caller's side does not change."""
        if not isinstance(event, cc.CCEventUpdate):
            return
        if self.call.state is not ev.State.ANSWERED:
            leg.recvEvent(cc.CCEventFail((491, "Request Pending")))
            return
        self.line.renew(second=True, offer=str(event.getData()), done=stack.guarded(lambda sdp: answer(leg, sdp)))

    @carries("KRY-4.4.1-ivr")
    def _do_warn(self, action: ev.Warn) -> None:
        self.log.info("second-leg-low", seconds=action.seconds)
        self.tell(menu.Low(action.seconds))

    def _do_hangup(self, action: ev.HangUp) -> None:
        leg = self.winner if action.leg is ev.Leg.CALLEE else None
        if leg is None or leg.isDead() or leg.state is None:
            self.feed(ev.ByeAnswered(action.leg))
            return
        leg.on_bye_answered = lambda: self.feed(ev.ByeAnswered(action.leg))
        leg.end()

    def _do_closemedia(self, _action: ev.CloseMedia) -> None:
        self.line.unbridge()

    def _do_finish(self, _action: ev.Finish) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for leg in self.legs.values():
            leg.silence()
        self.over = True
        if not self._settling:
            self._tell_over({})
        self.finished(self)


def answer(leg: Leg, sdp: str | None) -> None:
    """Answer a re-INVITE of this leg with our description, or refuse it."""
    if sdp is None:
        leg.recvEvent(cc.CCEventFail((488, "Not Acceptable Here")))
    else:
        leg.recvEvent(cc.CCEventConnect((200, "OK", MsgBody(sdp))))
