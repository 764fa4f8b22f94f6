"""The carrier's SIP side on sippy: one user agent per call, all in the thread of sippy's event loop."""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

os.environ.setdefault("SIPLOG_BEND", "none")

from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventRing,
    CCEventTry,
    CCEventUpdate,
)
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipConf import SipConf
from sippy.SipHeader import SipHeader
from sippy.SipLogger import SipLogger
from sippy.SipTransactionManager import SipTransactionManager
from sippy.SipURL import SipURL
from sippy.Time.Timeout import Timeout
from sippy.UA import UA
from sippy.Udp_server import Udp_server_opts

from cadran_sandbox.carrier import behaviours, media, sound

CALLS_KEPT = 1_000
ANSWER_LIMIT_S = 180
QUIET_LIMIT_S = 120
SWEEP_S = 5
MOST_NOTES = 1_000
EARLY_HZ = 440
TONE_FRAMES = 50

Udp_server_opts.nworkers = 1  # several sender threads would let a 200 overtake a 180


def _transport_address(url: Any) -> tuple[Any, str]:
    """A contact with transport=tcp or UDP in capitals would make sippy's BYE raise: this network speaks UDP alone."""
    return url.getAddr(), "udp"


SipURL.getTAddr = _transport_address


def _note_briefly(message: str, *_: Any, **__: Any) -> None:
    """In place of sippy's own report, which writes out a whole hostile datagram each time: a line, and not too many."""
    global _notes
    _notes += 1
    if _notes <= MOST_NOTES:
        error = sys.exc_info()[1]
        print(
            f"carrier: {message}: {type(error).__name__} {error}"[:200].replace("\n", " "), file=sys.stderr, flush=True
        )


_notes = 0
for _module in [found for name, found in sys.modules.items() if name.startswith("sippy.")]:
    if hasattr(_module, "dump_exception") and _module.__name__ != "sippy.Core.Exceptions":
        _module.dump_exception = _note_briefly  # type: ignore[attr-defined]


def guarded(act: Callable[..., Any]) -> Callable[..., Any]:
    """sippy swallows errors of its callbacks: at least they are told."""

    def run(*args: Any) -> Any:
        try:
            return act(*args)
        except Exception:  # noqa: BLE001 - the edge of someone else's event loop
            print(traceback.format_exc(), file=sys.stderr, flush=True)
            return None

    return run


def read_sdp(body: Any) -> tuple[str, int, int, int | None, bool] | None:
    """Host, port, our codec, payload type of events, and whether the other side listens."""
    text = str(body) if body is not None else ""
    stream = re.search(r"(?m)^m=audio (\d{1,5}) RTP/AVPF? ([\d ]+)", text)
    host = re.search(r"(?m)^c=IN IP4 ([\d.]+)", text)
    if not stream or not host or not 0 < int(stream[1]) < 65536:
        return None
    codec = next((int(kind) for kind in stream[2].split() if kind in ("0", "8")), None)
    events = re.search(r"(?mi)^a=rtpmap:(\d{1,3}) telephone-event/8000", text)
    if codec is None:
        return None
    listens = not re.search(r"(?m)^a=(sendonly|inactive)", text) and host[1] != "0.0.0.0"  # noqa: S104
    return host[1], int(stream[1]), codec, int(events[1]) if events else None, listens


def write_sdp(host: str, port: int, codecs: tuple[int, ...], events: int | None) -> Any:
    names = {sound.PCMU: "PCMU/8000", sound.PCMA: "PCMA/8000"}
    kinds = [*codecs, *([events] if events is not None else [])]
    lines = ["v=0", f"o=- {port} 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    lines.append(f"m=audio {port} RTP/AVP {' '.join(map(str, kinds))}")
    lines += [f"a=rtpmap:{codec} {names[codec]}" for codec in codecs]
    if events is not None:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-16"]
    return MsgBody("".join(f"{line}\r\n" for line in [*lines, "a=ptime:20", "a=sendrecv"]))


class Agent(UA):  # type: ignore[misc]
    """sippy's user agent, which can be told to ignore BYE."""

    deaf = False

    def recvRequest(self, request: Any, transaction: Any) -> Any:
        if self.deaf and request.getMethod() == "BYE":
            return None
        return super().recvRequest(request, transaction)


class Call:
    """One call, in either direction. `inbound` is seen from the operator: placed by the public network."""

    def __init__(self, exchange: Exchange, number: str, *, inbound: bool) -> None:
        self.exchange, self.number, self.inbound = exchange, number, inbound
        exchange.count += 1
        self.id = f"{exchange.name}-{exchange.count}"
        self.caller = self.display = self.asserted = self.privacy = self.call_id = ""
        self.state, self.code, self.ended_by, self.behaviour = "trying", 0, "", "normal"
        self.began, self.changed = time.time(), time.monotonic()
        self.answered: float | None = None
        self.ended: float | None = None
        self.ear: media.Ear | None = None
        self.last: dict[str, object] = {}
        self.agent = Agent(exchange.config, guarded(self.event))
        self._timers: list[Any] = []
        self._plan = behaviours.NORMAL

    def plain(self) -> dict[str, object]:
        now = time.monotonic()
        figures = self.ear.figures(now) if self.ear else self.last
        talked = 0.0 if self.answered is None else (self.ended or now) - self.answered
        return {
            "id": self.id,
            "call_id": self.call_id,
            "direction": "inbound" if self.inbound else "outbound",
            "number": self.number,
            "caller": self.caller,
            "display": self.display,
            "asserted": self.asserted,
            "privacy": self.privacy,
            "behaviour": self.behaviour,
            "state": self.state,
            "code": self.code,
            "ended_by": self.ended_by,
            "began": round(self.began, 3),
            "seconds": round(talked, 3),
            **figures,
        }

    # a call from the operator

    def plan(self, request: Any, behaviour: behaviours.Behaviour) -> None:
        self._plan, self.behaviour = behaviour, behaviour.name
        self.agent.deaf = behaviour.deaf
        origin = request.getHFBody("from")
        self.caller = str(origin.getUrl().username or "")
        self.display = str(origin.getUri().name or "")
        self.call_id = str(request.getHFBody("call-id"))
        self.asserted = ", ".join(str(found) for found in request.getHFBodys("p-asserted-identity"))
        self.privacy = ", ".join(str(found) for found in request.getHFBodys("privacy"))

    def event(self, event: Any, agent: Any) -> None:
        if isinstance(event, CCEventTry):
            self._tried(event.getData()[3])
        elif isinstance(event, CCEventUpdate):
            self._changed(event.getData())
        elif isinstance(event, CCEventRing):
            self.state = "ringing" if self.state == "trying" else self.state
        elif isinstance(event, CCEventConnect):
            self._connected(event.getData()[2])
        elif isinstance(event, CCEventFail):
            self.code = event.getData()[0]
            self.end("operator")
        elif isinstance(event, CCEventDisconnect):
            self.end("operator")

    def _tried(self, body: Any) -> None:
        plan = self._plan
        if plan.refuse and not plan.ring_s:
            self.refuse(plan.refuse)
            return
        offer = read_sdp(body)
        if offer is None:
            self.refuse(488)
            return
        try:
            self.ear = self.exchange.media.open()
        except OSError:
            self.refuse(503)
            return
        self._hear(offer)
        self.state = "ringing"
        if plan.early_s:
            self.agent.recvEvent(CCEventRing((183, "Session Progress", self._answer_sdp(offer))))
            self._play(EARLY_HZ, frames=int(plan.early_s * TONE_FRAMES))
            self._later(plan.early_s, lambda: self._pick_up(offer))
            return
        self.agent.recvEvent(CCEventRing((180, "Ringing", None)))
        if plan.refuse:
            self._later(plan.ring_s or 0.0, lambda: self.refuse(plan.refuse))
        elif plan.ring_s is not None:
            self._later(plan.ring_s, lambda: self._pick_up(offer))

    def refuse(self, code: int) -> None:
        self.code = code
        self.agent.recvEvent(CCEventFail((code, behaviours.REASONS.get(code, "Refused"))))
        self.end("carrier")

    def _pick_up(self, offer: tuple[str, int, int, int | None, bool]) -> None:
        if self.state != "ringing":
            return
        self.agent.recvEvent(CCEventConnect((200, "OK", self._answer_sdp(offer))))
        self._established()

    def _answer_sdp(self, offer: tuple[str, int, int, int | None, bool]) -> Any:
        assert self.ear
        return write_sdp(self.exchange.host, self.ear.port, (offer[2],), offer[3])

    def _changed(self, body: Any) -> None:
        """A re-INVITE of the operator: another address, hold, or a refresh."""
        offer = read_sdp(body)
        if offer is None or not self.ear:
            self.agent.recvEvent(CCEventFail((488, "Not Acceptable Here")))
            return
        self._hear(offer)
        self.agent.recvEvent(CCEventConnect((200, "OK", self._answer_sdp(offer))))

    # a call to the operator

    def place(self, *, caller: str, via: tuple[str, int], seconds: float, hide: bool, name: str) -> None:
        self.caller, self.display = caller, name
        self._plan = behaviours.Behaviour("normal", hang_up_s=seconds)
        self.ear = self.exchange.media.open()
        self.agent.setNextHop(via, "udp")
        self.agent.expire_time = ANSWER_LIMIT_S
        shown = "anonymous" if hide else caller
        asserted = f"<sip:{caller}@{self.exchange.host}>"
        headers = [SipHeader(f"P-Asserted-Identity: {asserted}")]
        self.asserted = asserted
        if hide:
            headers.append(SipHeader("Privacy: id"))
            self.privacy = "id"
        event = CCEventTry(
            (None, shown, self.number, write_sdp(self.exchange.host, self.ear.port, (8, 0), 101), None, name or None)
        )
        event.extra_headers = headers
        self.agent.recvEvent(event)
        self.call_id = str(self.agent.cId)

    def _connected(self, body: Any) -> None:
        if not self.inbound or self.state == "answered":
            return
        if answer := read_sdp(body if body is not None else self.agent.rSDP):
            self._hear(answer)
        self._established()

    # both

    def _established(self) -> None:
        self.state, self.code = "answered", 200
        self.answered = self.changed = time.monotonic()
        plan = self._plan
        if not plan.silent:
            self._play(self.exchange.tone_hz, frames=60 * TONE_FRAMES if plan.deaf else TONE_FRAMES, echo=True)
        if plan.hang_up_s is not None:
            self._later(plan.hang_up_s, self.hang_up)

    def hang_up(self) -> None:
        if self.state == "ended":
            return
        self.agent.recvEvent(CCEventDisconnect())
        self.end("carrier")

    def end(self, by: str) -> None:
        if self.state == "ended":
            return
        self.state, self.ended_by, self.ended = "ended", by, time.monotonic()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if ear := self.ear:
            self.last, self.ear = ear.figures(time.monotonic()), None
            self.exchange.media.close(ear)
        self.code = self.code or 487
        self.exchange.live.discard(self)
        self.exchange.calls[self.id] = self.plain()  # the user agent, which is large, is let go

    def _later(self, pause_s: float, act: Callable[[], None]) -> None:
        self._timers.append(Timeout(guarded(act), max(0.001, pause_s)))

    def _hear(self, offer: tuple[str, int, int, int | None, bool]) -> None:
        host, port, codec, events, listens = offer
        if ear := self.ear:

            def agree() -> None:
                ear.to = (host, port) if listens else None
                ear.codec = codec
                ear.events = events if events is not None else ear.events

            self.exchange.media.do(agree)

    def _play(self, hertz: int, *, frames: int, echo: bool = False) -> None:
        if ear := self.ear:

            def play() -> None:
                ear.hertz, ear.frames_left, ear.echo = hertz, frames, echo

            self.exchange.media.do(play)


class Exchange:
    """Takes the operator's requests and keeps the calls; to be used in the thread of sippy's event loop only."""

    def __init__(self, *, name: str, host: str, port: int, most_calls: int, tone_hz: int, lines: media.Media) -> None:
        self.name, self.host, self.most_calls, self.tone_hz, self.media = name, host, most_calls, tone_hz, lines
        self.count = 0
        self.live: set[Call] = set()
        self.calls: OrderedDict[str, Call | dict[str, object]] = OrderedDict()
        self.told: dict[str, behaviours.Behaviour] = {}
        SipConf.my_uaname = f"cadran-sandbox-carrier-{name}"
        self.config: dict[str, Any] = {"_sip_address": host, "_sip_port": port, "_sip_logger": SipLogger("carrier")}
        self.config["_sip_tm"] = SipTransactionManager(self.config, guarded(self.request))
        Timeout(guarded(self.sweep), SWEEP_S, -1)

    def request(self, request: Any, transaction: Any) -> Any:
        method = request.getMethod()
        if request.getHFBody("to").getTag() is not None:
            return request.genResponse(481, "Call Leg/Transaction Does Not Exist"), None, None
        if method == "OPTIONS":
            return request.genResponse(200, "OK"), None, None
        if method != "INVITE":
            return request.genResponse(405, "Method Not Allowed"), None, None
        if not request.countHFs("contact"):
            return request.genResponse(400, "No Contact"), None, None
        if len(self.live) >= self.most_calls:
            return request.genResponse(503, "Too Many Calls"), None, None
        number = str(request.getRURI().username or "")
        call = Call(self, number, inbound=False)
        call.plan(request, behaviours.choose(number, self.told, first_choice=self.name == "one"))
        self._keep(call)
        return call.agent.recvRequest(request, transaction)

    def place(self, *, to: str, caller: str, via: tuple[str, int], seconds: float, hide: bool, name: str) -> str:
        """A call from the public network to a number of the operator; returns the call's id. Raises OSError when full."""
        if len(self.live) >= self.most_calls:
            raise OSError("too many calls")
        call = Call(self, to, inbound=True)
        self._keep(call)
        try:
            call.place(caller=caller, via=via, seconds=seconds, hide=hide, name=name)
        except Exception:
            call.end("carrier")
            raise
        return call.id

    def _keep(self, call: Call) -> None:
        self.live.add(call)
        self.calls[call.id] = call
        while len(self.calls) > CALLS_KEPT:
            oldest = next(iter(self.calls.values()))
            if isinstance(oldest, Call):
                break
            self.calls.popitem(last=False)

    def snapshot(self) -> list[dict[str, object]]:
        return [call.plain() if isinstance(call, Call) else call for call in self.calls.values()]

    def sweep(self) -> None:
        """Ends the calls whose other side has gone without a word, so that they do not fill the exchange."""
        now = time.monotonic()
        for call in list(self.live):
            quiet = now - max(call.changed, (call.ear and call.ear.last_in) or 0.0)
            if call.state == "answered" and quiet > QUIET_LIMIT_S:
                guarded(call.hang_up)()
            elif call.state == "ringing" and not call.inbound and quiet > ANSWER_LIMIT_S:
                guarded(call.refuse)(480)

    def hang_up_all(self) -> None:
        for call in list(self.live):
            guarded(call.hang_up)()

    def leave(self) -> None:
        """Hangs up and ends the event loop half a second later, when the BYEs have gone out."""
        waiting = bool(self.live)
        self.hang_up_all()
        if waiting:
            Timeout(ED2.breakLoop, 0.5)
        else:
            ED2.breakLoop()
