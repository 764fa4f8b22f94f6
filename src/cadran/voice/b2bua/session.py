"""One call: carries out what the state machine decides, on sippy's user agents, the media client and charging. SIP thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sippy import CCEvents as cc
from sippy.MsgBody import MsgBody

from cadran.charging import ports
from cadran.voice.b2bua import figures, plans, stack, transactions
from cadran.voice.b2bua.legs import Leg, Outgoing
from cadran.voice.b2bua.plans import Plan
from cadran.voice.b2bua.renegotiation import Renegotiation
from cadran.voice.b2bua.sound import Sound
from cadran.voice.b2bua.targets import Dialling
from cadran.voice.rules import calls, refusals, responses
from cadran.voice.rules import events as ev

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

RETRY_AFTER_S = 5


class Session:
    """The shell of one call. `targets` says where each branch of the plan goes."""

    def __init__(self, server: Server, session_id: str, source: tuple[str, int], *, pin: str) -> None:
        self.server, self.id, self.source = server, session_id, source
        self.log = structlog.get_logger("voice.call").bind(call=session_id)
        self.call = calls.Call(patience=server.patience)
        self.caller = Leg(server.config, self._caller_event, pin=pin)
        self.legs: dict[str, Leg] = {}
        self.targets: dict[str, Outgoing] = {}
        self.carrier_of: dict[str, str] = {}
        self.plan: Plan | None = None
        self.dialling: Dialling | None = None
        self.answered_at: datetime | None = None
        self.caller_sdp = ""
        self.answer_sdp = ""
        self.max_forwards = 70
        self.sound = Sound(server.media, session_id, self._sound_lost)
        self.renegotiation = Renegotiation(self)
        self.asked: dict[int, tuple[int, datetime]] = {}
        self._timers: dict[str, Any] = {}
        self._events: deque[ev.Event] = deque()
        self._busy = False

    # --- the state machine's rim ---

    def feed(self, event: ev.Event) -> None:
        """Hand an event to the machine and carry out what it decides; events that come meanwhile wait their turn."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                one = self._events.popleft()
                actions = self.call.on(one, self.server.clock.seconds())
                for action in actions:
                    self._carry_out(action)
        finally:
            self._busy = False

    def _carry_out(self, action: ev.Action) -> None:
        name = f"_do_{type(action).__name__.lower()}"
        stack.guarded(getattr(self, name))(action)

    @property
    def winner(self) -> Leg | None:
        return self.legs.get(self.call.winner)

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

    def _callee_event(self, event: Any, leg: Leg) -> None:
        if self.call.state in (ev.State.ANSWERED, ev.State.ENDING) and leg is self.winner:
            if isinstance(event, cc.CCEventDisconnect):
                self.feed(ev.CalleeGone())
            else:
                self.renegotiation.heard(event, leg, self.caller)
        elif isinstance(event, cc.CCEventRing):
            code, _, body = event.getData() or (180, "", None)
            if sdp := sdp_of(body):
                leg.last_sdp = sdp
            self.feed(ev.Provisional(leg.key, code, bool(sdp)))
        elif isinstance(event, cc.CCEventConnect):
            leg.last_sdp = sdp_of(event.getData()[2]) or leg.last_sdp
            self.feed(ev.BranchAnswered(leg.key))
        elif isinstance(event, cc.CCEventFail | cc.CCEventRedirect):
            data = event.getData()
            self.feed(ev.BranchFailed(leg.key, int(data[0]) if data else 500))
        elif isinstance(event, cc.CCEventDisconnect):
            self.feed(ev.CalleeGone() if leg is self.winner else ev.BranchFailed(leg.key, 480))

    def _sound_lost(self) -> None:
        self.feed(ev.MediaLost())

    # --- before the answer ---

    def _do_authorise(self, _action: ev.Authorise) -> None:
        assert self.plan is not None
        plan, now = self.plan, self.server.civil.now()
        request = plans.authorise_call(plan, session=self.id, at=now, call_id=str(self.caller.cId))
        self.server.background.ask(self._authorise(request), self._authorised)

    async def _authorise(self, request: ports.AuthoriseCall) -> ports.Grant | ports.ChargingRefused:
        try:
            return await self.server.charging.authorise(request)
        except ports.ChargingRefused as refused:
            return refused

    def _authorised(self, answer: ports.Grant | ports.ChargingRefused | None) -> None:
        assert self.plan is not None
        if answer is None:
            self.feed(ev.ChargingLost())
        elif isinstance(answer, ports.ChargingRefused):
            self.log.warning("authorise-refused", detail=answer.message, reason=answer.details.get("reason"))
            self.feed(ev.Refused(403))
        elif answer.decision.allowed:
            self.log.info(
                "call-allowed",
                code=answer.decision.code,
                clause=answer.decision.clause,
                granted_s=answer.granted_s,
                limit_s=answer.limit_s,
            )
            self.feed(ev.Allowed(answer.granted_s, answer.limit_s, answer.final))
        else:
            decision = answer.decision
            self.log.info("call-refused", code=decision.code, clause=decision.clause, terms=decision.terms)
            code, prompts = refusals.refusal(decision.code, brand=self.plan.brand, language=self.plan.language)
            self.feed(ev.Refused(code, prompts))

    def _do_openmedia(self, _action: ev.OpenMedia) -> None:
        def ready(ok: bool) -> None:
            self.feed(ev.MediaReady(ok, 488 if self.server.media.online else 503))

        self.sound.offer(self.caller_sdp, ready)

    def _do_dial(self, action: ev.Dial) -> None:
        key, out = action.branch.key, self.targets[action.branch.key]
        pin = "hidden" if not action.branch.carrier else "names"
        leg = self.legs[key] = Leg(
            self.server.config, self._callee_event, pin=out.pin or pin, next_hop=out.next_hop, key=key
        )
        self.log.info(
            "leg-dialled", branch=key, carrier=action.branch.carrier, next_hop=f"{out.next_hop[0]}:{out.next_hop[1]}"
        )
        try:
            leg.invite(out, self.sound.offered)
        except Exception:
            figures.ERRORS.labels(where="invite").inc()
            self.log.exception("leg-not-dialled", branch=key)
            self.feed(ev.BranchFailed(key, 500))

    def _do_cancel(self, action: ev.Cancel) -> None:
        if (leg := self.legs.get(action.branch)) is not None:
            leg.end()

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

    def _do_extend(self, action: ev.Extend) -> None:
        used, at = self.asked.setdefault(action.seq, (action.used_s, self.server.civil.now()))
        request = self.server.charging.extend(session=self.id, seq=action.seq, used_s=used, at=at)

        def extended(grant: ports.Grant | None) -> None:
            if grant is None:
                self.log.warning("extension-lost", seq=action.seq)
                self.feed(ev.ExtensionLost(action.seq))
                return
            allowed = grant.decision.allowed
            self.log.info(
                "call-extended", seq=action.seq, allowed=allowed, granted_s=grant.granted_s, final=grant.final
            )
            self.feed(ev.Extended(action.seq, allowed, grant.granted_s, grant.limit_s, grant.final))

        self.server.background.ask(_coroutine(request), extended)

    def _do_hangup(self, action: ev.HangUp) -> None:
        leg = self.caller if action.leg is ev.Leg.CALLER else self.winner
        if leg is None or leg.isDead() or leg.state is None:
            self.feed(ev.ByeAnswered(action.leg))
            return
        leg.on_bye_answered = lambda: self.feed(ev.ByeAnswered(action.leg))
        leg.end()

    def _do_closemedia(self, _action: ev.CloseMedia) -> None:
        self.sound.close()

    def _do_settle(self, action: ev.Settle) -> None:
        now = self.server.civil.now()
        if action.measured_ms is not None:
            figures.ENDED.labels(by=action.ended_by).inc()
        self.log.info("call-ended", by=action.ended_by, disposition=action.disposition, measured_ms=action.measured_ms)
        self.server.settlements.add(
            ports.SettleCall(
                session=self.id,
                at=now,
                answered_at=self.answered_at if action.measured_ms is not None else None,
                measured_ms=action.measured_ms or 0,
                disposition=action.disposition,
                ended_by=action.ended_by,
                sip_code=action.sip_code,
                carrier=action.carrier,
            )
        )

    def _do_barkwatchdog(self, action: ev.BarkWatchdog) -> None:
        for leg in action.legs:
            figures.WATCHDOG.labels(leg=leg.value).inc()
            self.log.warning("watchdog", leg=leg.value, detail="BYE not answered; its media was removed with the cut")

    def _do_finish(self, _action: ev.Finish) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.sound.close()
        for leg in (self.caller, *self.legs.values()):
            leg.silence()
        self.server.forget(self)

    # --- timers ---

    def _do_arm(self, action: ev.Arm) -> None:
        self._do_disarm(ev.Disarm(action.timer))
        wait = action.at - self.server.clock.seconds()
        self._timers[action.timer] = stack.after(wait, self._fired, action.timer)

    def wait(self, seconds: float) -> None:
        """Give the plan so long."""
        self._do_arm(ev.Arm("setup", self.server.clock.seconds() + seconds))

    def _do_disarm(self, action: ev.Disarm) -> None:
        if (timer := self._timers.pop(action.timer, None)) is not None:
            timer.cancel()

    def _fired(self, timer: str) -> None:
        self._timers.pop(timer, None)
        self.feed(ev.Fired(timer))

    def facts(self) -> Mapping[str, object]:
        """What `cadran sip` shows of a call in progress."""
        return {"session": self.id, "state": self.call.state.value, "carrier": self.call.carrier}


async def _coroutine(waited: Any) -> Any:
    return await waited


def sdp_of(body: Any) -> str:
    """The session description of a message body, or empty when it has none."""
    if body is None or body.getType() != "application/sdp":
        return ""
    return str(body)
