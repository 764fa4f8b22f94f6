"""Transactions behind a gate: rubbish and overload never reach the parser, errors are answered, next hops are pinned."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import structlog
from sippy.SipHeader import SipHeader
from sippy.SipTransactionManager import SipTransactionManager

from cadran.units.clock import MonotonicClock
from cadran.voice.b2bua import figures, retransmissions, stack
from cadran.voice.rules import admission, datagrams, responses

log = structlog.get_logger("voice.transactions")
OVERLOAD_RETRY_S = 5
_TABLE = 20_000


class Transactions(SipTransactionManager):  # type: ignore[misc]
    """sippy's transaction layer with admission control in front and containment around."""

    model_udp_server = (stack.UdpServer, stack.UdpOptions)

    def __init__(
        self,
        global_config: dict[str, Any],
        on_request: Callable[[Any, Any], Any],
        *,
        gate: admission.Admission,
        clock: MonotonicClock,
        trusted: Callable[[tuple[str, int]], bool],
        challenge: Callable[[str], list[tuple[str, str]] | None],
    ) -> None:
        """trusted: whether requests from there need no credentials. challenge: the headers that demand them of a User-Agent,
        or None where a call would be refused anyway."""
        self.gate, self.clock, self.trusted, self.challenge = gate, clock, trusted, challenge
        self._on_request = on_request
        self._told = admission.TokenBucket(1)
        super().__init__(global_config, self._contained)
        theirs: Any = self.cp_timer
        theirs.cancel()
        self.l1rcache: Any = retransmissions.Answers()
        self.cp_timer: Any = stack.every(retransmissions.TURN_S, self.rCachePurge)

    def handleIncoming(self, data_in: bytes, ra: Any, server: Any, rtime: Any) -> None:
        """The way in of every datagram."""
        now = self.clock.seconds()
        self.gate.lag.observe(max(0.0, rtime.offsetFromNow()), now)
        try:
            data_in.decode()
        except UnicodeDecodeError:
            figures.DROPPED.labels(why="encoding").inc()
            return
        if not datagrams.is_sip(data_in):
            figures.DROPPED.labels(why="not-sip").inc()
            return
        method = datagrams.new_method(data_in)
        if method in ("INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "MESSAGE", "PUBLISH", "NOTIFY"):
            paid = datagrams.has_credentials(data_in) or self.trusted(ra.address)
            full = len(self.tserver) > _TABLE
            decision = admission.Gate.DROP if full else self.gate.decide(method, now, paid=paid)
            if decision is not admission.Gate.OPEN:
                self._turn_away(data_in, ra.address, server, method, decision)
                return
            if method == "INVITE" and not paid and self._challenged(data_in, ra.address, server):
                return
        elif datagrams.acknowledges_stateless(data_in):
            return
        super().handleIncoming(data_in, ra, server, rtime)

    def _challenged(self, data: bytes, source: Any, server: Any) -> bool:
        """Demand credentials without a transaction and before anything is parsed (RFC 3261, 8.2.7): half of all INVITEs end here.
        False where the stack must look at it."""
        if not datagrams.plain_invite(data) or (headers := self.challenge(datagrams.agent(data))) is None:
            return False
        reply = datagrams.stateless_reply(data, 401, responses.reason(401), source=source, headers=headers)
        if reply is None:
            return False
        server.send_to(reply, source)
        return True

    def rCachePurge(self) -> None:
        self.l1rcache.turn()
        self.l4r.rotateCache()

    def _turn_away(self, data: bytes, source: Any, server: Any, method: str, decision: admission.Gate) -> None:
        figures.ADMISSION.labels(method=method, how=decision.value).inc()
        now = self.clock.seconds()
        if self._told.take(now):
            log.warning(
                "overload", method=method, decision=decision.value, lag_ms=round(self.gate.lag.seconds(now) * 1000)
            )
        if decision is admission.Gate.DROP:
            return
        reply = datagrams.stateless_reply(
            data, 503, responses.reason(503), source=source, retry_after_s=OVERLOAD_RETRY_S
        )
        if reply is not None:
            server.send_to(reply, source)

    def _contained(self, request: Any, transaction: Any) -> Any:
        try:
            return self._on_request(request, transaction)
        except Exception:
            figures.ERRORS.labels(where="request").inc()
            log.exception("request-failed", method=request.getMethod())
            return request.genResponse(500, responses.reason(500)), None, None

    def incomingResponse(self, msg: Any, t: Any, checksum: Any) -> None:
        """The Contact of a response gets the next hop that its transaction demands (see Leg.pin)."""
        pin = getattr(t, "pin", "")
        if pin and msg.countHFs("contact") > 0 and t.address is not None:
            contact = msg.getHFBody("contact")
            if not contact.asterisk:
                pin_url(contact.getUrl(), pin, t.address)
        super().incomingResponse(msg, t, checksum)


def pin_url(url: Any, pin: str, address: tuple[str, int]) -> None:
    """Send what is meant for this URI to `address` where its own host cannot be reached: pin 'names' for a host that is no IP
    address, 'hidden' for a private address as well, unless it is the one that the message came from."""
    if not stack.is_ip(url.host) or (pin == "hidden" and hidden(str(url.host), address[0])):
        url.pinned = (str(address[0]), int(address[1]))


def hidden(host: str, source_host: str) -> bool:
    """Whether the host lies behind a network address translator, as seen from here."""
    return host != source_host and not ipaddress.IPv4Address(host).is_global


def raw_headers(message: Any, name: str) -> list[str]:
    """The values of a header as they came, unparsed."""
    return [str(header.body.body if header.body.body is not None else header.body) for header in message.getHFs(name)]


def header(name: str, value: str) -> Any:
    """A header of any name with this value, sent as it stands."""
    return SipHeader(name=name, body=_Plain(value, name))


class _Plain:
    """A header body that sippy neither parses nor changes."""

    parsed = True
    body = None

    def __init__(self, value: str, name: str) -> None:
        self.value, self.shown_name = value, name
        self.hf_names = (name.lower(),)

    def __str__(self) -> str:
        return self.value

    def localStr(self, local_addr: object = None) -> str:
        return self.value

    def getCopy(self) -> _Plain:
        return _Plain(self.value, self.shown_name)

    def getCanName(self, name: str, compact: bool = False) -> str:
        return self.shown_name
