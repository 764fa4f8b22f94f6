"""One callback: what charging is asked for each leg, and what the journal keeps of it. SIP thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from cadran.charging import ports
from cadran.voice.b2bua import figures
from cadran.voice.callback import events as ev
from cadran.voice.callback import machine, orders, planning
from cadran.voice.callback.events import Side
from cadran.voice.callback.placing import Placed, Told
from cadran.voice.rules import refusals

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server


class CallbackSession(Placed):
    """The shell of one callback."""

    call: machine.Callback

    def __init__(
        self,
        server: Server,
        order: orders.CallbackOrder,
        callback_id: str,
        *,
        patience: machine.Patience,
        told: Told,
        done: Callable[[], None],
    ) -> None:
        super().__init__(server, machine.Callback(patience=patience), order, callback_id, told=told, done=done)
        self.order = order
        self.answered_at: dict[Side, datetime] = {}
        self._asked: dict[tuple[Side, int], tuple[int, datetime]] = {}

    def used_ms(self, now: float) -> dict[str, int]:
        """The charged legs that are answered, by charging's session."""
        return {self.sessions[side]: used for side, used in self.call.used_ms(now).items()}

    def _do_authorise(self, action: ev.Authorise) -> None:
        side = action.side
        request = planning.authorise(
            self.order, self.plans.of(side), side, callback_id=self.id, at=self.server.civil.now()
        )

        async def asked() -> ports.Grant | ports.ChargingRefused:
            try:
                return await self.server.charging.authorise(request)
            except ports.ChargingRefused as refused:
                return refused

        self.server.background.ask(asked(), lambda answer: self._authorised(side, answer))

    def _authorised(self, side: Side, answer: ports.Grant | ports.ChargingRefused | None) -> None:
        if answer is None:
            self.feed(ev.ChargingLost(side))
        elif isinstance(answer, ports.ChargingRefused):
            self.log.warning("authorise-refused", detail=answer.message, reason=answer.details.get("reason"))
            self.feed(ev.Refused(side, "unavailable"))
        elif answer.decision.allowed:
            self.log.info("leg-allowed", leg=side.value, code=answer.decision.code, granted_s=answer.granted_s)
            self.feed(ev.Allowed(side, answer.granted_s, answer.limit_s, answer.final))
        else:
            decision = answer.decision
            self.log.info("leg-refused", leg=side.value, code=decision.code, clause=decision.clause)
            code, _ = refusals.refusal(decision.code, brand=self.order.brand, language=self.order.language)
            self.feed(ev.Refused(side, decision.code, code))

    def _do_extend(self, action: ev.Extend) -> None:
        side, seq = action.side, action.seq
        used, at = self._asked.setdefault((side, seq), (action.used_s, self.server.civil.now()))

        async def asked() -> ports.Grant:
            return await self.server.charging.extend(session=self.sessions[side], seq=seq, used_s=used, at=at)

        def extended(grant: ports.Grant | None) -> None:
            if grant is None:
                self.log.warning("extension-lost", leg=side.value, seq=seq)
                self.feed(ev.ExtensionLost(side, seq))
                return
            allowed = grant.decision.allowed
            self.log.info("leg-extended", leg=side.value, seq=seq, granted_s=grant.granted_s, final=grant.final)
            self.feed(ev.Extended(side, seq, allowed, grant.granted_s, grant.limit_s, grant.final))

        self.server.background.ask(asked(), extended)

    def _do_settle(self, action: ev.Settle) -> None:
        if action.measured_ms is not None:
            figures.ENDED.labels(by=action.ended_by).inc()
        self.log.info(
            "call-ended",
            leg=action.side.value,
            by=action.ended_by,
            disposition=action.disposition,
            measured_ms=action.measured_ms,
        )
        self.server.settlements.add(
            ports.SettleCall(
                session=self.sessions[action.side],
                at=self.server.civil.now(),
                answered_at=self.answered_at.get(action.side) if action.measured_ms is not None else None,
                measured_ms=action.measured_ms or 0,
                disposition=action.disposition,
                ended_by=action.ended_by,
                sip_code=action.sip_code,
                carrier=action.carrier,
            )
        )

    def _do_remember(self, action: ev.Remember) -> None:
        side = action.side
        now = self.answered_at[side] = self.server.civil.now()
        carrier = self.call.sought[side].carrier
        figures.ANSWERED.inc()
        self.log.info("leg-answered", leg=side.value, carrier=carrier)
        body = {"callee": self.sides[side].paper(), "answered_at": now.isoformat(), "carrier": carrier}
        self.server.journal.answered(self.sessions[side], body)
