"""After everything: what was answered once is asked again, and must be answered as then."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from cadran.charging.adapters.client import AsyncCharging
from cadran.charging.ports import ChargingRefused, Withdrawn

KEPT = 10_000
AT_ONCE = 64
NOT_REPEATABLE = frozenset({"expire_credit"})  # says how many were due now
Send = Callable[[AsyncCharging], Awaitable[Any]]


@dataclass(slots=True)
class Samples:
    """Some of the requests with their answers, each as likely as any other, however many there are."""

    rng: random.Random
    kept: list[tuple[str, str, Send, Any]] = field(default_factory=list)
    seen: int = 0

    def add(self, op: str, key: str, send: Send, answer: Any) -> None:
        if op in NOT_REPEATABLE:
            return
        self.seen += 1
        if len(self.kept) < KEPT:
            self.kept.append((op, key, send, answer))
        elif (place := self.rng.randrange(self.seen)) < KEPT:
            self.kept[place] = (op, key, send, answer)


async def all_of(samples: Samples, ask: Callable[[Send], Awaitable[Any]], limit_s: float) -> tuple[int, list[str]]:
    """Ask them again, in another order, for `limit_s` seconds at most; how many were asked, and what was answered differently."""
    left, faults, asked, until = list(samples.kept), list[str](), [0], time.monotonic() + limit_s
    samples.rng.shuffle(left)

    async def some() -> None:
        while left and time.monotonic() < until:
            op, key, send, answer = left.pop()
            try:
                again = await ask(send)
            except ChargingRefused as error:
                faults.append(f"{op} {key}: answered before, now refused ({error.message})")
                continue
            asked[0] += 1
            if _lasting(again) != _lasting(answer):
                faults.append(f"{op} {key}: was {answer!r:.200}, is {again!r:.200}")

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return asked[0], faults


def _lasting(answer: object) -> object:
    """What of an answer stays: a withdrawal goes on from held to taken or released."""
    return (answer.key, answer.amount_micros) if isinstance(answer, Withdrawn) else answer
