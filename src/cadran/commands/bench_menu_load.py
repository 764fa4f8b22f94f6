"""The callers of `cadran bench menu`: each sends a packet of sound every 20 ms, dials by its plan, and listens."""

from __future__ import annotations

import contextlib
import difflib
import math
import os
import random
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cadran.commands import bench_menu_host
from cadran.voice.media import g711

STEP_S = 0.02
PAUSE_STEPS = (35, 65)  # from one digit to the next: 0.7 to 1.3 s
PRESSED_STEPS = 4
LATE_S = 1.0
GAP_S = 0.1
_EVENT = 101
_TONES = (697, 770, 852, 941), (1209, 1336, 1477)
_KEYS = ("123", "456", "789", "*0#")


@dataclass(slots=True)
class Caller:
    """One of them. due: when it sends next. key: what it presses. awaited: the key whose prompt has not come, and since when."""

    socket: socket.socket
    offer: str
    tones: bool
    due: float = 0.0
    steps_left: int = 0
    sequence: int = 0
    stamp: int = 0
    dialled: str = ""
    pressed: int = 0
    key: str = ""
    awaited: str = ""
    since: float = 0.0
    last_at: float = 0.0
    last: tuple[bytes, int] = (b"", 0)


@dataclass(slots=True)
class Heard:
    """What all of them heard. waits: each key with the ms from its last packet (a tone's first) to the first one of its prompt."""

    waits: list[tuple[str, float]] = field(default_factory=list)
    packets: int = 0
    gaps: int = 0
    unanswered: int = 0
    digits: int = 0
    wrong: int = 0

    def part(self, part: float, keys: str = "") -> float:
        """The ms within which this part of the prompts came, of these keys or all; without any, what no goal allows."""
        ordered = sorted(ms for key, ms in self.waits if not keys or key in keys)
        return ordered[min(len(ordered) - 1, math.floor(part * len(ordered)))] if ordered else 10_000.0

    def judge(self, callers: Sequence[Caller], told: Sequence[str]) -> None:
        """Compare what was dialled with what the menu was told; a prompt that never came to a digit that did counts as well."""
        self.digits = sum(len(one.dialled) for one in callers)
        apart_by = [apart(one.dialled, said) for one, said in zip(callers, told, strict=True)]
        self.wrong = max(sum(apart_by), self.unanswered)


@contextlib.contextmanager
def callers(count: int, kind: str) -> Iterator[list[Caller]]:
    """Phones that have not called yet. kind: tones are callers without telephone-event."""
    made = []
    for _ in range(count):
        fresh = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        fresh.bind((bench_menu_host.HOST, 0))
        fresh.setblocking(False)
        event = "" if kind == "tones" else "\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15"
        offer = (
            f"v=0\r\no=- 1 1 IN IP4 {bench_menu_host.HOST}\r\ns=-\r\nc=IN IP4 {bench_menu_host.HOST}\r\nt=0 0\r\n"
            f"m=audio {fresh.getsockname()[1]} RTP/AVP 8{' 101' if event else ''}\r\na=rtpmap:8 PCMA/8000{event}\r\n"
        )
        made.append(Caller(fresh, offer, kind == "tones"))
    try:
        yield made
    finally:
        for one in made:
            one.socket.close()


def connect(all_callers: Sequence[Caller], ports: Sequence[int]) -> None:
    for one, port in zip(all_callers, ports, strict=True):
        one.socket.connect((bench_menu_host.HOST, port))


class Plan(Protocol):
    """Who presses what, and when. continuous: sound never ends, so that its absence is a gap."""

    continuous: bool

    def next_key(self, one: Caller, now: float) -> str:
        """Asked every 20 ms in which nothing is pressed; empty for nothing."""

    def pressed(self, one: Caller, key: str) -> bool:
        """The key is let go of: is a prompt awaited?"""

    def answered(self, one: Caller, packet: bytes) -> bool:
        """Is this the awaited prompt?"""

    def turn(self) -> None:
        """Every 20 ms."""


class Silent:
    """Only listens and talks."""

    continuous = True

    def next_key(self, one: Caller, now: float) -> str:
        return ""

    def pressed(self, one: Caller, key: str) -> bool:
        return False

    def answered(self, one: Caller, packet: bytes) -> bool:
        return False

    def turn(self) -> None:
        """Nothing."""


class Echoes(Silent):
    """A digit a second; each is answered by a prompt of its own."""

    def __init__(self) -> None:
        self._chance = random.Random(20)  # noqa: S311 - the same load each time

    def next_key(self, one: Caller, now: float) -> str:
        one.steps_left = one.steps_left or self._chance.randrange(5, PAUSE_STEPS[1])
        one.steps_left -= 1
        if one.steps_left or one.awaited:
            return ""
        one.steps_left = self._chance.randrange(*PAUSE_STEPS)
        return self._chance.choice([d for d in bench_menu_host.DIGITS if d != one.dialled[-1:]])

    def pressed(self, one: Caller, key: str) -> bool:
        return True

    def answered(self, one: Caller, packet: bytes) -> bool:
        return bench_menu_host.SHOWN.get(packet[12]) == one.awaited


def talk(all_callers: Sequence[Caller], seconds: float, plan: Plan) -> Heard:
    """For so long; then the prompts still awaited are waited for."""
    heard = Heard()
    by_number = {one.socket.fileno(): one for one in all_callers}
    waiting = select.epoll()
    for number in by_number:
        waiting.register(number, select.EPOLLIN)
    began = time.monotonic()
    for number, one in enumerate(all_callers):
        one.due, one.last_at = began + STEP_S * number / len(all_callers), 0.0
    end = began + seconds
    with waiting:
        while (now := time.monotonic()) < end or (
            now < end + LATE_S and any(one.awaited or one.pressed for one in all_callers)
        ):
            plan.turn()
            for one in all_callers:
                _hear_all(waiting, by_number, max(0.0, one.due - time.monotonic()), heard, plan)
                _step(one, plan if one.due < end else _SILENT, plan)
                one.due += STEP_S
    heard.unanswered = sum(bool(one.awaited) for one in all_callers)
    for one in all_callers:
        one.awaited = ""
    return heard


def processor_s(pid: int | None) -> float:
    """Seconds of a core that a process has used, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def apart(dialled: str, told: str) -> int:
    """How many digits were lost, wrong or too many."""
    same = sum(
        block.size for block in difflib.SequenceMatcher(None, dialled, told, autojunk=False).get_matching_blocks()
    )
    return max(len(dialled), len(told)) - same


def _hear_all(waiting: select.epoll, by_number: dict[int, Caller], patience_s: float, heard: Heard, plan: Plan) -> None:
    until = time.monotonic() + patience_s
    while True:
        for number, _ in waiting.poll(max(0.0, until - time.monotonic())):
            one, now = by_number[number], time.monotonic()
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                _hear(one, one.socket.recv(2048), now, heard, plan)
        if time.monotonic() >= until:
            return


def _hear(one: Caller, packet: bytes, now: float, heard: Heard, plan: Plan) -> None:
    if len(packet) < 13 or packet[1] & 0x7F != 8:
        return
    heard.packets += 1
    source, sequence = packet[8:12], int.from_bytes(packet[2:4], "big")
    skipped = source == one.last[0] and sequence != (one.last[1] + 1) & 0xFFFF
    if skipped or (plan.continuous and one.last_at and now - one.last_at > GAP_S):
        heard.gaps += 1
    one.last, one.last_at = (source, sequence), now
    if one.awaited and plan.answered(one, packet):
        heard.waits.append((one.awaited, (now - one.since) * 1000))
        one.awaited = ""


def _step(one: Caller, asked: Plan, plan: Plan) -> None:
    """20 ms of this caller: sound, or a part of a digit."""
    if not one.pressed and (key := asked.next_key(one, one.due)):
        one.key, one.pressed = key, PRESSED_STEPS
        one.dialled += key
    if one.pressed:
        _press(one, plan)
    else:
        _send(one, 8, one.stamp, _TALK)
    one.stamp += 160


def _press(one: Caller, plan: Plan) -> None:
    step = PRESSED_STEPS - one.pressed
    one.pressed -= 1
    if one.tones:
        _send(one, 8, one.stamp, _TONE[one.key][160 * step : 160 * step + 160])
        told = not step
    else:
        event, begun, told = bench_menu_host.DIGITS.index(one.key), one.stamp - 160 * step, not one.pressed
        for _ in range(3 if told else 1):
            body = struct.pack("!BBH", event, (0x80 if told else 0) | 10, 160 * (step + 1))
            _send(one, _EVENT, begun, body)
    if told and plan.pressed(one, one.key):
        one.awaited, one.since = one.key, time.monotonic()


def _send(one: Caller, payload: int, stamp: int, body: bytes) -> None:
    one.sequence = (one.sequence + 1) & 0xFFFF
    header = struct.pack("!BBHII", 0x80, payload, one.sequence, stamp & 0xFFFFFFFF, id(one) & 0xFFFFFFFF)
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        one.socket.send(header + body)


def _tone(*frequencies: float) -> bytes:
    at: Any = np.arange(160 * PRESSED_STEPS) / 8000
    return g711.to_alaw(np.rint(sum(6000 * np.sin(2 * np.pi * f * at) for f in frequencies)).astype(np.int16))


_SILENT = Silent()
_TALK = g711.to_alaw((np.random.default_rng(1).normal(0, 300, 160)).astype(np.int16))
_TONE = {
    digit: _tone(low, high)
    for low, row in zip(_TONES[0], _KEYS, strict=True)
    for high, digit in zip(_TONES[1], row, strict=True)
}
