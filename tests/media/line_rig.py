"""Persons with a phone that speaks RTP, and what tests of lines ask of them. Nothing here knows which relay is under test."""

from __future__ import annotations

import contextlib
import struct
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from media_rig import HOST, Box, Phone, ask, drive

from cadran.voice.media import g711, port, sdp

BRAND = "tests"
CODERS = {8: g711.to_alaw, 0: g711.to_ulaw}
DECODERS = {8: g711.from_alaw, 0: g711.from_ulaw}
PITCHES = {"one": 500, "two": 900, "three": 1500}
KEYS = {digit: (low, high) for low, row in zip((697, 770, 852, 941), ("123", "456", "789", "*0#"), strict=True)
        for high, digit in zip((1209, 1336, 1477), row, strict=True)}  # fmt: skip


def drive_for(seconds: float) -> None:
    end = time.monotonic() + seconds
    drive(lambda: time.monotonic() >= end)


def tone(frequencies: tuple[float, ...], seconds: float, size: int = 6000) -> g711.Samples:
    at = np.arange(int(8000 * seconds)) / 8000
    return np.rint(sum(size * np.sin(2 * np.pi * f * at) for f in frequencies)).astype(np.int16)


def write_prompts(brands: Path) -> None:
    """Three short prompts, `tests/fr/one` to `three`, and a long one."""
    folder = brands / BRAND / "prompts" / "fr"
    folder.mkdir(parents=True)
    for name, pitch in PITCHES.items():
        _write(folder / f"{name}.wav", tone((pitch,), 0.2))
    _write(folder / "long.wav", tone((300,), 3.0))


def _write(path: Path, samples: g711.Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def prompt(*names: str) -> tuple[str, ...]:
    return tuple(f"{BRAND}/fr/{name}" for name in names)


def coded(*names: str, law: int = 8) -> bytes:
    """What a phone hears when these prompts are played."""
    return b"".join(CODERS[law](tone((PITCHES[name],), 0.2)) for name in names)


class Person(Phone):
    """A phone whose owner talks (a letter of its own), dials, and listens. `to`: the port of the line that it sends to."""

    def __init__(self, letter: str = "p") -> None:
        super().__init__()
        self.letter, self.to, self.clock = letter, 0, 0
        self.formats = "8 0 101"

    def send(self, body: bytes, payload: int, stamp: int, *, marked: bool = False) -> None:
        self.sent += 1
        header = struct.pack("!BBHII", 0x80, payload | marked << 7, self.sent & 0xFFFF, stamp, ord(self.letter))
        self.socket.sendto(header + body, (HOST, self.to))

    def talk(self, count: int = 3) -> None:
        for _ in range(count):
            self.send(self.letter.encode() * 160, 8, self.clock)
            self.clock += 160
            time.sleep(0.002)

    def press(self, digit: str, *, steps: int = 3, step: int = 160, ends: int = 3) -> None:
        """A digit by RFC 4733: its start, as often as it lasts, and its end three times."""
        event = "0123456789*#ABCD".index(digit)
        for number in range(1, steps + ends + 1):
            ended = 0x80 if number > steps else 0
            duration = min(number, steps) * step
            self.send(struct.pack("!BBH", event, ended | 10, duration), 101, self.clock, marked=number == 1)
            time.sleep(0.001)
        self.clock += steps * step + 160

    def sing(self, samples: g711.Samples, law: int = 8, pace_s: float = 0.001) -> None:
        """Sound, in packets of 20 ms, faster than real time."""
        for start in range(0, len(samples) - 159, 160):
            self.send(CODERS[law](samples[start : start + 160]), law, self.clock)
            self.clock += 160
            time.sleep(pace_s)

    def sound(self) -> bytes:
        """What was heard since it was last asked, without digits."""
        return b"".join(packet[12:] for packet in self.packets() if packet[1] & 0x7F in (0, 8))

    def digits(self) -> set[int]:
        """The events heard since it was last asked."""
        return {packet[12] for packet in self.packets() if packet[1] & 0x7F == 101}

    def hears(self, other: Person) -> bool:
        """Whether what the other says now comes here, and nothing else."""
        return self._heard_of(other, 1.0) == {other.letter.encode() * 160}

    def misses(self, other: Person) -> bool:
        """Whether nothing comes here while the other speaks."""
        return not self._heard_of(other, 0.07)

    def _heard_of(self, other: Person, patience_s: float) -> set[bytes]:
        drive_for(0.02)
        self.packets()
        other.talk()
        end, heard = time.monotonic() + patience_s, set[bytes]()
        while not heard and time.monotonic() < end:
            drive_for(0.01)
            heard = {packet[12:] for packet in self.packets()}
        return heard


class Call:
    """A line with its person, and what it was told."""

    def __init__(self, line: port.Line, person: Person) -> None:
        self.line, self.person = line, person
        self.digits, self.ended = Box(), Box()
        line.on_digit, line.on_ended = self.digits, self.ended

    @property
    def dialled(self) -> str:
        return "".join(self.digits.values)

    def second(self, person: Person, formats: str = "8 101") -> bool:
        """A second person is offered to, answers, and is bridged."""
        offered = ask(self.line.second)
        assert offered is not None
        person.to = sdp.parse(offered).port
        return bool(ask(self.line.bridge, person.sdp(formats)))

    def says(self, *names: str, times: int = 1) -> Box:
        finished = Box()
        self.line.play(prompt(*names), finished, times=times)
        assert not finished.values, "told before the method returned"
        return finished

    def renewed(self, offer: str, second: bool = False) -> sdp.Description | None:
        box = Box()
        self.line.renew(second=second, offer=offer, done=box)
        text = box.get()
        return sdp.parse(text) if text else None


@contextlib.contextmanager
def calling(lines: port.Lines, person: Person, formats: str = "8 0 101") -> Iterator[Call]:
    """A person who has called and was answered."""
    line = ask(lines.open_line, "call")
    assert line is not None
    call = Call(line, person)
    answered = ask(line.answer, person.sdp(formats))
    assert answered is not None
    person.to = sdp.parse(answered).port
    yield call
    line.close()
