"""One call of the phone: the INVITE session on either side (RFC 3261, sections 12 to 15)."""

from __future__ import annotations

import typing

from cadran.voice.phone import message, sdp
from cadran.voice.phone import transactions as layer
from cadran.voice.phone.message import Address, Message

if typing.TYPE_CHECKING:
    from cadran.voice.phone.engine import Engine

CALLING, RINGING, ANSWERED, ENDED = "calling", "ringing", "answered", "ended"


class Call:
    """States: calling (outbound, before the answer), ringing (inbound, before it), answered, ended."""

    def __init__(self, engine: Engine, key: str, uri: str, media_port: int) -> None:
        self._engine, self.key, self.peer, self.media_port = engine, key, uri, media_port
        self.inbound = False
        self.state = CALLING
        self.identity = f"{engine.token()}@{engine.local[0]}"
        self.tag, self.their_tag = engine.token(32), ""
        line = engine.line
        shown = f'"{line.display}" ' if line.display else ""
        self.ours, self.theirs = f"{shown}<{line.address_of_record}>;tag={self.tag}", f"<{uri}>"
        self.target = uri
        self.routes: list[str] = []
        self.sequence, self.their_sequence = 1, 0
        self.media: sdp.Media | None = None
        self.answered_at: float | None = None
        self.version = 1
        self._tries = 0
        self._invite: layer.ClientTransaction | None = None
        self._server: layer.ServerTransaction | None = None
        self._again: layer.Timer | None = None
        self._limit: layer.Timer | None = None
        self._giving_up = self._cancel_sent = False

    @classmethod
    def from_invite(
        cls, engine: Engine, key: str, request: Message, server: layer.ServerTransaction, media: sdp.Media
    ) -> Call:
        call = cls(engine, key, message.uri_of(request.first("from")), 0)
        call.inbound, call.state = True, RINGING
        call.identity = request.first("call-id")
        call.their_tag = message.parameter(request.first("from"), "tag")
        call.ours, call.theirs = f"{request.first('to')};tag={call.tag}", request.first("from")
        call.target = message.uri_of(request.every("contact")[0])
        call.routes = request.every("record-route")
        call.their_sequence = request.sequence[0]
        call.media = media
        call._server = server
        return call

    def matches(self, identity: str, ours: str, theirs: str, method: str) -> bool:
        if identity != self.identity or theirs != self.their_tag:
            return False
        return ours == self.tag or (not ours and method in ("CANCEL", "ACK") and self.inbound)

    # outbound

    def invite(self, now: float) -> None:
        line = self._engine.line
        request = self._request("INVITE", self.sequence)
        request.body = self._description(line.codecs, sdp.EVENTS)
        request.add("content-type", "application/sdp")
        request.add("allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO")
        self._engine.tell("calling", self.key, to=self.peer)
        self._limit = self._engine.timers.at(now + line.ring_limit_s, self.hang_up)
        self._send_invite(now, request)

    def _send_invite(self, now: float, request: Message) -> None:
        self._invite = self._engine.request(
            now, request, lambda at, response: self._answer(at, request, response), address=self._next_hop()
        )

    def _answer(self, now: float, request: Message, response: Message | None) -> None:
        if response is None:
            self._end(now, 408, "no answer from the server", "timeout")
            return
        tag = message.parameter(response.first("to"), "tag")
        if response.code < 200:
            self._progress(now, response)
        elif response.code < 300:
            self._accepted(now, response, tag)
        elif response.code in (401, 407) and self._tries < 2 and not self._giving_up:
            self._tries += 1
            if self._engine.authorise(request, response):
                self.sequence = request.sequence[0]
                self._send_invite(now, request)
            else:
                self._end(now, response.code, response.reason, "them")
        else:
            self._end(now, response.code, response.reason, "us" if self._giving_up else "them")

    def _progress(self, now: float, response: Message) -> None:
        if self._giving_up:
            self._cancel(now)
        if response.code == 100 or self.state != CALLING:
            return
        media = sdp.read(response.body) if response.body else None
        self._engine.tell("ringing", self.key, code=response.code, reason=response.reason)
        if media:
            self.media = media
            self._engine.tell("media", self.key, media=media)
            self._engine.tell("early", self.key, code=response.code)

    def _accepted(self, now: float, response: Message, tag: str) -> None:
        number = response.sequence[0]
        if self.state != CALLING:
            if tag == self.their_tag:
                self._acknowledge(number)
            return
        self.their_tag, self.theirs = tag, response.first("to")
        contacts = response.every("contact")
        if contacts and message.host_port(message.uri_of(contacts[0])):
            self.target = message.uri_of(contacts[0])
        self.routes = response.every("record-route")[::-1]
        self._acknowledge(number)
        self._established(now)
        media = sdp.read(response.body) if response.body else self.media
        if self._giving_up or media is None:
            self.hang_up(now)
            return
        self.media = media
        self._engine.tell("media", self.key, media=media)

    def _acknowledge(self, number: int) -> None:
        ack = self._request("ACK", number)
        host, port = self._engine.local
        ack.headers.insert(0, ("via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{self._engine.token()}"))
        self._engine.send(ack.encode(), self._next_hop())

    # inbound

    def ring(self, now: float) -> None:
        self._reply(now, 180, "Ringing")
        caller = message.user_of(self.peer) or self.peer
        name = message.name_of(self.theirs)
        self._engine.tell("incoming", self.key, caller=caller, name=name, uri=self.peer)
        self._limit = self._engine.timers.at(now + self._engine.line.ring_limit_s, lambda at: self.reject(at, 480))

    def answer(self, now: float, media_port: int) -> None:
        """Answers a ringing call; without an ACK it is ended after the life of a transaction."""
        if self.state != RINGING or not self._server or not self.media:
            return
        self.media_port = media_port
        self._reply(now, 200, "OK", self._agreed(self.media))
        self._established(now)
        self._engine.tell("media", self.key, media=self.media)
        self._again = self._engine.timers.at(now + layer.LIFE_S, self.hang_up)

    def acknowledged(self, now: float, request: Message) -> None:
        if self._again:
            self._again.stop()
        if self._server:
            self._server.acknowledged()

    def cancelled(self, now: float) -> None:
        if self.state == RINGING:
            self._reply(now, 487, "Request Terminated")
            self._end(now, 487, "cancelled by the caller", "them")

    def reject(self, now: float, code: int = 486) -> None:
        if self.state == RINGING:
            reasons = {486: "Busy Here", 603: "Decline", 480: "Temporarily Unavailable"}
            self._reply(now, code, reasons.get(code, "Refused"))
            self._end(now, code, reasons.get(code, "Refused"), "us")

    # both ways

    def hang_up(self, now: float) -> None:
        """Ends the call whatever its state: CANCEL, a refusal or BYE."""
        if self.state == RINGING:
            self.reject(now, 603)
        elif self.state == CALLING:
            self._giving_up = True
            if self._invite and self._invite.heard:
                self._cancel(now)
            self._engine.timers.at(now + layer.LIFE_S, lambda at: self._end(at, 487, "cancelled", "us"))
        elif self.state == ANSWERED:
            self.sequence += 1
            bye = self._request("BYE", self.sequence)
            self._engine.request(now, bye, lambda at, response: None, address=self._next_hop())
            self._end(now, 200, "hung up", "us")

    def request(self, now: float, request: Message, server: layer.ServerTransaction) -> None:
        """A request inside the call's dialog."""
        number = request.sequence[0]
        if number <= self.their_sequence:
            self._engine.reply(now, server, 500, "CSeq out of order", tag=self.tag)
            return
        self.their_sequence = number
        if request.method == "BYE":
            self._engine.reply(now, server, 200, "OK", tag=self.tag)
            if self.state == RINGING:
                self._reply(now, 487, "Request Terminated")
            self._end(now, 200, request.first("reason") or "hung up", "them")
        elif request.method == "INVITE":
            self._changed(now, request, server)
        elif request.method in ("INFO", "OPTIONS", "UPDATE", "MESSAGE", "NOTIFY"):
            known = request.method in ("INFO", "OPTIONS")
            self._engine.reply(now, server, 200 if known else 405, "OK" if known else "Not Allowed", tag=self.tag)
        else:
            self._engine.reply(now, server, 501, "Not Implemented", tag=self.tag)

    def _changed(self, now: float, request: Message, server: layer.ServerTransaction) -> None:
        """A re-INVITE: hold, resume, a new address, or the same again."""
        if self.state != ANSWERED:
            self._engine.reply(now, server, 491, "Request Pending", tag=self.tag)
            return
        media = sdp.read(request.body) if request.body else self.media
        if media is None:
            self._engine.reply(now, server, 488, "Not Acceptable Here", tag=self.tag)
            return
        contacts = request.every("contact")
        if contacts and message.host_port(message.uri_of(contacts[0])):
            self.target = message.uri_of(contacts[0])
        self.version += 1
        self.media, self._server = media, server
        self._engine.reply(now, server, 200, "OK", tag=self.tag, body=self._agreed(media))
        self._engine.tell("media", self.key, media=media)

    def _established(self, now: float) -> None:
        self.state, self.answered_at = ANSWERED, now
        if self._limit:
            self._limit.stop()
        self._engine.tell("answered", self.key, code=200)

    def _end(self, now: float, code: int, reason: str, by: str) -> None:
        if self.state == ENDED:
            return
        seconds = now - self.answered_at if self.answered_at is not None else 0.0
        self.state = ENDED
        for timer in (self._again, self._limit):
            if timer:
                timer.stop()
        self._engine.calls.pop(self.key, None)
        self._engine.tell("ended", self.key, code=code, reason=reason, by=by, seconds=round(seconds, 3))

    def _cancel(self, now: float) -> None:
        if not self._invite or self._cancel_sent or self._invite.final:
            return
        self._cancel_sent = True
        invite = self._invite.request
        cancel = Message(method="CANCEL", uri=invite.uri)
        for name in ("via", "max-forwards", "from", "to", "call-id"):
            cancel.add(name, invite.first(name))
        for route in invite.every("route"):
            cancel.add("route", route)
        cancel.add("cseq", f"{invite.sequence[0]} CANCEL")
        self._engine.start(now, cancel, lambda at, response: None, self._invite.address)

    def _request(self, method: str, number: int) -> Message:
        request = Message(method=method, uri=self.target)
        for route in self.routes:
            request.add("route", route)
        request.add("max-forwards", "70")
        request.add("from", self.ours)
        request.add("to", self.theirs)
        request.add("call-id", self.identity)
        request.add("cseq", f"{number} {method}")
        request.add("contact", self._engine.contact)
        request.add("user-agent", self._engine.line.agent)
        return request

    def _next_hop(self) -> Address:
        """The first route, else the other side's contact; before the dialog stands, and for a name, the server."""
        if self.their_tag:
            found = message.host_port(message.uri_of(self.routes[0]) if self.routes else self.target)
            if found and found[0].replace(".", "").isdigit():
                return found
        return self._engine.line.server

    def _reply(self, now: float, code: int, reason: str, body: bytes = b"") -> None:
        if self._server:
            self._engine.reply(now, self._server, code, reason, tag=self.tag, body=body)

    def _agreed(self, media: sdp.Media) -> bytes:
        known = tuple(codec for codec in media.codecs if codec in self._engine.line.codecs)
        return self._description(known[:1] or media.codecs[:1], media.events, sdp.answering(media))

    def _description(self, codecs: tuple[int, ...], events: int | None, direction: str = "sendrecv") -> bytes:
        return sdp.write(
            host=self._engine.local[0],
            port=self.media_port,
            codecs=codecs,
            events=events,
            version=self.version,
            direction=direction,
        )
