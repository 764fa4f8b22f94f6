"""What the shells of charged calls have in common: the rim of the state machine, timers, charging, legs that go out. SIP thread."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sippy import CCEvents as cc

from cadran.charging import ports
from cadran.policy.rules import Decision
from cadran.voice.b2bua import figures, stack
from cadran.voice.b2bua.legs import Leg, Outgoing
from cadran.voice.rules import calls
from cadran.voice.rules import events as ev

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server


class Shell:
    """Carries out what the state machine of one call decides. id: its charging session. `targets` says where each branch goes.

    Who inherits says what charging is asked (`asked_for`), how a refusal is told (`refused`), what the called person's user agent
    may say in the call (`callee_says`), and carries out the actions that concern the caller and the media.
    """

    def __init__(self, server: Server, session_id: str, patience: calls.Patience) -> None:
        self.server, self.id = server, session_id
        self.log = structlog.get_logger("voice.call").bind(call=session_id)
        self.call = calls.Call(patience=patience)
        self.legs: dict[str, Leg] = {}
        self.targets: dict[str, Outgoing] = {}
        self.answered_at: datetime | None = None
        self.asked: dict[int, tuple[int, datetime]] = {}
        self._timers: dict[str, Any] = {}
        self._events: deque[ev.Event] = deque()
        self._busy = False

    def asked_for(self, at: datetime) -> ports.AuthoriseCall:
        raise NotImplementedError

    def refused(self, decision: Decision) -> ev.Refused:
        raise NotImplementedError

    def callee_says(self, event: Any, leg: Leg) -> None:
        raise NotImplementedError

    def settled(self, outcome: ports.Settled | None) -> None:
        """What the call became; None where charging refused to say."""

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

    # --- what the called legs report ---

    def _callee_event(self, event: Any, leg: Leg) -> None:
        if self.call.state in (ev.State.ANSWERED, ev.State.ENDING) and leg is self.winner:
            if isinstance(event, cc.CCEventDisconnect):
                self.feed(ev.CalleeGone())
            else:
                self.callee_says(event, leg)
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

    # --- charging ---

    def _do_authorise(self, _action: ev.Authorise) -> None:
        self.server.background.ask(self._authorise(self.asked_for(self.server.civil.now())), self._authorised)

    async def _authorise(self, request: ports.AuthoriseCall) -> ports.Grant | ports.ChargingRefused:
        try:
            return await self.server.charging.authorise(request)
        except ports.ChargingRefused as refused:
            return refused

    def _authorised(self, answer: ports.Grant | ports.ChargingRefused | None) -> None:
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
            self.feed(self.refused(decision))

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
            ),
            self.settled,
        )

    def _do_barkwatchdog(self, action: ev.BarkWatchdog) -> None:
        for leg in action.legs:
            figures.WATCHDOG.labels(leg=leg.value).inc()
            self.log.warning("watchdog", leg=leg.value, detail="BYE not answered; its media was removed with the cut")

    # --- legs that go out ---

    def invite(self, action: ev.Dial, offer: str) -> None:
        """Send the INVITE of a branch."""
        key, out = action.branch.key, self.targets[action.branch.key]
        pin = "hidden" if not action.branch.carrier else "names"
        leg = self.legs[key] = Leg(
            self.server.config, self._callee_event, pin=out.pin or pin, next_hop=out.next_hop, key=key
        )
        self.log.info(
            "leg-dialled", branch=key, carrier=action.branch.carrier, next_hop=f"{out.next_hop[0]}:{out.next_hop[1]}"
        )
        try:
            leg.invite(out, offer)
        except Exception:
            figures.ERRORS.labels(where="invite").inc()
            self.log.exception("leg-not-dialled", branch=key)
            self.feed(ev.BranchFailed(key, 500))

    def _do_cancel(self, action: ev.Cancel) -> None:
        if (leg := self.legs.get(action.branch)) is not None:
            leg.end()

    # --- timers ---

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


async def _coroutine(waited: Any) -> Any:
    return await waited


def sdp_of(body: Any) -> str:
    """The session description of a message body, or empty when it has none."""
    if body is None or body.getType() != "application/sdp":
        return ""
    return str(body)
