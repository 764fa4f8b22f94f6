"""The calls of a run: switches that ask, extend, report and settle, in order and out of it, once and twice, and die in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from cadran.charging import shards
from cadran.charging.adapters.client import AsyncCharging
from cadran.charging.ports import AuthoriseCall, ChargingRefused, Grant, SettleCall, Settled
from cadran.commands.chaos import plan
from cadran.commands.chaos.clients import Patient
from cadran.units.clock import CivilClock

TWICE = 0.05  # of the requests are sent twice at once, over two connections
EARLY = 0.04  # of the calls are extended before the answer to their authorisation is known
SWAPPED = 0.06  # of the extensions are overtaken by the next one
CHANGED = 0.10  # of the calls are settled again with other numbers
LATE = 0.03  # of the calls are reported once more after their end
BEYOND = 0.03  # of the calls are said to have lasted longer than was granted
UNTOLD = 0.06  # of the calls are never settled: whoever carried them is gone
COMES_BACK = 0.3  # of what a dead switch left is settled late by its successor
T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """A call as its switch knows it: seconds wanted, talked, and reported with an acknowledgement."""

    request: AuthoriseCall
    talk_s: int
    used_s: int = 0
    reported_s: int = 0
    granted_s: int | None = None
    final: bool = False
    seq: int = 0
    lost: bool = False  # charging said that the session is no longer open
    renewed: float = field(
        default_factory=time.monotonic
    )  # when the last request that was answered and renews its lease was sent

    @property
    def room_s(self) -> int:
        """Seconds that may be talked with what is granted so far."""
        return self.talk_s if self.granted_s is None else min(self.talk_s, self.granted_s)


@dataclass(slots=True)
class World:
    """What the parts of a run share. closing: begin nothing more; recent: account, record and charge of some calls and services that
    are over, for whoever corrects them."""

    choices: plan.Choices
    clock: CivilClock
    buy: Callable[[plan.Account, random.Random], Awaitable[None]]
    recent: list[tuple[str, str, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    closing: bool = False
    calls: int = 0
    refused: int = 0
    cut: int = 0
    leases_over: int = 0
    deaths: int = 0

    def over(self, account: str, settled: Settled) -> None:
        self.calls += 1
        self.cut += settled.cut
        self.charged(account, settled.cdr_id, settled.charge_micros)

    def charged(self, account: str, cdr_id: str, micros: int) -> None:
        self.recent.append((account, cdr_id, micros))
        if len(self.recent) > 500:
            del self.recent[:250]


@dataclass(slots=True)
class Switch:
    """Carries calls in so many slots, one after the other in each, over two connections. A life ends with `die`."""

    world: World
    name: str
    life: int
    slots: int
    first: Patient
    second: Patient
    talking: dict[str, Call] = field(default_factory=dict)
    open: dict[str, Call] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _tick: asyncio.Event = field(default_factory=asyncio.Event)
    _reporting: set[int] = field(default_factory=set)

    def live(self, left: list[tuple[Call, int]]) -> None:
        """Begin; `left` are the calls of the life before."""
        self._tasks = [asyncio.create_task(self._slot(number)) for number in range(self.slots)]
        self._tasks.append(asyncio.create_task(self._ticks()))
        rng = self.world.choices.rng(self.name, self.life, "left")
        for call, talked_s in left:
            if rng.random() < COMES_BACK:
                self._tasks.append(asyncio.create_task(self._come_back(call, talked_s, rng.random())))

    async def end(self) -> None:
        """Wait until what is under way has its answers (World.closing is set)."""
        ticks = self._tasks[self.slots]
        done = await asyncio.gather(*self._tasks[: self.slots], *self._tasks[self.slots + 1 :], return_exceptions=True)
        ticks.cancel()
        done += await asyncio.gather(ticks, return_exceptions=True)
        self.world.faults += [repr(one) for one in done if isinstance(one, Exception)]
        await self._close()

    async def die(self) -> list[tuple[Call, int]]:
        """As if the switch were killed: nothing more is sent, no answer is taken. Returns its calls with the seconds talked."""
        for task in self._tasks:
            task.cancel()
        done = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.world.faults += [repr(one) for one in done if isinstance(one, Exception)]
        await self._close()
        rng = self.world.choices.rng(self.name, self.life, "death")
        left = []
        for session, call in self.open.items():
            # Between two reports: up to a heartbeat was talked since. With a report under way, it says all of it.
            since = 0 if self._shard(call) in self._reporting else rng.randrange(plan.HEARTBEAT_S + 1)
            talked = min(call.used_s + since, call.room_s) if session in self.talking else call.used_s
            self.first.diary.left(session, talked, call.reported_s)
            left.append((call, talked))
        self.world.deaths += 1
        return left

    async def _close(self) -> None:
        for patient in (self.first, self.second):
            await patient.charging.close()

    async def _slot(self, number: int) -> None:
        turn = 0
        while not self.world.closing:
            rng = self.world.choices.rng(self.name, self.life, number, turn)
            session = f"{self.name}.{self.life}.{number}.{turn}"
            await self._call(session, rng)
            self.open.pop(session, None)
            self.talking.pop(session, None)
            turn += 1

    async def _call(self, session: str, rng: random.Random) -> None:
        account = self.world.choices.account(rng)
        number = self.world.choices.number(rng, account.market)
        request = AuthoriseCall(
            session=session,
            account=account.name,
            terms=plan.TERMS,
            number_class=number.number_class,
            destination=number.digits,
            at=self.world.clock.now(),
            caller="33970000001",
            call_id=f"{session}@chaos",
        )
        call = self.open[session] = Call(request, self.world.choices.talk_s(rng))
        grant = await self._authorised(call, rng)
        if not grant.decision.allowed:
            await self._refused(account, call, rng)
            return
        self._grant(call, grant)
        if call.talk_s:
            await self._talk(call, rng)
        if rng.random() < UNTOLD and not call.lost:
            self.first.diary.left(session, call.used_s, call.reported_s)
            return
        await self._settled(call, rng)

    async def _authorised(self, call: Call, rng: random.Random) -> Grant:
        request = call.request
        ask = self._asking(
            "authorise", request.session, request, lambda charging: charging.authorise(request), rng.random() < TWICE
        )
        if rng.random() >= EARLY:
            return await ask
        early = self._extended(call, 1, self.second)
        grant, _ = await asyncio.gather(ask, early)
        return grant

    async def _refused(self, account: plan.Account, call: Call, rng: random.Random) -> None:
        """Some buy credit, and ask once more under the same key: the answer is the same."""
        self.world.refused += 1
        if rng.random() < 0.15:
            await self.world.buy(account, rng)
            request = call.request
            await self.second.again("authorise", request.session, lambda charging: charging.authorise(request))
        else:
            await asyncio.sleep(self.world.choices.size.tick_s * rng.random())

    async def _talk(self, call: Call, rng: random.Random) -> None:
        session = call.request.session
        self.talking[session] = call
        while not call.lost and call.used_s < call.room_s and not self.world.closing:
            await self._tick.wait()
            if call.granted_s is None or call.final or call.used_s >= call.talk_s:
                continue
            if call.granted_s - call.used_s <= plan.HEARTBEAT_S:
                await self._extend(call, rng)
        self.talking.pop(session, None)

    async def _extend(self, call: Call, rng: random.Random) -> None:
        """The next extension; now and then it is overtaken by the one after it, and now and then an old one is asked for again."""
        if rng.random() < SWAPPED:
            await asyncio.gather(
                self._extended(call, call.seq + 2, self.second), self._extended(call, call.seq + 1, self.first)
            )
        else:
            await self._extended(call, call.seq + 1, self.first)
        if call.seq > 1 and rng.random() < TWICE:
            await self._extended(call, 1, self.second)

    async def _extended(self, call: Call, seq: int, patient: Patient) -> None:
        """One extension. It may be refused for having come too early or too late; then nothing was granted."""
        session, used_s, at = call.request.session, call.used_s, self.world.clock.now()
        call.seq = max(call.seq, seq)
        with contextlib.suppress(ChargingRefused):
            self._grant(
                call,
                await patient.do(
                    "extend",
                    f"{session}#{seq}",
                    {"used_s": used_s, "at": at},
                    lambda charging: charging.extend(session=session, seq=seq, used_s=used_s, at=at),
                ),
            )

    def _grant(self, call: Call, grant: Grant) -> None:
        if grant.granted_s is not None and grant.granted_s >= (call.granted_s or 0):
            call.granted_s, call.final = grant.granted_s, grant.final

    async def _settled(self, call: Call, rng: random.Random) -> None:
        request = self._end_of(call, rng)
        settled = await self._settle(request, rng.random() < TWICE, self.first)
        self.world.over(call.request.account, settled)
        session = call.request.session
        if rng.random() < CHANGED:
            other = self._end_of(call, rng, other=True)
            if await self._settle(other, False, self.second) != settled:
                self.world.faults.append(f"{session}: settled twice, and differently")
        if rng.random() < LATE:
            closed = await self.second.until_answered(lambda charging: charging.heartbeat(used_s={session: 86_000}))
            if session not in closed:
                self.world.faults.append(f"{session}: a late report opened it again")

    async def _settle(self, request: SettleCall, twice: bool, patient: Patient) -> Settled:
        return await self._asking(
            "settle", request.session, request, lambda charging: charging.settle(request), twice, patient
        )

    def _end_of(self, call: Call, rng: random.Random, other: bool = False) -> SettleCall:
        at = max(self.world.clock.now(), call.request.at)
        if not call.used_s:
            return SettleCall(session=call.request.session, at=at, disposition="no-answer", sip_code=480)
        seconds = call.used_s + (rng.randrange(1, 40) if other or rng.random() < BEYOND else 0)
        ended = "credit" if call.granted_s is not None and call.used_s >= call.granted_s else "caller"
        return SettleCall(
            session=call.request.session,
            at=at,
            answered_at=max(call.request.at, at - timedelta(seconds=seconds)),
            measured_ms=seconds * 1000 - rng.randrange(1000),
            ended_by=ended,
        )

    async def _come_back(self, call: Call, talked_s: int, when: float) -> None:
        """A call that the life before left: settled late, perhaps after its lease."""
        await asyncio.sleep(when * self.world.choices.size.lease_s)
        at: datetime = self.world.clock.now()
        request = SettleCall(
            session=call.request.session,
            at=at,
            answered_at=call.request.at if talked_s else None,
            measured_ms=talked_s * 1000,
            ended_by="restart",
        )
        with contextlib.suppress(ChargingRefused):  # its authorisation may never have arrived
            await self._settle(request, False, self.second)

    async def _asking(
        self,
        op: str,
        key: str,
        args: object,
        send: Callable[[AsyncCharging], Awaitable[T]],
        twice: bool,
        patient: Patient | None = None,
    ) -> T:
        """Ask; twice at once over both connections where told, and then both answers are the same."""
        patient = patient or self.first
        if not twice:
            return await patient.do(op, key, args, send)
        self.first.figures.duplicates += 1
        one, two = await asyncio.gather(self.first.do(op, key, args, send), self.second.again(op, key, send))
        if one != two:
            self.world.faults.append(f"{op} {key}: two answers at once, and different ones")
        return one

    def _lost(self, call: Call) -> None:
        """Charging settled the call: right if its lease was over, on a machine too busy to report in time; never before."""
        call.lost = True
        self.world.leases_over += 1
        passed_s = time.monotonic() - call.renewed
        if passed_s < self.world.choices.size.lease_s:
            self.world.faults.append(f"{call.request.session}: its lease was ended {passed_s:.1f} s after a report")

    async def _ticks(self) -> None:
        await asyncio.gather(*(self._reports(shard) for shard in range(self.world.choices.size.shards)))

    def _shard(self, call: Call) -> int:
        return shards.of(call.request.account, self.world.choices.size.shards)

    async def _reports(self, shard: int) -> None:
        """The reports to a process of charging: all that its calls talk in a heartbeat, acknowledged before the next one begins."""
        while True:
            await asyncio.sleep(self.world.choices.size.tick_s)
            calls = {session: call for session, call in self.talking.items() if self._shard(call) == shard}
            for call in calls.values():
                call.used_s = min(call.used_s + plan.HEARTBEAT_S, max(call.room_s, call.used_s))
            used_s = {session: call.used_s for session, call in calls.items()}
            if used_s:
                self._reporting.add(shard)
                sent = time.monotonic()
                closed = await self.first.until_answered(partial(AsyncCharging.heartbeat, used_s=used_s))
                self._reporting.discard(shard)
                for session, call in calls.items():
                    if session not in closed:
                        call.reported_s, call.renewed = used_s[session], sent
                    elif session in self.talking:
                        self._lost(call)
            tick, self._tick = self._tick, asyncio.Event()
            tick.set()
