"""The phone's registration (RFC 3261, section 10): kept alive, retried with growing pauses, given back at the end."""

from __future__ import annotations

import typing

from cadran.voice.phone import message
from cadran.voice.phone.message import Message

if typing.TYPE_CHECKING:
    from cadran.voice.phone.engine import Engine
    from cadran.voice.phone.transactions import Timer

LONGEST_PAUSE_S = 60.0


class Registration:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.registered = False
        self.code = 0
        self._identity = engine.token() + "@phone"
        self._tag = engine.token(32)
        self._sequence = 0
        self._tries = 0
        self._next: Timer | None = None

    def start(self, now: float, expires_s: int) -> None:
        """REGISTER with this lifetime; 0 gives the registration back."""
        if self._next:
            self._next.stop()
            self._next = None
        self._tries = 0
        engine = self._engine
        line = engine.line
        self._sequence += 1
        request = Message(method="REGISTER", uri=f"sip:{line.realm_host}")
        request.headers = [
            ("max-forwards", "70"),
            ("from", f"<{line.address_of_record}>;tag={self._tag}"),
            ("to", f"<{line.address_of_record}>"),
            ("call-id", self._identity),
            ("cseq", f"{self._sequence} REGISTER"),
            ("contact", engine.contact),
            ("expires", str(expires_s)),
            ("user-agent", line.agent),
        ]
        self._send(now, request, expires_s)

    def _send(self, now: float, request: Message, expires_s: int) -> None:
        self._engine.request(now, request, lambda at, response: self._answer(at, request, response, expires_s))

    def _answer(self, now: float, request: Message, response: Message | None, expires_s: int) -> None:
        if response and response.code < 200:
            return
        if response and response.code in (401, 407) and self._tries < 2:
            self._tries += 1
            if self._engine.authorise(request, response):
                self._sequence = request.sequence[0]
                self._send(now, request, expires_s)
                return
        self.code = response.code if response else 408
        if response and response.code < 300:
            self._accepted(now, response, expires_s)
            return
        self.registered = False
        reason = response.reason if response else "no answer"
        self._engine.tell("register_failed", code=self.code, reason=reason)
        if expires_s and self.code in (408, 500, 503, 504):
            self._next = self._engine.timers.at(now + self._pause(response), lambda at: self.start(at, expires_s))

    def _accepted(self, now: float, response: Message, expires_s: int) -> None:
        if not expires_s:
            self.registered = False
            self._engine.tell("unregistered", code=response.code)
            return
        granted = _granted(response, self._engine.local, expires_s)
        self.registered = True
        self._engine.tell("registered", code=response.code, expires=granted)
        pause = max(1.0, min(granted / 2, granted - 5) if granted > 10 else granted * 0.6)
        self._next = self._engine.timers.at(now + pause, lambda at: self.start(at, expires_s))

    def _pause(self, response: Message | None) -> float:
        text = response.first("retry-after").partition(";")[0].strip() if response else ""
        return min(float(text), LONGEST_PAUSE_S) if text.isdigit() and len(text) < 6 else 10.0


def _granted(response: Message, local: message.Address, asked_s: int) -> int:
    """The lifetime granted to our own contact."""
    texts = [
        message.parameter(contact, "expires")
        for contact in response.every("contact")
        if message.host_port(message.uri_of(contact)) == local
    ]
    for text in [*texts, response.first("expires")]:
        if text.isdigit() and 0 < int(text) < 10**7:
            return int(text)
    return asked_s
