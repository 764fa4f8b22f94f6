"""Clients that never give up: the same request under the same key until it is answered, as the SIP process does."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cadran.charging import wire
from cadran.charging.adapters.client import AsyncCharging
from cadran.charging.adapters.links import AsyncLink
from cadran.charging.ports import ChargingRefused, ChargingUnavailable
from cadran.commands.chaos.diary import Diary
from cadran.commands.chaos.replay import Samples

PATIENCE_S = 60.0  # no outage of a run lasts that long
LONGEST_PAUSE_S = 0.3
KNOCK_S = 0.03
T = TypeVar("T")


class NoAnswer(Exception):
    """A request stayed without an answer for all of PATIENCE_S."""


@dataclass(slots=True)
class Figures:
    """What the clients measured. Times in milliseconds, of exchanges that were answered; moments in seconds since `start`."""

    start: float = field(default_factory=time.monotonic)
    sent: int = 0
    retried: int = 0
    busy: int = 0
    duplicates: int = 0
    unanswered: int = 0
    times_ms: array[float] = field(default_factory=lambda: array("f"))
    moments_s: array[float] = field(default_factory=lambda: array("f"))

    def answered(self, since: float) -> None:
        now = time.monotonic()
        self.times_ms.append((now - since) * 1000)
        self.moments_s.append(now - self.start)


class CountingCharging(AsyncCharging):
    """The client of the house, with each exchange counted and timed, and one knock at a closed door instead of thousands."""

    def __init__(self, sockets: Sequence[Path], figures: Figures) -> None:
        self._figures = figures
        super().__init__(sockets)

    def link(self, path: str, timeout_s: float) -> AsyncLink:
        return _CountingLink(path, timeout_s, self._figures)


class _CountingLink(AsyncLink):
    """The way to one of the processes."""

    def __init__(self, path: str, timeout_s: float, figures: Figures) -> None:
        super().__init__(path, timeout_s)
        self._figures = figures
        self._door = asyncio.Lock()

    async def _connect(self) -> asyncio.StreamWriter:
        """One request at a time knocks while nobody answers, and the others wait for it; then all of them come at once."""
        async with self._door:
            while True:
                try:
                    return await super()._connect()
                except OSError:
                    await asyncio.sleep(KNOCK_S)

    async def _exchange(self, op: str, args: wire.Args) -> wire.Answer:
        self._figures.sent += 1
        since = time.monotonic()
        try:
            answer = await super()._exchange(op, args)
        except (OSError, EOFError):
            self._figures.retried += 1  # the client sends it again by itself
            raise
        if answer.error is not None and answer.error.reason == wire.BUSY:
            self._figures.busy += 1
        else:
            self._figures.answered(since)
        return answer


@dataclass(slots=True)
class Patient:
    """Sends requests until they are answered, and keeps the diary of it. What is refused is raised, once the diary has it."""

    charging: CountingCharging
    diary: Diary
    figures: Figures
    samples: Samples

    async def do(self, op: str, key: str, args: object, send: Callable[[AsyncCharging], Awaitable[T]]) -> T:
        """Ask and ask again."""
        self.diary.ask(op, key, args)
        answer = await self.again(op, key, send)
        self.samples.add(op, key, send, answer)
        return answer

    async def again(self, op: str, key: str, send: Callable[[AsyncCharging], Awaitable[T]]) -> T:
        """The same without writing down that it is asked: a duplicate, or a replay."""
        try:
            answer = await self.until_answered(send)
        except ChargingRefused as error:
            self.diary.refuse(op, key, str(error.details.get("reason")))
            raise
        except NoAnswer as error:
            raise NoAnswer(f"{op} {key}") from error
        self.diary.ack(op, key, answer)
        return answer

    async def until_answered(self, send: Callable[[AsyncCharging], Awaitable[T]]) -> T:
        """The answer, without a line in the diary. Raises ChargingRefused, NoAnswer."""
        pause_s, until = 0.02, time.monotonic() + PATIENCE_S
        while True:
            try:
                return await send(self.charging)
            except ChargingUnavailable as error:
                if time.monotonic() > until:
                    self.figures.unanswered += 1
                    raise NoAnswer("no answer") from error
                self.figures.retried += 1
                await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
