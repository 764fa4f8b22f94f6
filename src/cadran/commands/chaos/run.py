"""One run: everything begins, dies at random moments, comes back, ends, and is asked everything once more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil

from cadran.charging import shards
from cadran.charging.adapters.client import AsyncCharging
from cadran.charging.ports import ChargingUnavailable
from cadran.commands.chaos import checking, plan, replay
from cadran.commands.chaos import diary as diaries
from cadran.commands.chaos.clients import CountingCharging, Figures, Patient
from cadran.commands.chaos.desk import Desk
from cadran.commands.chaos.failure import ChaosFailed
from cadran.commands.chaos.host import Host
from cadran.commands.chaos.traffic import Switch, World

DESKS = 4
SAMPLE_S = 0.1
# What happens next, and how often.
DISASTERS = {"kill": 60, "kill-starting": 12, "kill-sealer": 6, "kill-switch": 14, "pause": 8, "disk-full": 12}
DISASTERS_OF_POSTGRESQL = {
    **DISASTERS,
    "disk-full": 0,
    "kill": 25,
    "kill-postgresql": 25,
    "kill-backend": 15,
    "kill-both": 10,
    "stall": 12,
}
STALL_S = 2.0
COMEBACK_S = 30.0
JUMPS_MIN = (5, 61, 7 * 60, 13 * 60, 30 * 60)
FAR_JUMP = timedelta(days=200)  # beyond the validity of all credit bought before
FAR_AT = 0.6  # of the run's length


@dataclass(slots=True)
class Told:
    """What happened when, in seconds since the start, for the report; opened: calls open at each sample."""

    kills: list[tuple[float, str]] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    jumps: list[tuple[float, float]] = field(default_factory=list)
    opened: list[tuple[float, int]] = field(default_factory=list)
    replayed: int = 0
    replays_differing: int = 0
    at_rest: list[str] = field(default_factory=list)

    @property
    def deaths(self) -> int:
        """Of charging and its database."""
        return sum(1 for _, what in self.kills if what in ("charging", "postgresql"))


@dataclass(slots=True)
class Run:
    """A run in the making. progress hears the seconds that passed."""

    size: plan.Size
    choices: plan.Choices
    host: Host
    progress: Callable[[float], None]
    figures: Figures = field(default_factory=Figures)
    told: Told = field(default_factory=Told)
    world: World = field(init=False)
    _switches: list[Switch] = field(default_factory=list)
    diary: diaries.Diary = field(init=False)
    _samples: replay.Samples = field(init=False)
    _far: bool = False

    async def all(self, path: Path) -> None:
        """The whole of it; the diary is written to `path`."""
        self._samples = replay.Samples(self.choices.rng("samples"))
        with diaries.Diary(path) as self.diary:
            self.host.spawn_all()
            self.host.spawn_sealer()
            await self.host.serving()
            desk = Desk(self.choices, self._patient())
            self.world = World(self.choices, self.host.clock, desk.buy)
            desk.world = self.world
            await desk.open_accounts()
            self.figures.start = time.monotonic()
            self.figures.times_ms, self.figures.moments_s = (
                type(self.figures.times_ms)("f"),
                type(self.figures.moments_s)("f"),
            )
            self._switches = [self._switch(number, 0) for number in range(self.size.switches)]
            for switch in self._switches:
                switch.live([])
            others = [asyncio.create_task(desk.work(number)) for number in range(DESKS)]
            watch = asyncio.create_task(self._watch())
            await self._disasters(desk)
            self.world.closing = True
            await asyncio.gather(*(switch.end() for switch in self._switches), *others)
            watch.cancel()
            await self._aftermath(desk)

    async def _disasters(self, desk: Desk) -> None:
        """Until the time is over."""
        rng, gaps = self.choices.rng("disasters"), self.choices.kill_gaps()
        chances = DISASTERS if self.host.database is None else DISASTERS_OF_POSTGRESQL
        while (left := self._until(self.size.seconds)) > 0:
            await asyncio.sleep(min(next(gaps), left))
            if self._until(self.size.seconds) <= 0:
                return
            for shard in self.host.ended:
                self.world.faults.append(f"charging ended by itself: {self.host.last_words(shard)}")
                await self._back()
            shard = rng.randrange(self.host.shards) if self.host.shards > 1 else 0
            what = rng.choices(list(chances), list(chances.values()))[0] if self.told.kills else "kill"
            if what == "pause":
                self.told.kills.append((self._now(), "pause"))
                await self.host.pause(rng.uniform(0.1, 0.6), shard)
            elif what == "disk-full":
                self.told.kills.append((self._now(), "disk-full"))
                await self.host.fill_disk(rng.uniform(0.05, 0.8))
                await self._back()
            elif what == "kill-sealer":
                self.host.kill_sealer()
                self.told.kills.append((self._now(), "sealer"))
                self.host.spawn_sealer()
            elif what == "kill-switch":
                await self._kill_switch(rng.randrange(len(self._switches)))
            elif what == "stall":
                await self._kill_while_stalled(shard)
            elif what in ("kill-postgresql", "kill-both", "kill-backend"):
                await self._kill_database(what, rng.random(), shard)
            else:
                await self._kill_charging(shard, rng.uniform(0, 0.7) if what == "kill-starting" else None)
            self._jump(rng.random(), rng.choice(JUMPS_MIN))
            if rng.random() < 0.3:
                await asyncio.sleep(0)
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(desk.expire(), 2)

    async def _kill_charging(self, shard: int, again_after_s: float | None) -> None:
        """Kill a process of charging, look at what it left, start it again; where told, kill it once more while it starts."""
        self.host.kill(shard)
        since = self._now()
        self.told.kills.append((since, "charging"))
        await asyncio.to_thread(self._look)
        if again_after_s is not None:
            self.host.spawn(shard)
            await asyncio.sleep(again_after_s)
            self.host.kill(shard)
            self.told.kills.append((self._now(), "charging"))
        self.host.spawn(shard)
        await self.host.serving()
        self.told.outages.append((since, self._now()))

    async def _kill_database(self, what: str, chance: float, shard: int) -> None:
        """Kill PostgreSQL whole, with charging or without, or one of its processes; wait until charging answers again."""
        database, since = self.host.database, self._now()
        assert database is not None
        self.told.kills.append((since, "postgresql"))
        if what == "kill-backend":
            database.kill_backend(chance)
        else:
            await asyncio.to_thread(database.kill)
            if what == "kill-both":
                self.host.kill(shard)
                self.told.kills.append((since, "charging"))
            await asyncio.to_thread(database.start)
        await self._back()
        self.told.outages.append((since, self._now()))
        await asyncio.to_thread(self._look)

    async def _kill_while_stalled(self, shard: int) -> None:
        """Charging dies while PostgreSQL is still at its last transaction, which ends only after charging has come back."""
        assert self.host.database is not None
        stalled, since = await asyncio.to_thread(self.host.database.stall_a_writer), self._now()
        try:
            self.host.kill(shard)
            self.told.kills.append((since, "charging"))
            self.host.spawn(shard)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._back(), STALL_S)
        finally:
            if stalled is not None:
                self.told.kills.append((self._now(), "stall"))
                with contextlib.suppress(psutil.NoSuchProcess):
                    stalled.resume()
        await self._back()
        self.told.outages.append((since, self._now()))
        await asyncio.to_thread(self._look)

    async def _back(self) -> None:
        """Until charging does something with the database again, each shard of it; where it ended by itself, it is started again,
        as in service."""
        until = time.monotonic() + COMEBACK_S
        probe = AsyncCharging(self.host.sockets, timeout_s=1)
        wanted = {shards.of(f"probe{number}", self.host.shards): f"probe{number}" for number in range(100)}
        while True:
            for ended in self.host.ended:  # it may find the database still owned by the dead one, for a moment
                self.told.kills.append((self._now(), "ended"))
                self.host.spawn(ended)
            try:
                for account in wanted.values():
                    await probe.open_wallet(
                        account=account, brand=self.choices.markets[0].brand, currency="EUR", at=self.host.clock.now()
                    )
                return
            except ChargingUnavailable as error:
                if time.monotonic() > until:
                    raise ChaosFailed(f"charging did not come back: {error}: {self.host.last_words()}") from error
                await asyncio.sleep(0.02)
            finally:
                await probe.close()

    async def _kill_switch(self, number: int) -> None:
        switch = self._switches[number]
        left = await switch.die()
        self.told.kills.append((self._now(), "switch"))
        self._switches[number] = self._switch(number, switch.life + 1)
        self._switches[number].live(left)

    def _jump(self, chance: float, minutes: int) -> None:
        """The civil clock goes forward now and then; once so far that all credit is over."""
        step = timedelta(minutes=minutes) if chance < 0.5 else None
        if not self._far and self._now() > FAR_AT * self.size.seconds:
            self._far, step = True, FAR_JUMP
        if step is not None:
            self.host.clock.advance_to(self.host.clock.now() + step)
            self.told.jumps.append((self._now(), step.total_seconds()))

    def _look(self) -> None:
        """What the dead process left must be right as it lies there."""
        with contextlib.closing(self.host.reader()) as reader:
            self.told.at_rest += [f"after {self._now():.1f} s: {fault}" for fault in checking.at_rest(reader)]

    async def _aftermath(self, desk: Desk) -> None:
        """Dead once more, and alive: what was asked is asked again, leases end, credit expires; then charging ends in order."""
        self.host.kill_all()
        self.told.kills.append((self._now(), "charging"))
        await asyncio.to_thread(self._look)
        self.host.spawn_all()
        await self.host.serving()
        patient = self._patient()
        await asyncio.sleep(0)
        until = time.monotonic() + 3 * self.host.lease_s + 20
        while time.monotonic() < until and await asyncio.to_thread(self._open):
            await asyncio.sleep(0.1)
        await desk.expire()
        self.told.replayed, differing = await replay.all_of(
            self._samples, patient.until_answered, max(2.0, self.size.seconds / 4)
        )
        self.told.replays_differing = len(differing)
        self.world.faults += differing
        await patient.charging.close()
        await desk.patient.charging.close()
        code = await asyncio.to_thread(self.host.stop)
        if code:
            self.world.faults.append(f"charging ended with {code}: {self.host.last_words()}")
        self.host.kill_sealer()

    def _open(self) -> bool:
        with contextlib.closing(self.host.reader()) as reader:
            return bool(reader.one("SELECT count(*) FROM charging_session WHERE state = 'open'"))

    async def _watch(self) -> None:
        passed = 0.0
        while True:
            await asyncio.sleep(SAMPLE_S)
            self.told.opened.append((self._now(), sum(len(switch.open) for switch in self._switches)))
            self.progress(min(self._now(), self.size.seconds) - passed)
            passed = min(self._now(), self.size.seconds)

    def _switch(self, number: int, life: int) -> Switch:
        slots = len(range(number, self.size.sessions, self.size.switches))
        return Switch(self.world, f"s{number}", life, slots, self._patient(), self._patient())

    def _patient(self) -> Patient:
        return Patient(CountingCharging(self.host.sockets, self.figures), self.diary, self.figures, self._samples)

    def _now(self) -> float:
        return time.monotonic() - self.figures.start

    def _until(self, seconds: float) -> float:
        return seconds - self._now()
