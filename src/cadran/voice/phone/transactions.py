"""Client and server transactions over UDP (RFC 3261, section 17), and the timers that all of the engine shares."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from cadran.voice.phone.message import Address, Message

T1_S = 0.5
T2_S = 4.0
LIFE_S = 64 * T1_S
Send = Callable[[bytes, Address], None]


class Timer:
    __slots__ = ("act",)

    def __init__(self, act: Callable[[float], None]) -> None:
        self.act: Callable[[float], None] | None = act

    def stop(self) -> None:
        self.act = None


class Timers:
    """Acts due at an instant of the monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()

    def at(self, when: float, act: Callable[[float], None]) -> Timer:
        timer = Timer(act)
        heapq.heappush(self._heap, (when, next(self._count), timer))
        return timer

    def due(self) -> float | None:
        """The next instant at which run() has something to do."""
        while self._heap and self._heap[0][2].act is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        while (when := self.due()) is not None and when <= now:
            timer = heapq.heappop(self._heap)[2]
            act, timer.act = timer.act, None
            if act:
                act(now)


class ClientTransaction:
    """A request sent until it is answered. `on_response(now, response)` gets each response; None when there is none."""

    __slots__ = (
        "_again",
        "_end",
        "_interval",
        "_send",
        "_timers",
        "address",
        "final",
        "heard",
        "on_response",
        "request",
    )

    def __init__(
        self,
        now: float,
        request: Message,
        address: Address,
        send: Send,
        timers: Timers,
        on_response: Callable[[float, Message | None], None],
    ) -> None:
        self.request, self.address, self.on_response = request, address, on_response
        self._send, self._timers = send, timers
        self.final = self.heard = False
        self._interval = T1_S
        send(request.encode(), address)
        self._again: Timer = timers.at(now + T1_S, self._repeat)
        self._end: Timer = timers.at(now + LIFE_S, self._give_up)

    def _repeat(self, now: float) -> None:
        self._send(self.request.encode(), self.address)
        if self.request.method == "INVITE":
            self._interval *= 2
        else:
            self._interval = T2_S if self.heard else min(2 * self._interval, T2_S)
        self._again = self._timers.at(now + self._interval, self._repeat)

    def _give_up(self, now: float) -> None:
        self.stop()
        if not self.final:
            self.final = True
            self.on_response(now, None)

    def receive(self, now: float, response: Message) -> None:
        invite = self.request.method == "INVITE"
        if response.code < 200:
            self.heard = True
            if invite:
                self._again.stop()
                self._end.stop()
            if not self.final:
                self.on_response(now, response)
            return
        first, self.final = not self.final, True
        self._again.stop()
        if invite and response.code >= 300:
            self._send(self._ack(response).encode(), self.address)
        if first or (invite and response.code < 300):
            self.on_response(now, response)

    def _ack(self, response: Message) -> Message:
        request = self.request
        ack = Message(method="ACK", uri=request.uri)
        ack.add("via", request.first("via"))
        for route in request.every("route"):
            ack.add("route", route)
        ack.add("max-forwards", "70")
        ack.add("from", request.first("from"))
        ack.add("to", response.first("to"))
        ack.add("call-id", request.first("call-id"))
        ack.add("cseq", f"{request.sequence[0]} ACK")
        return ack

    def stop(self) -> None:
        self._again.stop()
        self._end.stop()


class ServerTransaction:
    """A request received: its last response is repeated when it comes again, and a refusal of INVITE until its ACK."""

    __slots__ = ("_again", "_interval", "_last", "_send", "_timers", "address", "code", "request")

    def __init__(self, request: Message, address: Address, send: Send, timers: Timers) -> None:
        self.request, self.address = request, address
        self._send, self._timers = send, timers
        self._last = b""
        self._again: Timer | None = None
        self._interval = T1_S
        self.code = 0

    def respond(self, now: float, response: Message) -> None:
        self.code, self._last = response.code, response.encode()
        self._send(self._last, self.address)
        if self.request.method == "INVITE" and response.code >= 200:
            self._interval = T1_S
            self._again = self._timers.at(now + T1_S, self._repeat)

    def _repeat(self, now: float) -> None:
        if self._interval >= 16 * T1_S:  # some eight seconds without an ACK
            return
        self.again()
        self._interval = min(2 * self._interval, 16 * T1_S)
        self._again = self._timers.at(now + min(self._interval, T2_S), self._repeat)

    def again(self) -> None:
        if self._last:
            self._send(self._last, self.address)

    def acknowledged(self) -> None:
        if self._again:
            self._again.stop()


def response_to(request: Message, code: int, reason: str, *, tag: str) -> Message:
    """The response's skeleton (RFC 3261, section 8.2.6)."""
    response = Message(code=code, reason=reason)
    for name, value in request.headers:
        if name in ("via", "record-route", "from", "call-id", "cseq"):
            response.add(name, value)
        elif name == "to":
            response.add(name, value if ";tag=" in value.lower() or code == 100 else f"{value};tag={tag}")
    return response
