"""What passes between the legs of an answered call: re-INVITE (hold, resume, refresh) and INFO. SIP thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sippy import CCEvents as cc
from sippy.MsgBody import MsgBody

from cadran.voice.b2bua.legs import Leg
from cadran.voice.rules import events as ev

if TYPE_CHECKING:
    from cadran.voice.b2bua.session import Session


class Renegotiation:
    """At most one re-INVITE at a time; the other side's meanwhile gets 491."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._asker: Leg | None = None

    def heard(self, event: Any, leg: Leg, other: Leg | None) -> None:
        """An event of one leg of the answered call."""
        if self.session.call.state is not ev.State.ANSWERED or other is None:
            if isinstance(event, cc.CCEventUpdate):
                leg.recvEvent(cc.CCEventFail((491, "Request Pending")))
            return
        if isinstance(event, cc.CCEventUpdate):
            self._asked(event, leg, other)
        elif isinstance(event, cc.CCEventInfo):
            other.recvEvent(cc.CCEventInfo(event.getData()))
        elif isinstance(event, cc.CCEventConnect) and self._asker is other:
            self._answered(event, leg, other)
        elif isinstance(event, cc.CCEventFail) and self._asker is other:
            self._asker = None
            code, reason = event.getData()[:2]
            other.recvEvent(cc.CCEventFail((code, reason)))

    def _asked(self, event: Any, leg: Leg, other: Leg) -> None:
        if self._asker is not None:
            leg.recvEvent(cc.CCEventFail((491, "Request Pending")))
            return
        self._asker = leg

        def offered(sdp: str | None) -> None:
            if sdp is None:
                self._asker = None
                leg.recvEvent(cc.CCEventFail((488, "Not Acceptable Here")))
                return
            other.recvEvent(cc.CCEventUpdate(MsgBody(sdp)))

        self.session.sound.reoffer(leg is self.session.caller, str(event.getData()), offered)

    def _answered(self, event: Any, leg: Leg, asker: Leg) -> None:
        body = event.getData()[2]

        def answered(sdp: str | None) -> None:
            self._asker = None
            if sdp is None:
                asker.recvEvent(cc.CCEventFail((488, "Not Acceptable Here")))
            else:
                asker.recvEvent(cc.CCEventConnect((200, "OK", MsgBody(sdp))))

        sdp_in = str(body) if body is not None else ""
        self.session.sound.answer_to_reoffer(leg is self.session.caller, sdp_in, answered)
