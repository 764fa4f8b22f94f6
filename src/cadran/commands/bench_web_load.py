"""Concurrent users of a site, for `cadran bench web`: each asks for one page after another over its own connection, and every answer
is timed. A small HTTP/1.1 client on asyncio, so that the load takes little of the machine that it shares with the site."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LONGEST_S = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One page: a name for the report, its path, and headers of the user who asks."""

    name: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Load:
    """Seconds of each good answer by the name of its page, and how many answers were bad, by name and status."""

    took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    bad: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def p95_ms(self, name: str) -> float:
        """The 95th percentile in milliseconds of a page's good answers."""
        return percentile(self.took_s[name], 0.95) * 1000

    @property
    def answers(self) -> int:
        return sum(len(times) for times in self.took_s.values())


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which that part of the values lies; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def run(host: str, port: int, users: Sequence[Sequence[Asked]], *, seconds: float, pause_s: float = 0) -> Load:
    """Each user asks for its pages in an order of its own, again and again, for so long, and pauses for half to one and a half times
    pause_s before each."""
    load = Load()
    asyncio.run(_all(host, port, users, seconds, load, pause_s))
    return load


async def _all(
    host: str, port: int, users: Sequence[Sequence[Asked]], seconds: float, load: Load, pause_s: float
) -> None:
    until = time.monotonic() + seconds
    await asyncio.gather(
        *(_user(host, port, pages, until, load, random.Random(seed), pause_s) for seed, pages in enumerate(users))  # noqa: S311
    )


async def _user(
    host: str, port: int, pages: Sequence[Asked], until: float, load: Load, chance: random.Random, pause_s: float
) -> None:
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    while time.monotonic() < until:
        for asked in chance.sample(list(pages), len(pages)):
            await asyncio.sleep(pause_s * chance.uniform(0.5, 1.5))
            if time.monotonic() >= until:
                break
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection(host, port)
                start = time.monotonic()
                status, closing = await asyncio.wait_for(_exchange(reader, writer, host, port, asked), LONGEST_S)
                if status == 200:
                    load.took_s[asked.name].append(time.monotonic() - start)
                else:
                    load.bad[f"{asked.name} {status}"] += 1
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                load.bad[f"{asked.name} {type(error).__name__}"] += 1
                closing = True
            if closing and writer is not None:
                writer.close()
                reader = writer = None
    if writer is not None:
        writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, asked: Asked
) -> tuple[int, bool]:
    """Ask once and read the whole answer; its status, and whether the connection ends with it."""
    lines = [f"GET {asked.path} HTTP/1.1", f"Host: {host}:{port}", *(f"{k}: {v}" for k, v in asked.headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split(" ")[1]), headers.get("connection") == "close"
