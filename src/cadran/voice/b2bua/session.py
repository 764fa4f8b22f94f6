"""One call: carries out what the state machine decides, on sippy's user agents, the media client and charging. SIP thread."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sippy import CCEvents as cc
from sippy.MsgBody import MsgBody

from cadran.charging import ports
from cadran.policy.rules import Decision
from cadran.voice.b2bua import figures, plans, transactions
from cadran.voice.b2bua.legs import Leg
from cadran.voice.b2bua.plans import Plan
from cadran.voice.b2bua.renegotiation import Renegotiation
from cadran.voice.b2bua.shell import Shell, sdp_of
from cadran.voice.b2bua.sound import Sound
from cadran.voice.b2bua.targets import Dialling
from cadran.voice.rules import events as ev
from cadran.voice.rules import refusals, responses

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

RETRY_AFTER_S = 5


class Session(Shell):
    """The shell of a call that a phone or a carrier sends us."""

    def __init__(self, server: Server, session_id: str, source: tuple[str, int], *, pin: str) -> None:
        super().__init__(server, session_id, server.patience)
        self.source = source
        self.caller = Leg(server.config, self._caller_event, pin=pin)
        self.plan: Plan | None = None
        self.dialling: Dialling | None = None
        self.caller_sdp = ""
        self.answer_sdp = ""
        self.max_forwards = 70
        self.sound = Sound(server.media, session_id, self._sound_lost)
        self.renegotiation = Renegotiation(self)

    # --- what the legs report ---

    def _caller_event(self, event: Any, leg: Leg) -> None:
        if isinstance(event, cc.CCEventTry):
            body = event.getData()[3]
            self.caller_sdp = sdp_of(body)
            if event.max_forwards is not None:
                self.max_forwards = event.max_forwards
            self.server.caller_tried(self, event)
        elif isinstance(event, cc.CCEventUpdate | cc.CCEventConnect | cc.CCEventFail | cc.CCEventInfo | cc.CCEventRing):
            self.renegotiation.heard(event, leg, self.winner)
        elif isinstance(event, cc.CCEventDisconnect):
            self.feed(ev.CallerGone())

    def callee_says(self, event: Any, leg: Leg) -> None:
        self.renegotiation.heard(event, leg, self.caller)

    def _sound_lost(self) -> None:
        self.feed(ev.MediaLost())

    # --- before the answer ---

    def asked_for(self, at: datetime) -> ports.AuthoriseCall:
        assert self.plan is not None
        return plans.authorise_call(self.plan, session=self.id, at=at, call_id=str(self.caller.cId))

    def refused(self, decision: Decision) -> ev.Refused:
        assert self.plan is not None
        return ev.Refused(*refusals.refusal(decision.code, brand=self.plan.brand, language=self.plan.language))

    def _do_openmedia(self, _action: ev.OpenMedia) -> None:
        def ready(ok: bool) -> None:
            self.feed(ev.MediaReady(ok, 488 if self.server.media.online else 503))

        self.sound.offer(self.caller_sdp, ready)

    def _do_dial(self, action: ev.Dial) -> None:
        self.invite(action, self.sound.offered)

    def _do_ring(self, _action: ev.Ring) -> None:
        self.caller.recvEvent(cc.CCEventRing((180, "Ringing", None)))

    def _do_passearly(self, action: ev.PassEarly) -> None:
        sdp = self.legs[action.branch].last_sdp or ""

        def early(answer: str | None) -> None:
            if answer and self.call.state is ev.State.EARLY:
                self.answer_sdp = answer
                self.caller.recvEvent(cc.CCEventRing((183, "Session Progress", MsgBody(answer))))

        self.sound.answer(sdp, early)

    def _do_join(self, action: ev.Join) -> None:
        def joined(answer: str | None) -> None:
            self.answer_sdp = answer or self.answer_sdp
            self.feed(ev.Joined(bool(answer)))

        self.sound.answer(self.legs[action.branch].last_sdp or "", joined)

    def _do_answer(self, _action: ev.Answer) -> None:
        self.answered_at = self.server.civil.now()
        figures.ANSWERED.inc()
        self.log.info("call-answered", branch=self.call.winner, carrier=self.call.carrier)
        self.caller.recvEvent(cc.CCEventConnect((200, "OK", MsgBody(self.answer_sdp))))

    def _do_refuse(self, action: ev.Refuse) -> None:
        figures.REFUSED.labels(code=str(action.code)).inc()
        self.log.info("call-failed", sip_code=action.code)
        event = cc.CCEventFail((action.code, responses.reason(action.code)))
        if action.code == 503:
            event.extra_headers = (transactions.header("Retry-After", str(RETRY_AFTER_S)),)
        self.caller.silence()
        self.caller.recvEvent(event)

    def _do_announce(self, action: ev.Announce) -> None:
        def speak(answer: str | None) -> None:
            if self.call.state is not ev.State.ANNOUNCING:
                return
            if not answer:
                self.feed(ev.AnnouncementOver())
                return
            self.caller.recvEvent(cc.CCEventRing((183, "Session Progress", MsgBody(answer))))

        over = lambda: self.feed(ev.AnnouncementOver())  # noqa: E731
        self.log.info("announcement", prompts=list(action.prompts))
        self.sound.announce(action.prompts, self.caller_sdp, speak, over)

    # --- the answered call ---

    def _do_remember(self, _action: ev.Remember) -> None:
        winner = self.winner
        assert winner is not None
        assert self.answered_at is not None
        local = self.server.local
        body = {
            "caller": self.caller.dialog(local),
            "callee": winner.dialog(local),
            "answered_at": self.answered_at.isoformat(),
            "carrier": self.call.carrier,
        }
        self.server.journal.answered(self.id, body)

    def _do_hangup(self, action: ev.HangUp) -> None:
        leg = self.caller if action.leg is ev.Leg.CALLER else self.winner
        if leg is None or leg.isDead() or leg.state is None:
            self.feed(ev.ByeAnswered(action.leg))
            return
        leg.on_bye_answered = lambda: self.feed(ev.ByeAnswered(action.leg))
        leg.end()

    def _do_closemedia(self, _action: ev.CloseMedia) -> None:
        self.sound.close()

    def _do_finish(self, _action: ev.Finish) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.sound.close()
        for leg in (self.caller, *self.legs.values()):
            leg.silence()
        self.server.forget(self)

    def wait(self, seconds: float) -> None:
        """Give the plan so long."""
        self._do_arm(ev.Arm("setup", self.server.clock.seconds() + seconds))
