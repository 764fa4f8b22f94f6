"""One leg of a call: sippy's user agent with the gaps closed that its callers must not have to know of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sippy.CCEvents import CCEventTry
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.UA import UA
from sippy.UaStateGeneric import UaStateGeneric

from cadran.voice.b2bua import stack, transactions
from cadran.voice.rules import responses

log = structlog.get_logger("voice.legs")
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"
_KNOWN = {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO"}
_NOT_OURS = {"UPDATE", "PRACK", "REFER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH", "REGISTER"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Where and as whom a leg goes out. uri: request URI; next_hop: IP and port; pin: see transactions.pin_url."""

    uri: str
    next_hop: tuple[str, int]
    pin: str
    from_user: str
    from_host: str
    from_name: str
    call_id: str
    headers: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()
    login: tuple[str, str] = field(default=("", ""), repr=False)
    max_forwards: int = 70


class Leg(UA):  # type: ignore[misc]
    """A user agent whose BYE is watched, whose next hop is pinned, and that answers every request it gets."""

    godead_timeout = 6.0

    def __init__(
        self,
        config: Mapping[str, Any],
        on_event: Callable[[Any, Leg], None],
        *,
        pin: str = "names",
        next_hop: tuple[str, int] | None = None,
        key: str = "",
    ) -> None:
        super().__init__(config, event_cb=stack.guarded(on_event), nh_address=next_hop, nh_transport="udp")
        self.pin, self.key = pin, key
        self.lContact = SipContact()
        self.lContact.getUri().name = None  # sippy writes Anonymous there, and sipp cannot read it
        self.on_bye_answered: Callable[[], None] | None = None
        self.last_sdp: str | None = None

    # --- what the call asks of it ---

    def invite(self, out: Outgoing, sdp: str) -> None:
        """Send the INVITE of this leg."""
        if out.login[0]:
            self.setAuth(*out.login)
        event = CCEventTry((SipCallId(out.call_id), out.from_user, "", MsgBody(sdp), None, out.from_name))
        event.max_forwards = out.max_forwards
        event.extra_headers = tuple(transactions.header(name, value) for name, value in out.headers)

        def addressed(leg: Leg) -> None:
            leg.rTarget = SipURL(out.uri)
            to = SipURL(out.uri)
            leg.rUri = SipTo(
                address=SipAddress(url=SipURL(username=to.username, host=to.host, port=to.port), hadbrace=True)
            )
            leg.lUri.getUrl().host = out.from_host
            leg.lUri.getUrl().port = None
            leg.routes = [SipRoute(value) for value in out.path]
            for route in leg.routes:
                route.parse()
            leg.rTarget.pinned = out.next_hop

        event.onUacSetupComplete = addressed
        self.recvEvent(event)

    def end(self) -> None:
        """BYE, CANCEL or nothing, whatever its state asks for; its own events are not heard any more."""
        self.event_cb = None
        if self.state is not None and not self.isDead():
            self.disconnect()

    def silence(self) -> None:
        """Forget who listens: the call is over, the user agent lingers a few seconds."""
        self.event_cb = None
        self.on_bye_answered = None

    # --- what sippy lacks ---

    def recvRequest(self, req: Any, sip_t: Any) -> Any:
        method = req.getMethod()
        generic = self.state is not None and type(self.state).recvRequest is UaStateGeneric.recvRequest
        if generic and (method not in self.state.recv_request_handlers or method == "REFER"):
            known = method in _KNOWN | _NOT_OURS
            code = 491 if method == "INVITE" else 481 if method in _KNOWN else 405 if known else 501
            answer = req.genResponse(code, "Request Pending" if code == 491 else responses.reason(code))
            answer.appendHeader(transactions.header("Allow", ALLOW))
            return answer, None, None
        return super().recvRequest(req, sip_t)

    def newTransaction(self, req: Any, req_extra_headers: Any = None, **given: Any) -> Any:
        if req.getMethod() == "BYE" and "resp_cb" not in given:
            given["resp_cb"] = stack.guarded(self._bye_response)
        made = super().newTransaction(req, req_extra_headers, **given)
        made.pin = self.pin
        return made

    def _bye_response(self, response: Any) -> None:
        if response.getSCode()[0] >= 200 and self.on_bye_answered is not None:
            answered, self.on_bye_answered = self.on_bye_answered, None
            answered()

    # --- the dialog on paper ---

    def dialog(self, local: tuple[str, int]) -> dict[str, Any]:
        """What another process needs to end this dialog: identifiers, URIs with tags, target, routes, CSeq, next hop."""
        where = (local, "udp")
        return {
            "call_id": str(self.cId),
            "local": self.lUri.localStr(where),
            "remote": self.rUri.localStr(where),
            "target": self.rTarget.localStr(where),
            "routes": [route.localStr(where) for route in self.routes],
            "cseq": int(self.lCSeq),
            "next_hop": list(self.rAddr[0]),
        }

    @classmethod
    def from_dialog(cls, config: Mapping[str, Any], paper: Mapping[str, Any], *, gap: int = 1000) -> Leg:
        """A leg of an earlier process, fit to send BYE. gap: how far its CSeq is raised above the noted one."""
        leg = cls(config, lambda _event, _leg: None, pin="hidden", next_hop=tuple(paper["next_hop"]))
        leg.cId = SipCallId(paper["call_id"])
        leg.lUri, leg.rUri = SipFrom(paper["local"]), SipTo(paper["remote"])
        leg.lUri.parse(), leg.rUri.parse()
        leg.rTarget = SipURL(paper["target"])
        leg.routes = [SipRoute(text) for text in paper["routes"]]
        for route in leg.routes:
            route.parse()
        leg.rAddr = (tuple(paper["next_hop"]), "udp")
        leg.lCSeq = int(paper["cseq"]) + gap
        config["_sip_tm"].regConsumer(leg, str(leg.cId))
        leg.changeState((leg.UaStateConnected,))
        return leg
