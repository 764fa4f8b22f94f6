"""The carrier's own sound: G.711 tones, and what it hears measured."""

from __future__ import annotations

import math
from functools import lru_cache

PCMU, PCMA = 0, 8
RATE = 8000
FRAME = 160


def _a_law(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = (mantissa << 4) + 8 if not exponent else ((mantissa << 4) + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


def _mu_law(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


@lru_cache
def linear(codec: int) -> tuple[int, ...]:
    return tuple(map(_a_law if codec == PCMA else _mu_law, range(256)))


@lru_cache(maxsize=32)
def tone(hertz: int, codec: int) -> tuple[bytes, ...]:
    """One second of a tone, as 50 frames."""
    table = linear(codec)
    nearest: dict[int, int] = {}
    for index in range(RATE):
        value = round(8000 * math.sin(2 * math.pi * hertz * index / RATE))
        if value not in nearest:
            nearest[value] = min(range(256), key=lambda code, value=value: abs(table[code] - value))  # type: ignore[misc]
    coded = bytes(nearest[round(8000 * math.sin(2 * math.pi * hertz * index / RATE))] for index in range(RATE))
    return tuple(coded[start : start + FRAME] for start in range(0, RATE, FRAME))


def level_dbfs(payload: bytes, codec: int) -> float:
    table = linear(codec)
    power = sum(table[code] ** 2 for code in payload) / max(1, len(payload))
    return round(10 * math.log10(power) - 90.3, 1) if power > 0 else -99.0


def pitch_hz(payload: bytes, codec: int) -> int | None:
    """The rate of upward zero crossings: the frequency, if it is a tone; None for silence."""
    table = linear(codec)
    samples = [table[code] for code in payload]
    if len(samples) < 2 * FRAME or level_dbfs(payload, codec) < -50:
        return None
    ups = []
    for index in range(1, len(samples)):
        before, after = samples[index - 1], samples[index]
        if before < 0 <= after:
            ups.append(index - 1 + before / (before - after))
    return round((len(ups) - 1) * RATE / (ups[-1] - ups[0])) if len(ups) > 3 else None
