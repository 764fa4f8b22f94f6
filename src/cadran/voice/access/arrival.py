"""The caller's own leg of a call at an access number, from its INVITE to its end: who calls, let in or told why not, ended and settled
once whatever happens. SIP thread.

    INVITE -> who calls -> let in:  charging takes the leg, 200 OK, the menu begins
                        -> refused: the menu says why as early media, then the final response
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from sippy import CCEvents as cc
from sippy.MsgBody import MsgBody

from cadran.charging import ports as charging
from cadran.units.clause import carries
from cadran.voice.access import digits, second
from cadran.voice.access.ports import Caller, Calling
from cadran.voice.b2bua import figures, stack, transactions
from cadran.voice.b2bua.legs import Leg
from cadran.voice.b2bua.session import RETRY_AFTER_S
from cadran.voice.b2bua.shell import sdp_of
from cadran.voice.media.port import Line
from cadran.voice.menu import events as menu
from cadran.voice.rules import responses

if TYPE_CHECKING:
    from cadran.voice.access.reception import Reception

CODES = {"withheld": 433, "too-many": 429, "not-open": 480, "unavailable": 503}
REFUSED_CODE = 403
WAIT_S = 8.0  # for the desk and for charging, before anything is heard
ANNOUNCED_S = 45.0
_UNKNOWN_CALLER = frozenset({"unknown", "unauthenticated"})
_GUESSES = {"pin": {"wrong", "locked"}, "voucher": {"unknown", "locked"}}


class Phase(StrEnum):
    TRYING = "trying"
    REFUSING = "refusing"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


class Arrival:
    """id: the call's family, and the charging session of the caller's own leg. Who inherits runs the menu: `feed`."""

    def __init__(
        self, reception: Reception, session_id: str, calling: Calling, *, source: tuple[str, int], carrier: str
    ):
        self.reception, self.server = reception, reception.server
        self.id, self.calling, self.source, self.carrier = session_id, calling, source, carrier
        self.log = structlog.get_logger("voice.access").bind(call=session_id)
        self.phase = Phase.TRYING
        self.leg = Leg(self.server.config, self._leg_event, pin="names")
        self.line: Line | None = None
        self.caller: Caller | None = None
        self.menu: Any = None
        self.second: second.SecondLeg | None = None
        self.presses = digits.Presses()
        self.notes = reception.notes_of(session_id, calling)
        self.answered_at: datetime | None = None
        self._answered_s = 0.0
        self._offer = ""
        self._max_forwards = 70
        self._allowed: tuple[str, str] = ("", "")
        self._legs = 0
        self._authorised = self._settled = False
        self._refusal = REFUSED_CODE
        self._timers: dict[str, Any] = {}
        self._events: deque[menu.Event] = deque()
        self._busy = False

    def feed(self, event: menu.Event) -> None:
        """Hand an event to the menu."""
        raise NotImplementedError

    # --- what the caller's user agent reports ---

    def _leg_event(self, event: Any, leg: Leg) -> None:
        if isinstance(event, cc.CCEventTry):
            self._offer = sdp_of(event.getData()[3])
            if event.max_forwards is not None:
                self._max_forwards = event.max_forwards
            self._tried()
        elif isinstance(event, cc.CCEventUpdate):
            self._renewed(event)
        elif isinstance(event, cc.CCEventInfo):
            self._info(event)
        elif isinstance(event, cc.CCEventDisconnect):
            self._caller_gone()

    def _renewed(self, event: Any) -> None:
        """Hold, resumption or another address of the caller."""
        if self.phase is not Phase.ANSWERED or self.line is None:
            self.leg.recvEvent(cc.CCEventFail((491, "Request Pending")))
            return
        answered = stack.guarded(lambda sdp: second.answer(self.leg, sdp))
        self.line.renew(second=False, offer=str(event.getData()), done=answered)

    def _info(self, event: Any) -> None:
        body = event.getData()
        digit = digits.of_info(str(body.getType()), str(body)) if body is not None else ""
        if digit:
            self._pressed("info", digit)
            talking = self.second.winner if self.second is not None and self.second.answered else None
            if talking is not None:
                talking.recvEvent(cc.CCEventInfo(body))

    def _pressed(self, way: str, digit: str) -> None:
        if self.presses.first(way, digit, self.server.clock.seconds()):
            self.feed(menu.Digit(digit))

    # --- before the answer: who calls ---

    def _tried(self) -> None:
        if not self._offer:
            self._fail(488)
            return
        self._wait("setup", WAIT_S, self._late)
        if self.reception.closed_to(self.calling):
            self._recognised(self.reception.stranger(self.calling, "too-many"))
            return
        desk, calling = self.reception.desk, self.calling
        self.server.background.read(lambda: (desk.recognise(calling),), self._read)

    def _late(self) -> None:
        """Neither desk nor charging have answered in time."""
        if self.phase is Phase.TRYING:
            self.log.error("access-call-late")
            self._fail(503)

    def _read(self, found: tuple[Caller | None] | None) -> None:
        if self.phase is not Phase.TRYING:
            return
        if found is None:  # the desk failed, which its log tells
            self._recognised(self.reception.stranger(self.calling, "unavailable"))
        elif found[0] is None:
            self._fail(404)
        else:
            self._recognised(found[0])

    @carries("KRY-4.4.1-caller-id")
    def _recognised(self, caller: Caller) -> None:
        self.caller = caller
        self.notes.caller(caller)
        self.log.info(
            "access-caller", refused=caller.refused, clause=caller.clause, account=caller.account, brand=caller.brand
        )
        if caller.refused in _UNKNOWN_CALLER:
            self.reception.guessed(self.calling)
        self.menu = self.reception.menu(caller)
        if self.menu is None:
            self._fail(503)
            return
        self.reception.lines.open_line(self.id, stack.guarded(self._opened))

    def _opened(self, line: Line | None) -> None:
        if self.phase is not Phase.TRYING:
            if line is not None:
                line.close()
            return
        if line is None:
            self._fail(503)
            return
        self.line = line
        line.on_digit = stack.guarded(lambda digit: self._pressed("line", digit))
        line.on_ended = stack.guarded(self.media_lost)
        line.answer(self._offer, stack.guarded(self._heard))

    def _heard(self, answer: str | None) -> None:
        if self.phase is not Phase.TRYING:
            return
        assert self.caller is not None
        if answer is None:
            self._fail(488 if self.server.media.online else 503)
        elif self.caller.refused:
            self._refuse(answer)
        else:
            request = self._own_leg(self.caller)
            self.server.background.ask(self._authorise(request), lambda grant: self._granted(grant, answer))

    @carries("KRY-3.2.2-operator")
    def _own_leg(self, caller: Caller) -> charging.AuthoriseCall:
        """The caller's own leg costs it nothing with us, and is on record: who answers at the access number is the operator."""
        return charging.AuthoriseCall(
            session=self.id,
            account=caller.account,
            terms=caller.terms,
            accepted_terms=caller.accepted_terms,
            number_class="geographic",
            destination=self.calling.access_number,
            at=self.server.civil.now(),
            caller=self.calling.digits,
            shown=self.calling.digits,
            direction="inbound",
            call_id=str(self.leg.cId)[:120],
            country=caller.country,
            family=self.id,
            via="access-leg",
            consumer=caller.consumer,
            by_minute=caller.by_minute,
        )

    async def _authorise(self, request: charging.AuthoriseCall) -> charging.Grant | charging.ChargingRefused:
        try:
            return await self.server.charging.authorise(request)
        except charging.ChargingRefused as refused:
            return refused

    def _granted(self, grant: charging.Grant | charging.ChargingRefused | None, answer: str) -> None:
        allowed = isinstance(grant, charging.Grant) and grant.decision.allowed
        self._authorised = (
            allowed or grant is None
        )  # nothing is known of a request that was lost: its settlement ends it
        if self.phase is not Phase.TRYING:
            self._settle("cancelled", "caller", 487)
            return
        assert self.caller is not None
        if allowed:
            self._answer(answer)
            return
        why = grant.message if isinstance(grant, charging.ChargingRefused) else "lost" if grant is None else "refused"
        self.log.warning("access-leg-not-authorised", detail=why)
        self.caller = replace(self.caller, refused="unavailable")
        self._refuse(answer)

    # --- refused, or let in ---

    @carries("KRY-4.4.1-caller-id")
    def _refuse(self, answer: str) -> None:
        """Say why before the call is answered, then refuse it."""
        assert self.caller is not None
        self.phase, self._refusal = Phase.REFUSING, CODES.get(self.caller.refused, REFUSED_CODE)
        self._wait("setup", ANNOUNCED_S, self._unheard)
        self.leg.recvEvent(cc.CCEventRing((183, "Session Progress", MsgBody(answer))))
        self.feed(menu.Begin(dict(self.caller.values), f"refused-{self.caller.refused}"))

    def _unheard(self) -> None:
        if self.phase is Phase.REFUSING:
            self._fail(self._refusal)

    def _answer(self, answer: str) -> None:
        assert self.caller is not None
        self._unwait("setup")
        self.phase, self.answered_at = Phase.ANSWERED, self.server.civil.now()
        self._answered_s = self.server.clock.seconds()
        figures.ANSWERED.inc()
        self.log.info("access-answered", account=self.caller.account, begins=self.caller.begins)
        self.leg.recvEvent(cc.CCEventConnect((200, "OK", MsgBody(answer))))
        dialog = {"caller": self.leg.dialog(self.server.local), "carrier": self.carrier}
        self.server.journal.answered(self.id, {**dialog, "answered_at": self.answered_at.isoformat()})
        self.notes.answered(self.answered_at)
        self.feed(menu.Begin(dict(self.caller.values), self.caller.begins))

    # --- the end ---

    def _caller_gone(self) -> None:
        """CANCEL, BYE, or an answer that was never acknowledged."""
        if self.phase in (Phase.ENDING, Phase.ENDED):
            self._over()
            return
        self.notes.outcome = self.notes.outcome or "caller"
        self.feed(menu.Gone("caller"))
        if self.phase is Phase.ANSWERED:
            self._end("caller")
        else:
            self._close()
            self._settle("cancelled", "caller", 487)
            self._over()

    def media_lost(self) -> None:
        self._lost("media-lost")

    def drop(self) -> bool:
        """The operator ends the call; False where it is over."""
        if self.phase in (Phase.ENDING, Phase.ENDED):
            return False
        self.log.warning("access-call-ended-by-operator")
        self._lost("operator")
        return True

    def _lost(self, why: str) -> None:
        if self.phase in (Phase.ENDING, Phase.ENDED):
            return
        self.notes.outcome = self.notes.outcome or why
        if self.second is not None:
            self.second.lost(why)
        self.feed(menu.Gone(why))
        if self.phase is Phase.ANSWERED:
            self._end(why)
        else:
            self._fail(503)

    def _fail(self, code: int) -> None:
        """A final failure for the caller, before the answer."""
        if self.phase not in (Phase.TRYING, Phase.REFUSING):
            return
        figures.REFUSED.labels(code=str(code)).inc()
        self.log.info("access-refused", sip_code=code, refused=self.caller.refused if self.caller else "")
        self._close()
        self._settle("refused" if code != 503 else "failed", "operator", code)
        event = cc.CCEventFail((code, responses.reason(code)))
        if code in (429, 503):
            event.extra_headers = (transactions.header("Retry-After", str(RETRY_AFTER_S)),)
        self.leg.silence()
        self.leg.recvEvent(event)
        self._over()

    def _end(self, ended_by: str) -> None:
        """The answered call ends: sound first, then what is still there of its legs, then the record."""
        if self.phase is not Phase.ANSWERED:
            return
        self.phase = Phase.ENDING
        self._close()
        measured_ms = round((self.server.clock.seconds() - self._answered_s) * 1000)
        figures.ENDED.labels(by=ended_by).inc()
        self.log.info("access-ended", by=ended_by, measured_ms=measured_ms)
        self._settle("answered", ended_by, 200, measured_ms)
        if ended_by == "caller" or self.leg.isDead() or self.leg.state is None:
            self._over()
            return
        self.leg.on_bye_answered = self._over
        self._wait("watchdog", float(self.server.options.bye_s), self._unanswered)
        self.leg.end()

    def _unanswered(self) -> None:
        figures.WATCHDOG.labels(leg="caller").inc()
        self.log.warning("watchdog", leg="caller", detail="BYE not answered; its media was removed with the cut")
        self._over()

    def _close(self) -> None:
        """No sound, no timer, no second leg any more."""
        for name in list(self._timers):
            self._unwait(name)
        if self.second is not None:
            self.second.drop()
        if self.line is not None:
            self.line.close()

    def _settle(self, disposition: str, ended_by: str, code: int, measured_ms: int | None = None) -> None:
        """Once, and only for a leg that charging may know of."""
        if self._settled or not self._authorised:
            return
        self._settled = True
        self.server.settlements.add(
            charging.SettleCall(
                session=self.id,
                at=self.server.civil.now(),
                answered_at=self.answered_at if measured_ms is not None else None,
                measured_ms=measured_ms or 0,
                disposition=disposition,
                ended_by=ended_by,
                sip_code=code,
                carrier=self.carrier,
            )
        )

    def _over(self) -> None:
        if self.phase is Phase.ENDED:
            return
        self.phase = Phase.ENDED
        self.leg.silence()
        for name in list(self._timers):
            self._unwait(name)
        self.notes.ended(self.server.civil.now())
        self.reception.forget(self)

    # --- timers ---

    def _wait(self, name: str, seconds: float, then: Any) -> None:
        self._unwait(name)

        def fired() -> None:
            self._timers.pop(name, None)
            then()

        self._timers[name] = stack.after(seconds, fired)

    def _unwait(self, name: str) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
