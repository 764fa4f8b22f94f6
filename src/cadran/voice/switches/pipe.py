"""Charging for an event loop with many requests at once: one connection, what is asked within a turn of the loop goes out in one
piece, and what comes back together is read together. The same operations, retries and errors as `charging.adapters.client`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from cadran.charging import ports, wire
from cadran.charging.adapters import routing
from cadran.charging.ports import ChargingUnavailable

TIMEOUT_S = 4.0
ATTEMPTS = 6
FIRST_PAUSE_S = 0.02
MOST_WAITING = 4096
_Waiting = asyncio.Future[wire.Answer]


class PipedCharging:
    """`desk.AsyncCharging`. Use it from one event loop."""

    def __init__(self, path: Path | Sequence[Path], timeout_s: float = TIMEOUT_S) -> None:
        self._pipes = [_Pipe(place, timeout_s) for place in routing.places(path)]
        self._routes = routing.Routes(len(self._pipes)) if len(self._pipes) > 1 else None

    async def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()

    async def authorise(self, request: ports.AuthoriseCall) -> ports.Grant:
        return cast(ports.Grant, await self._call("authorise", request))

    async def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> ports.Grant:
        return cast(
            ports.Grant, await self._call("extend", wire.Extend(session=session, seq=seq, used_s=used_s, at=at))
        )

    async def heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        return cast(tuple[str, ...], await self._call("heartbeat", wire.Heartbeat(used_s=dict(used_s))))

    async def settle(self, request: ports.SettleCall) -> ports.Settled:
        return cast(ports.Settled, await self._call("settle", request))

    async def charge_event(self, request: ports.ChargeEvent) -> ports.Charged:
        return cast(ports.Charged, await self._call("charge_event", request))

    async def ping(self) -> None:
        """Returns when the service answers."""
        await self._call("ping", wire.Ping())

    async def _call(self, op: str, args: wire.Args) -> object:
        if self._routes is None:
            return await self._pipes[0].call(op, args)
        steps = self._routes.steps(op, args)
        return await routing.walked_async(steps, lambda shard, op, args: self._pipes[shard].call(op, args))


class _Pipe:
    """The way to one charging process."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path, self._timeout_s = path, timeout_s
        self._numbers = itertools.count(1)
        self._link: _Link | None = None
        self._connecting: asyncio.Lock | None = None

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def call(self, op: str, args: wire.Args) -> object:
        loop = asyncio.get_running_loop()
        deadline, pause_s = loop.time() + self._timeout_s, FIRST_PAUSE_S
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1 or loop.time() + pause_s >= deadline
            try:
                link = self._link if self._link is not None and self._link.open else await self._connected()
                return wire.result(op, await link.ask(next(self._numbers), op, args, deadline))
            except ChargingUnavailable as error:
                if last or error.details.get("reason") != wire.BUSY:
                    raise
            except (OSError, EOFError) as error:
                if last:
                    raise _unavailable(self._path, error) from error
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("every attempt returns, raises or goes on")

    async def _connected(self) -> _Link:
        self._connecting = self._connecting or asyncio.Lock()
        async with self._connecting:
            if self._link is None or not self._link.open:
                _, self._link = await asyncio.get_running_loop().create_unix_connection(_Link, self._path)
            return self._link


class _Link(asyncio.Protocol):
    """The connection: numbered requests and those who wait for them."""

    def __init__(self) -> None:
        self.open = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[_Waiting, float]] = {}
        self._unsent: list[bytes] = []
        self._received = bytearray()
        self._watch: asyncio.TimerHandle | None = None

    async def ask(self, number: int, op: str, args: wire.Args, deadline: float) -> wire.Answer:
        if len(self._waiting) >= MOST_WAITING:
            raise ChargingUnavailable("too many requests wait for the charging service", reason=wire.BUSY)
        answer: _Waiting = self._loop.create_future()
        self._waiting[number] = (answer, deadline)
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(wire.request_line(number, op, args))
        if self._watch is None:
            self._watch = self._loop.call_later(max(0.05, deadline - self._loop.time()), self._late)
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        end = received.rfind(b"\n")
        if end < 0:
            if len(received) > wire.MAX_LINE:
                self.close()
            return
        lines = bytes(received[:end]).split(b"\n")
        del received[: end + 1]
        for line in lines:
            try:
                answer = wire.read_answer(line)
            except ChargingUnavailable:
                self.close()
                return
            waiting = self._waiting.get(answer.id)
            if waiting is not None and not waiting[0].done():
                waiting[0].set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._watch is not None:
            self._watch.cancel()
        for answer, _ in self._waiting.values():
            if not answer.done():
                answer.set_exception(EOFError("the charging service closed the connection"))

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.open and self._transport is not None:
            self._transport.write(b"".join(unsent))

    def _late(self) -> None:
        """One timer for all: who has waited too long is told, and the next is looked for."""
        now, self._watch = self._loop.time(), None
        for answer, deadline in self._waiting.values():
            if deadline <= now and not answer.done():
                answer.set_exception(TimeoutError("no answer in time"))
        left = [deadline for answer, deadline in self._waiting.values() if not answer.done()]
        if left:
            self._watch = self._loop.call_later(max(0.05, min(left) - now), self._late)


def _unavailable(path: str, error: BaseException) -> ChargingUnavailable:
    why = str(error) or type(error).__name__
    return ChargingUnavailable(
        f"charging does not answer at {path} ({why}): start `cadran charging`, then send the same key again"
    )
