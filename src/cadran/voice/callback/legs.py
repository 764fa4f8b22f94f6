"""The legs of one side that Cadran rings: who is sought where, who answered, and what they say. SIP thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sippy import CCEvents as cc
from sippy.MsgBody import MsgBody

from cadran.voice.b2bua import figures, targets
from cadran.voice.b2bua.legs import Leg, Outgoing
from cadran.voice.b2bua.plans import Plan
from cadran.voice.b2bua.shell import sdp_of
from cadran.voice.rules.events import Branch

if TYPE_CHECKING:
    from cadran.voice.b2bua.server import Server

Heard = Callable[[str, str, int], None]
NOWHERE = ("", 0)


class Rung:
    """One side. id: begins the Call-IDs of its legs.

    heard(what, branch, code): `ringing`, `answered`, `failed` while it is sought; `gone` when who answered hung up.
    renewed(leg, sdp), informed(data): what who answered asks in the call.
    """

    max_forwards = 70
    source = NOWHERE

    def __init__(
        self,
        server: Server,
        rung_id: str,
        *,
        log: Any,
        heard: Heard,
        renewed: Callable[[Leg, str], None],
        informed: Callable[[Any], None],
    ) -> None:
        self.server, self.id, self.log = server, rung_id, log
        self.heard, self.renewed, self.informed = heard, renewed, informed
        self.targets: dict[str, Outgoing] = {}
        self.legs: dict[str, Leg] = {}
        self.winner: Leg | None = None

    def stages(self, plan: Plan) -> tuple[tuple[Branch, ...], ...]:
        """Where the person of that plan is sought; nowhere for one of ours whose line is closed."""
        return targets.stages(self, plan, self.server) if plan.ring else ()

    def dial(self, branch: Branch, offer: str) -> None:
        """Send the INVITE of a branch."""
        out = self.targets[branch.key]
        leg = self.legs[branch.key] = Leg(
            self.server.config, self._event, pin=out.pin, next_hop=out.next_hop, key=branch.key
        )
        hop = f"{out.next_hop[0]}:{out.next_hop[1]}"
        self.log.info("leg-dialled", leg=self.id, branch=branch.key, carrier=branch.carrier, next_hop=hop)
        try:
            leg.invite(out, offer)
        except Exception:
            figures.ERRORS.labels(where="invite").inc()
            self.log.exception("leg-not-dialled", leg=self.id, branch=branch.key)
            self.heard("failed", branch.key, 500)

    def cancel(self, key: str) -> None:
        if (leg := self.legs.get(key)) is not None:
            leg.end()

    def won(self, key: str) -> str:
        """That branch answers for the side from now on; returns what it answered. One that hung up meanwhile is told to be gone."""
        leg = self.winner = self.legs[key]
        if leg.isDead():
            self.heard("gone", key, 0)
        return leg.last_sdp or ""

    def hang_up(self, done: Callable[[], None]) -> None:
        """BYE to who answered; done() when that is acknowledged, or there is nobody."""
        leg = self.winner
        if leg is None or leg.isDead() or leg.state is None:
            done()
            return
        leg.on_bye_answered = done
        leg.end()

    def paper(self) -> dict[str, Any]:
        """What ends the leg of who answered after a crash."""
        assert self.winner is not None
        return self.winner.dialog(self.server.local)

    def inform(self, data: Any) -> None:
        """Pass INFO on to who answered."""
        if self.winner is not None:
            self.winner.recvEvent(cc.CCEventInfo(data))

    def silence(self) -> None:
        """Nobody listens any more."""
        for leg in self.legs.values():
            leg.silence()

    def _event(self, event: Any, leg: Leg) -> None:
        if leg is self.winner:
            self._said(event, leg)
        elif isinstance(event, cc.CCEventRing):
            code, _, body = event.getData() or (180, "", None)
            leg.last_sdp = sdp_of(body) or leg.last_sdp
            self.heard("ringing", leg.key, int(code))
        elif isinstance(event, cc.CCEventConnect):
            leg.last_sdp = sdp_of(event.getData()[2]) or leg.last_sdp
            self.heard("answered", leg.key, 200)
        elif isinstance(event, cc.CCEventFail | cc.CCEventRedirect):
            data = event.getData()
            self.heard("failed", leg.key, int(data[0]) if data else 500)
        elif isinstance(event, cc.CCEventDisconnect):
            self.heard("failed", leg.key, 480)

    def _said(self, event: Any, leg: Leg) -> None:
        if isinstance(event, cc.CCEventDisconnect):
            self.heard("gone", leg.key, 0)
        elif isinstance(event, cc.CCEventUpdate):
            self.renewed(leg, str(event.getData()))
        elif isinstance(event, cc.CCEventInfo):
            self.informed(event.getData())


def answer_renewal(leg: Leg, sdp: str | None) -> None:
    """Answer a re-INVITE with that description, or refuse it."""
    if sdp is None:
        leg.recvEvent(cc.CCEventFail((488, "Not Acceptable Here")))
    else:
        leg.recvEvent(cc.CCEventConnect((200, "OK", MsgBody(sdp))))
