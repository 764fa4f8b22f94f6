"""The asyncio shell around the engine: one UDP socket for SIP, one for each call's RTP, one ticker for all."""

from __future__ import annotations

import array
import asyncio
import contextlib
import socket
import time
import typing
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cadran.voice.phone import engine as machine
from cadran.voice.phone import rtp, sdp, sound
from cadran.voice.phone.call import Call
from cadran.voice.phone.message import Address

TICK_S = 0.02
LAST_WORDS_S = 2.0
Listener = Callable[[machine.Event], None]


class _Sip(asyncio.DatagramProtocol):
    def __init__(self, handset: Handset) -> None:
        self._handset = handset

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._handset.heard_sip(data, (addr[0], addr[1]))


class Leg(asyncio.DatagramProtocol):
    """A call's sound. It sends to where the other side's description says, or hears from once it does (symmetric RTP)."""

    def __init__(self, stream: rtp.Stream, on_digit: Callable[[str], None]) -> None:
        self.stream = stream
        self._on_digit = on_digit
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0
        self._to: Address | None = None
        self.record_to: Path | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = typing.cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def agree(self, media: sdp.Media, offered: tuple[int, ...]) -> None:
        self._to = (media.host, media.port) if media.hears else None
        self.stream.agree(media, offered)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if digit := self.stream.receive(time.monotonic(), data):
            self._on_digit(digit)

    def tick(self) -> None:
        if self._to and self._transport and not self._transport.is_closing():
            self._transport.sendto(self.stream.frame(), self._to)

    def close(self) -> None:
        if self._transport:
            self._transport.close()
        if self.record_to and self.stream.recording is not None:
            sound.write_wav(self.record_to, self.stream.recording)


class Handset:
    """A phone to be driven by a program. `listener` gets each event in order; call methods inside the loop only."""

    def __init__(
        self,
        line: machine.Line,
        *,
        listener: Listener,
        microphone: array.array[int] | None = None,
        record: Path | None = None,
        port: int = 0,
        host: str = "",
    ) -> None:
        self.line = line
        self._listener = listener
        self.microphone = microphone if microphone is not None else sound.tone(440)
        self._record = record
        self._host, self._port = host or _local_host(line.server), port
        self.legs: dict[str, Leg] = {}
        self.auto_answer_s: float | None = None
        self.engine: machine.Engine
        self._transport: asyncio.DatagramTransport
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> Handset:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Sip(self), local_addr=(self._host, self._port)
        )
        local = self._transport.get_extra_info("sockname")
        self.engine = machine.Engine(self.line, (local[0], local[1]))
        self._spawn(self._pace())
        return self

    async def close(self) -> None:
        """Hangs up, gives the registration back, waits two seconds at most for the answers, and closes the sockets."""
        for call in list(self.engine.calls.values()):
            call.hang_up(time.monotonic())
        if self.engine.registration.registered:
            self.engine.unregister(time.monotonic())
        self.pump()
        until = time.monotonic() + LAST_WORDS_S
        while self.engine.waiting and time.monotonic() < until:
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        for leg in self.legs.values():
            leg.close()
        if self._alarm:
            self._alarm.cancel()
        self._transport.close()

    # commands

    def register(self) -> None:
        self.engine.register(time.monotonic())
        self.pump()

    def unregister(self) -> None:
        self.engine.unregister(time.monotonic())
        self.pump()

    async def dial(self, to: str, key: str = "") -> str:
        """Calls; returns the call's key. Raises UnableToCall."""
        key = key or self.engine.new_key()
        leg = await self._leg(key)
        try:
            self.engine.dial(time.monotonic(), to, leg.port, key)
        except machine.UnableToCall:
            self.legs.pop(key).close()
            raise
        self.pump()
        return key

    async def answer(self, key: str = "") -> None:
        call = self.engine.call(key)
        leg = self.legs.get(call.key) or await self._leg(call.key)
        call.answer(time.monotonic(), leg.port)
        self.pump()

    def hang_up(self, key: str = "") -> None:
        self.engine.call(key).hang_up(time.monotonic())
        self.pump()

    def reject(self, key: str = "", code: int = 486) -> None:
        self.engine.call(key).reject(time.monotonic(), code)
        self.pump()

    def digits(self, digits: str, key: str = "") -> None:
        self.leg(key).stream.dial(digits)

    def leg(self, key: str = "") -> Leg:
        call = self.engine.call(key)
        if call.key not in self.legs:
            raise machine.NoSuchCall(f"call {call.key} has no sound yet")
        return self.legs[call.key]

    def figures(self, key: str = "") -> rtp.Figures:
        return self.leg(key).stream.figures(time.monotonic())

    @property
    def calls(self) -> dict[str, Call]:
        return self.engine.calls

    # the machine's inputs and outputs

    def heard_sip(self, data: bytes, source: Address) -> None:
        self.engine.receive(time.monotonic(), data, source)
        self.pump()

    def pump(self) -> None:
        """Carries out what the engine wants, and sets the alarm for its next act."""
        engine = self.engine
        while engine.out or engine.events:
            out, engine.out = engine.out, []
            for data, address in out:
                if not self._transport.is_closing():
                    self._transport.sendto(data, address)
            events, engine.events = engine.events, []
            for event in events:
                self._handle(event)
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if (due := engine.due()) is not None:
            pause = max(0.0, due - time.monotonic())
            self._alarm = asyncio.get_running_loop().call_later(pause, self._ring_alarm)

    def _ring_alarm(self) -> None:
        self.engine.run(time.monotonic())
        self.pump()

    def _handle(self, event: machine.Event) -> None:
        if event.name == "media":
            media = event.detail["media"]
            if (leg := self.legs.get(event.call)) and isinstance(media, sdp.Media):
                leg.agree(media, self.line.codecs)
            return
        if event.name == "ended" and (leg := self.legs.pop(event.call, None)):
            figures = leg.stream.figures(time.monotonic())
            leg.close()
            event.detail["stats"] = figures
            event.detail["digits_heard"] = leg.stream.digits_heard
        self._listener(event)
        if event.name == "incoming" and self.auto_answer_s is not None:
            self._spawn(self._answer_later(event.call, self.auto_answer_s))

    async def _answer_later(self, key: str, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        with contextlib.suppress(machine.NoSuchCall):
            await self.answer(key)

    async def _leg(self, key: str) -> Leg:
        stream = rtp.Stream(self.microphone, record=self._record is not None)
        leg = Leg(stream, lambda digit: self._listener(machine.Event("digit", key, {"digit": digit})))
        if self._record:
            leg.record_to = self._record if not self.legs else self._record.with_stem(f"{self._record.stem}-{key}")
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: leg, local_addr=(self._host, 0))
        self.legs[key] = leg
        return leg

    async def _pace(self) -> None:
        due = time.monotonic()
        while True:
            for leg in list(self.legs.values()):
                leg.tick()
            due = max(due + TICK_S, time.monotonic() - 5 * TICK_S)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _local_host(server: Address) -> str:
    """The address of this machine that leads to the server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return str(probe.getsockname()[0])
