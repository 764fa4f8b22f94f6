"""One call's RTP (RFC 3550) with telephone-events (RFC 4733), without I/O: frames out every 20 ms, packets in, figures."""

from __future__ import annotations

import array
import random
import struct
from collections import deque
from dataclasses import dataclass

from cadran.voice.phone import sdp, sound

DIGITS = "0123456789*#ABCD"
HEARD_FRAMES = 25  # half a second
MOST_DIGITS = 64
LONGEST_RECORDING_S = 3600
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")


@dataclass(frozen=True, slots=True)
class Figures:
    """`quiet_s` is the time since the last packet (None before the first), `tone_hz` the pitch of the last half second."""

    packets_in: int
    packets_out: int
    lost: int
    late: int
    jitter_ms: float
    level_dbfs: float
    level_out_dbfs: float
    tone_hz: int | None
    quiet_s: float | None


class Stream:
    """Sends the microphone, or digits instead of it, and listens. The codec is set when the other side is known."""

    def __init__(
        self, microphone: array.array[int], *, record: bool = False, source: random.Random | None = None
    ) -> None:
        chance = source or random.SystemRandom()
        self._ssrc, self._sequence = chance.getrandbits(32), chance.getrandbits(16)
        self._time = chance.getrandbits(32)
        self._microphone = microphone
        self._codec, self._events = sdp.PCMA, sdp.EVENTS
        self._coded: dict[int, bytes] = {}
        self._place = 0
        self._digits: deque[tuple[int, int]] = deque()
        self.muted = False
        self.digits_heard = ""
        self.packets_in = self.packets_out = self.late = 0
        self._first = self._highest = self._received = 0
        self._their_ssrc: int | None = None
        self._transit: float | None = None
        self._jitter = 0.0
        self._last_in: float | None = None
        self._last_event: int | None = None
        self._heard: deque[tuple[int, bytes]] = deque(maxlen=HEARD_FRAMES)
        self._said: deque[bytes] = deque(maxlen=HEARD_FRAMES)
        self._recording: array.array[int] | None = array.array("h") if record else None
        self._recorded_to: int | None = None

    def agree(self, media: sdp.Media, offered: tuple[int, ...]) -> None:
        """Takes the codec and the type of events that both sides have."""
        self._codec = next((codec for codec in media.codecs if codec in offered), media.codecs[0])
        if media.events is not None:
            self._events = media.events

    # out

    def dial(self, digits: str) -> None:
        """Queues digits as telephone-events: 100 ms each, its end three times, 60 ms of pause."""
        for digit in digits.upper():
            if digit in DIGITS and len(self._digits) < MOST_DIGITS * 11:
                event = DIGITS.index(digit)
                self._digits.extend((event, step) for step in range(8))
                self._digits.extend([(-1, 0)] * 3)

    def frame(self) -> bytes:
        """The packet of the next 20 ms."""
        if self._digits:
            event, step = self._digits.popleft()
            if event >= 0:
                return self._event(event, step)
        payload = self._next_sound()
        self._said.append(payload)
        packet = self._packet(self._codec, payload)
        self._time = (self._time + sound.FRAME) & 0xFFFFFFFF
        return packet

    def _event(self, event: int, step: int) -> bytes:
        duration = min(step + 1, 5) * sound.FRAME
        body = _EVENT.pack(event, 0x8A if step >= 5 else 0x0A, duration)
        packet = self._packet(self._events, body, mark=step == 0)
        if step == 7:
            self._time = (self._time + 8 * sound.FRAME) & 0xFFFFFFFF
        return packet

    def _next_sound(self) -> bytes:
        if self.muted or len(self._microphone) < sound.FRAME:
            return sound.silence(self._codec)
        coded = self._coded.get(self._codec)
        if coded is None:
            coded = self._coded[self._codec] = sound.encode(self._microphone, self._codec)
        part = coded[self._place : self._place + sound.FRAME]
        self._place = (self._place + sound.FRAME) % len(coded)
        missing = sound.FRAME - len(part)
        return part + coded[:missing] if missing else part

    def _packet(self, kind: int, payload: bytes, *, mark: bool = False) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets_out += 1
        return _HEADER.pack(0x80, kind | (0x80 if mark else 0), self._sequence, self._time, self._ssrc) + payload

    # in

    def receive(self, now: float, data: bytes) -> str:
        """One datagram. Returns the digit that begins with it, or ""; what is not RTP is dropped."""
        if len(data) < 12 or data[0] >> 6 != 2 or 192 <= data[1] <= 223:
            return ""
        start = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10 and len(data) >= start + 4:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        payload = data[start : len(data) - data[-1]] if data[0] & 0x20 else data[start:]
        _, kind, sequence, stamp, ssrc = _HEADER.unpack_from(data)
        self._count(now, sequence, stamp, ssrc)
        kind &= 0x7F
        if kind == self._events and len(payload) >= 4:
            return self._event_heard(payload, stamp)
        if kind in sdp.NAMES and 0 < len(payload) <= 1600:
            self._heard.append((kind, payload))
            if self._recording is not None:
                self._record(kind, payload, stamp)
        return ""

    def _count(self, now: float, sequence: int, stamp: int, ssrc: int) -> None:
        self.packets_in += 1
        self._last_in = now
        if ssrc != self._their_ssrc:
            self._their_ssrc, self._first, self._highest, self._received = ssrc, sequence, sequence, 0
            self._transit = self._recorded_to = None
        step = (sequence - self._highest) & 0xFFFF
        if step < 0x8000:
            self._highest += step
        else:
            self.late += 1
        self._received += 1
        transit = now * sound.RATE - stamp
        if self._transit is not None and abs(transit - self._transit) < sound.RATE:
            self._jitter += (abs(transit - self._transit) - self._jitter) / 16
        self._transit = transit

    def _event_heard(self, payload: bytes, stamp: int) -> str:
        if stamp == self._last_event or payload[0] >= len(DIGITS):
            return ""
        self._last_event = stamp
        digit = DIGITS[payload[0]]
        self.digits_heard = (self.digits_heard + digit)[-MOST_DIGITS:]
        return digit

    def _record(self, kind: int, payload: bytes, stamp: int) -> None:
        recording = self._recording
        if recording is None or len(recording) > LONGEST_RECORDING_S * sound.RATE:
            return
        gap = (stamp - self._recorded_to) & 0xFFFFFFFF if self._recorded_to is not None else 0
        if 0 < gap < 5 * sound.RATE:
            recording.extend([0] * gap)
        recording.extend(sound.decode(payload, kind))
        self._recorded_to = (stamp + len(payload)) & 0xFFFFFFFF

    @property
    def recording(self) -> array.array[int] | None:
        return self._recording

    def figures(self, now: float) -> Figures:
        quiet = None if self._last_in is None else round(now - self._last_in, 3)
        heard = array.array("h")
        if quiet is not None and quiet < 0.5:
            for kind, payload in self._heard:
                heard.extend(sound.decode(payload, kind))
        said = sound.decode(b"".join(self._said), self._codec)
        expected = self._highest - self._first + 1 if self._received else 0
        return Figures(
            packets_in=self.packets_in,
            packets_out=self.packets_out,
            lost=max(0, expected - self._received),
            late=self.late,
            jitter_ms=round(self._jitter * 1000 / sound.RATE, 2),
            level_dbfs=sound.level_dbfs(heard),
            level_out_dbfs=sound.level_dbfs(said),
            tone_hz=sound.pitch_hz(heard),
            quiet_s=quiet,
        )
