"""A recording of one line: a WAV of 8 kHz, 16 bits, two channels; on the left what the person says, on the right what it hears.

Sound stands where it came in time. What comes unevenly is put in a row as long as it keeps up; where nothing came there is silence.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cadran.voice.media import g711, prompts, sdp

SAYS, HEARS = 0, 1
LAG_S = 0.3  # how long a packet may be under way before silence stands in its place
SLACK_SAMPLES = 480
AHEAD_SAMPLES = 4000
MAX_S = 4 * 3600.0
_DECODED = {sdp.PCMA: g711.from_alaw, sdp.PCMU: g711.from_ulaw}


@dataclass(slots=True)
class _Prompt:
    """What the relay plays: samples, and the place of the next one; rounds left, negative without end."""

    samples: g711.Samples
    at: int
    rounds: int


@dataclass(slots=True)
class Recording:
    """Writes beside `path` and takes its name when it is kept. Times are seconds of one monotonic clock."""

    path: Path
    began: float
    _sound: list[list[g711.Samples]] = field(default_factory=lambda: [[], []])
    _length: list[int] = field(default_factory=lambda: [0, 0])
    _written: int = 0
    _prompt: _Prompt | None = None
    _file: BinaryIO | None = None

    def open(self) -> None:
        """Raises OSError when the place cannot be written."""
        handle = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._file.write(_header(0))

    def add(self, channel: int, sound: bytes, law: int, now: float) -> None:
        """A packet's sound. Nothing of the second person is heard while a prompt plays."""
        if channel == HEARS and self._prompt is not None:
            return
        samples = _DECODED[law](sound)
        here = self._place(now) - len(samples)
        if self._length[channel] < here - SLACK_SAMPLES:
            self._silence(channel, here)
        if self._length[channel] < here + AHEAD_SAMPLES:  # else a clock that runs too fast, or a flood
            self._append(channel, samples)

    def play(self, coded: bytes, law: int, times: int, offset_s: float, now: float) -> None:
        """The relay plays this into the person's ear, `offset_s` of it is over."""
        self.hush(now)
        samples = _DECODED[law](coded)
        self._silence(HEARS, self._place(now))
        if len(samples):
            rounds, at = divmod(int(offset_s * prompts.SAMPLES_PER_S), len(samples))
            self._prompt = _Prompt(samples, at, max(0, times - rounds) if times >= 0 else -1)

    def hush(self, now: float) -> None:
        """It plays no more."""
        self._play_until(self._place(now))
        self._prompt = None

    def write(self, now: float, lag_s: float = LAG_S) -> None:
        """Write what can be complete by now. Raises OSError."""
        until = min(self._place(now - lag_s), self._place(self.began + MAX_S))
        self._play_until(self._place(now))
        if until <= self._written or self._file is None:
            return
        for channel in (SAYS, HEARS):
            self._silence(channel, until)
        rows = np.stack([self._taken(channel, until) for channel in (SAYS, HEARS)], axis=1)
        self._file.write(rows.astype("<i2").tobytes())
        self._written = until

    def keep(self, now: float) -> None:
        """The end: the file takes its name. Raises OSError."""
        file = self._file
        if file is None:
            return
        self.write(now, 0)
        file.seek(0)
        file.write(_header(self._written))
        file.close()
        self._file = None
        os.replace(self._draft, self.path)

    def drop(self) -> None:
        """It could not be written: nothing of it stays."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
            self._draft.unlink(missing_ok=True)

    @property
    def _draft(self) -> Path:
        return self.path.with_name(f".{self.path.name}.part")

    def _place(self, now: float) -> int:
        return max(0, round((now - self.began) * prompts.SAMPLES_PER_S))

    def _play_until(self, place: int) -> None:
        while (prompt := self._prompt) is not None and self._length[HEARS] < place and prompt.rounds:
            part = prompt.samples[prompt.at : prompt.at + place - self._length[HEARS]]
            self._append(HEARS, part)
            prompt.at += len(part)
            if prompt.at >= len(prompt.samples):
                prompt.at, prompt.rounds = 0, prompt.rounds - 1
        if self._prompt is not None and not self._prompt.rounds:
            self._prompt = None

    def _silence(self, channel: int, until: int) -> None:
        if (missing := until - self._length[channel]) > 0:
            self._append(channel, np.zeros(missing, np.int16))

    def _append(self, channel: int, samples: g711.Samples) -> None:
        self._sound[channel].append(samples)
        self._length[channel] += len(samples)

    def _taken(self, channel: int, until: int) -> g711.Samples:
        joined = np.concatenate([*self._sound[channel], np.zeros(0, np.int16)])
        count = until - self._written
        self._sound[channel] = [joined[count:]]
        return joined[:count]


def _header(rows: int) -> bytes:
    """Of a WAV with so many rows."""
    size = 4 * rows
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, prompts.SAMPLES_PER_S, prompts.SAMPLES_PER_S * 4, 4, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)
