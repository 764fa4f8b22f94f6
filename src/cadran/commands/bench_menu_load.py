"""The callers of `cadran bench menu`: each sends a packet of sound every 20 ms, dials now and then, and listens."""

from __future__ import annotations

import contextlib
import difflib
import random
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    """One of them. due: when it sends next. awaited: the digit whose prompt has not come, and since when."""

    socket: socket.socket
    offer: str
    tones: bool
    due: float = 0.0
    steps_left: int = 0
    sequence: int = 0
    stamp: int = 0
    dialled: str = ""
    pressed: int = 0
    awaited: str = ""
    since: float = 0.0
    last_at: float = 0.0
    last: tuple[bytes, int] = (b"", 0)


@dataclass(slots=True)
class Heard:
    """What all of them heard. waits_ms: from a digit's last packet (a tone's first) to the first one of its prompt."""

    waits_ms: list[float] = field(default_factory=list)
    packets: int = 0
    gaps: int = 0
    unanswered: int = 0
    digits: int = 0
    wrong: int = 0

    def judge(self, callers: Sequence[Caller], told: Sequence[str]) -> None:
        """Compare what was dialled with what the menu was told; a prompt that never came counts as well."""
        self.digits = sum(len(one.dialled) for one in callers)
        self.wrong = self.unanswered + sum(_apart(one.dialled, said) for one, said in zip(callers, told, strict=True))


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


def talk(all_callers: Sequence[Caller], seconds: float, *, dialling: bool) -> Heard:
    """For so long; then the prompts still awaited are waited for."""
    heard, chance = Heard(), random.Random(20)  # noqa: S311 - the same load each time
    by_number = {one.socket.fileno(): one for one in all_callers}
    waiting = select.epoll()
    for number in by_number:
        waiting.register(number, select.EPOLLIN)
    began = time.monotonic()
    for number, one in enumerate(all_callers):
        one.due = began + STEP_S * number / len(all_callers)
        one.steps_left, one.last_at = chance.randrange(5, PAUSE_STEPS[1]), 0.0
    end, order = began + seconds, list(all_callers)
    with waiting:
        while time.monotonic() < end + (LATE_S if any(one.awaited or one.pressed for one in order) else 0):
            for one in order:
                now = time.monotonic()
                _hear_all(waiting, by_number, max(0.0, one.due - now), heard)
                _step(one, chance, dialling and one.due < end)
                one.due += STEP_S
    heard.unanswered = sum(bool(one.awaited) for one in order)
    for one in order:
        one.awaited = ""
    return heard


def _apart(dialled: str, told: str) -> int:
    """How many digits were lost, wrong or too many."""
    same = sum(
        block.size for block in difflib.SequenceMatcher(None, dialled, told, autojunk=False).get_matching_blocks()
    )
    return max(len(dialled), len(told)) - same


def _hear_all(waiting: select.epoll, by_number: dict[int, Caller], patience_s: float, heard: Heard) -> None:
    until = time.monotonic() + patience_s
    while True:
        for number, _ in waiting.poll(max(0.0, until - time.monotonic())):
            one, now = by_number[number], time.monotonic()
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                _hear(one, one.socket.recv(2048), now, heard)
        if time.monotonic() >= until:
            return


def _hear(one: Caller, packet: bytes, now: float, heard: Heard) -> None:
    if len(packet) < 13 or packet[1] & 0x7F != 8:
        return
    heard.packets += 1
    source, sequence = packet[8:12], int.from_bytes(packet[2:4], "big")
    skipped = source == one.last[0] and sequence != (one.last[1] + 1) & 0xFFFF
    if skipped or (one.last_at and now - one.last_at > GAP_S):
        heard.gaps += 1
    one.last, one.last_at = (source, sequence), now
    if one.awaited and bench_menu_host.SHOWN.get(packet[12]) == one.awaited:
        heard.waits_ms.append((now - one.since) * 1000)
        one.awaited = ""


def _step(one: Caller, chance: random.Random, dialling: bool) -> None:
    """20 ms of this caller: sound, or a part of a digit."""
    if one.pressed:
        _press(one)
    elif dialling and one.steps_left <= 0 and not one.awaited:
        digit = chance.choice([d for d in bench_menu_host.DIGITS if d != one.dialled[-1:]])
        one.dialled += digit
        one.pressed = PRESSED_STEPS
        one.steps_left = chance.randrange(*PAUSE_STEPS)
        _press(one)
    else:
        one.steps_left -= 1
        _send(one, 8, one.stamp, _TALK)
    one.stamp += 160


def _press(one: Caller) -> None:
    digit, step = one.dialled[-1], PRESSED_STEPS - one.pressed
    one.pressed -= 1
    if one.tones:
        _send(one, 8, one.stamp, _TONE[digit][160 * step : 160 * step + 160])
        if not step:
            one.awaited, one.since = digit, time.monotonic()
        return
    event, begun = bench_menu_host.DIGITS.index(digit), one.stamp - 160 * step
    ended = 0x80 if not one.pressed else 0
    for _ in range(3 if ended else 1):
        _send(one, _EVENT, begun, struct.pack("!BBH", event, ended | 10, 160 * (step + 1)))
    if ended:
        one.awaited, one.since = digit, time.monotonic()


def _send(one: Caller, payload: int, stamp: int, body: bytes) -> None:
    one.sequence = (one.sequence + 1) & 0xFFFF
    header = struct.pack("!BBHII", 0x80, payload, one.sequence, stamp & 0xFFFFFFFF, id(one) & 0xFFFFFFFF)
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        one.socket.send(header + body)


def _tone(*frequencies: float) -> bytes:
    at: Any = np.arange(160 * PRESSED_STEPS) / 8000
    return g711.to_alaw(np.rint(sum(6000 * np.sin(2 * np.pi * f * at) for f in frequencies)).astype(np.int16))


_TALK = g711.to_alaw((np.random.default_rng(1).normal(0, 300, 160)).astype(np.int16))
_TONE = {
    digit: _tone(low, high)
    for low, row in zip(_TONES[0], _KEYS, strict=True)
    for high, digit in zip(_TONES[1], row, strict=True)
}
