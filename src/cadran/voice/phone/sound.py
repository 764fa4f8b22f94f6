"""Sound at 8 kHz: G.711 (ITU-T), tones, WAV files, the level and the pitch of what was heard."""

from __future__ import annotations

import array
import math
import sys
import wave
from functools import lru_cache
from pathlib import Path

from cadran.units.errors import CadranError
from cadran.voice.phone import sdp

RATE = 8000
FRAME = 160  # samples of 20 ms
SILENCE_DBFS = -99.0
LONGEST_S = 600


class UnusableSound(CadranError):
    """A WAV file that cannot serve as the microphone."""

    error_id = "phone-unusable-sound"


def _a_to_linear(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (mantissa << 4) + 8 if not exponent else ((mantissa << 4) + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


def _mu_to_linear(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


@lru_cache(maxsize=2)
def decoding(codec: int) -> tuple[int, ...]:
    """256 linear 16-bit samples, by code."""
    return tuple(map(_a_to_linear if codec == sdp.PCMA else _mu_to_linear, range(256)))


@lru_cache(maxsize=2)
def _encoding(codec: int) -> bytes:
    """Codes by (sample + 32768) >> 2: for each step the code whose value lies nearest."""
    by_value = sorted((value, code) for code, value in enumerate(decoding(codec)))
    table, index = bytearray(16384), 0
    for step in range(16384):
        sample = (step << 2) - 32768 + 2
        while index < 255 and abs(by_value[index + 1][0] - sample) <= abs(by_value[index][0] - sample):
            index += 1
        table[step] = by_value[index][1]
    return bytes(table)


def encode(samples: array.array[int], codec: int) -> bytes:
    table = _encoding(codec)
    return bytes([table[(sample + 32768) >> 2] for sample in samples])


def decode(payload: bytes, codec: int) -> array.array[int]:
    table = decoding(codec)
    return array.array("h", [table[code] for code in payload])


def silence(codec: int) -> bytes:
    return (b"\xd5" if codec == sdp.PCMA else b"\xff") * FRAME


def tone(hertz: int, *, seconds: float = 1.0, level_dbfs: float = -12.0) -> array.array[int]:
    """A sine wave; a whole number of seconds at a whole frequency joins on itself without a click."""
    top = 32767 * 10 ** (level_dbfs / 20)
    step = 2 * math.pi * hertz / RATE
    return array.array("h", [round(top * math.sin(step * index)) for index in range(int(RATE * seconds))])


def read_wav(path: Path) -> array.array[int]:
    """A WAV file, 16-bit, mono or stereo (the left ear), brought to 8 kHz by taking the nearest samples."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, frames = (
                file.getnchannels(),
                file.getsampwidth(),
                file.getframerate(),
                file.getnframes(),
            )
            if width != 2 or not 4000 <= rate <= 192_000 or not 0 < frames <= LONGEST_S * rate:
                raise UnusableSound(f"{path}: take a 16-bit WAV of at most {LONGEST_S} seconds")
            samples = array.array("h", file.readframes(frames))
    except (OSError, EOFError, wave.Error) as error:
        raise UnusableSound(f"{path}: not a WAV file that can be read ({error})") from error
    if sys.byteorder == "big":
        samples.byteswap()
    samples = samples[::channels]
    if rate != RATE:
        count = len(samples) * RATE // rate
        samples = array.array("h", [samples[index * rate // RATE] for index in range(count)])
    return samples


def write_wav(path: Path, samples: array.array[int]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def level_dbfs(samples: array.array[int]) -> float:
    """Root mean square in dB below full scale; -99 for silence."""
    if not samples:
        return SILENCE_DBFS
    power = sum(sample * sample for sample in samples) / len(samples)
    return round(max(SILENCE_DBFS, 10 * math.log10(power) - 90.3), 1) if power > 0 else SILENCE_DBFS


def pitch_hz(samples: array.array[int]) -> int | None:
    """The frequency of a single tone, to a few hertz; None for silence, speech or noise.

    Zero crossings give the frequency, and the energy found there tells whether it is a tone at all."""
    if len(samples) < 400 or level_dbfs(samples) < -50:
        return None
    crossings = []
    for index in range(1, len(samples)):
        before, after = samples[index - 1], samples[index]
        if before < 0 <= after:
            crossings.append(index - 1 + before / (before - after))
    if len(crossings) < 4:
        return None
    hertz = (len(crossings) - 1) * RATE / (crossings[-1] - crossings[0])
    return round(hertz) if _share(samples, hertz) > 0.7 else None


def _share(samples: array.array[int], hertz: float) -> float:
    """How much of the energy lies at a frequency, over stretches of 50 ms so that a lost packet does not hide a tone."""
    step, best, energy = 2 * math.pi * hertz / RATE, 0.0, 1.0
    for start in range(0, len(samples) - 399, 400):
        part = samples[start : start + 400]
        real = sum(sample * math.cos(step * index) for index, sample in enumerate(part))
        imaginary = sum(sample * math.sin(step * index) for index, sample in enumerate(part))
        best += 2 * (real * real + imaginary * imaginary) / len(part)
        energy += sum(sample * sample for sample in part)
    return best / energy
