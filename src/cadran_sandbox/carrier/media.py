"""All RTP of the carrier in one thread: a select loop with a 20 ms tick, no thread and no timer per call."""

from __future__ import annotations

import functools
import random
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable

from cadran_sandbox.carrier import sound

DIGITS = "0123456789*#ABCD"
TICK_S = 0.02
HEADER = struct.Struct("!BBHII")
MOST_PER_TURN = 64


class Ear:
    """One call's socket and what goes through it. Other threads read its figures; `commands` of Media change it."""

    def __init__(self, handle: socket.socket) -> None:
        self.handle = handle
        self.port: int = handle.getsockname()[1]
        self.to: tuple[str, int] | None = None
        self.codec, self.events = sound.PCMA, 101
        self.hertz, self.frames_left = 0, 0
        self.echo = False
        self.packets_in = self.packets_out = 0
        self.digits = ""
        self.heard: deque[bytes] = deque(maxlen=25)
        self.last_in: float | None = None
        self._last_event = -1
        self._last_out: float | None = None
        self._ssrc, self._sequence, self._time = (random.getrandbits(bits) for bits in (32, 16, 32))

    def send(self, payload: bytes) -> None:
        if not self.to:
            return
        now = time.monotonic()
        if (
            self._last_out is not None and now - self._last_out > 3 * TICK_S
        ):  # what was not sent has passed all the same
            self._time += round((now - self._last_out) / TICK_S - 1) * sound.FRAME
        self._last_out = now
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = HEADER.pack(0x80, self.codec, self._sequence, self._time & 0xFFFFFFFF, self._ssrc)
        self._time += len(payload)
        try:
            self.handle.sendto(header + payload, self.to)
            self.packets_out += 1
        except OSError:
            return

    def tick(self) -> None:
        if self.frames_left > 0:
            frames = sound.tone(self.hertz, self.codec)
            self.send(frames[self.packets_out % len(frames)])
            self.frames_left -= 1

    def receive(self, data: bytes, now: float) -> None:
        """One datagram: sound is echoed once the tone has ended, digits are noted, the rest is dropped."""
        if len(data) < 13 or data[0] >> 6 != 2 or 192 <= data[1] <= 223:
            return
        start = 12 + 4 * (data[0] & 15)
        kind, payload = data[1] & 0x7F, data[start:]
        self.packets_in += 1
        self.last_in = now
        if kind == self.events and len(payload) >= 4:
            stamp = int.from_bytes(data[4:8], "big")
            if stamp != self._last_event and payload[0] < len(DIGITS):
                self._last_event = stamp
                self.digits = (self.digits + DIGITS[payload[0]])[-64:]
        elif kind == self.codec and 0 < len(payload) <= 1600:
            self.heard.append(payload)
            if self.echo and self.frames_left <= 0:
                self.send(payload)

    def figures(self, now: float) -> dict[str, object]:
        fresh = self.last_in is not None and now - self.last_in < 0.5
        payload = b"".join(self.heard) if fresh else b""
        return {
            "packets_in": self.packets_in,
            "packets_out": self.packets_out,
            "heard_hz": sound.pitch_hz(payload, self.codec),
            "heard_dbfs": sound.level_dbfs(payload, self.codec),
            "quiet_s": None if self.last_in is None else round(now - self.last_in, 3),
            "digits": self.digits,
        }


class Media(threading.Thread):
    def __init__(self, host: str, low: int, high: int) -> None:
        super().__init__(daemon=True, name="rtp")
        self._host, self._low, self._high = host, low, high
        self._next = low
        self._commands: deque[Callable[[], None]] = deque()
        self._selector = selectors.DefaultSelector()
        self._ears: set[Ear] = set()
        self._stopped = False

    def open(self) -> Ear:
        """A socket on an even port of the range. Raises OSError when all are taken."""
        for _ in range(self._low, self._high + 1, 2):
            port, self._next = self._next, self._next + 2 if self._next + 2 <= self._high else self._low
            handle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                handle.bind((self._host, port))
            except OSError:
                handle.close()
                continue
            handle.setblocking(False)
            ear = Ear(handle)
            self._commands.append(functools.partial(self._add, ear))
            return ear
        raise OSError("no RTP port is free")

    def do(self, act: Callable[[], None]) -> None:
        """Has the media thread carry this out at its next tick."""
        self._commands.append(act)

    def close(self, ear: Ear) -> None:
        self._commands.append(lambda: self._remove(ear))

    def stop(self) -> None:
        self._stopped = True

    def _add(self, ear: Ear) -> None:
        self._ears.add(ear)
        self._selector.register(ear.handle, selectors.EVENT_READ, ear)

    def _remove(self, ear: Ear) -> None:
        if ear in self._ears:
            self._ears.discard(ear)
            self._selector.unregister(ear.handle)
            ear.handle.close()

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopped:
            due = max(due + TICK_S, time.monotonic() - 5 * TICK_S)
            while (left := due - time.monotonic()) > 0:
                for key, _ in self._selector.select(left):
                    self._read(key.data)
            while self._commands:
                self._commands.popleft()()
            for ear in self._ears:
                ear.tick()

    def _read(self, ear: Ear) -> None:
        now = time.monotonic()
        for _ in range(MOST_PER_TURN):
            try:
                data = ear.handle.recv(2048)
            except OSError:
                return
            ear.receive(data, now)
