"""ITU-T G.711: 16-bit samples to A-law and mu-law bytes, and back. Whole arrays, by tables."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


def to_alaw(samples: Samples) -> bytes:
    """One byte for each sample, even bits inverted as on the wire (payload type 8)."""
    return _alaw_table()[samples.view(np.uint16)].tobytes()


def to_ulaw(samples: Samples) -> bytes:
    """One byte for each sample (payload type 0)."""
    return _ulaw_table()[samples.view(np.uint16)].tobytes()


def from_alaw(coded: bytes) -> Samples:
    """16-bit samples of A-law bytes."""
    return _from_alaw_table()[np.frombuffer(coded, np.uint8)]


def from_ulaw(coded: bytes) -> Samples:
    """16-bit samples of mu-law bytes."""
    return _from_ulaw_table()[np.frombuffer(coded, np.uint8)]


@functools.cache
def _from_alaw_table() -> Samples:
    octets = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (octets >> 4) & 7, octets & 15
    size = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(octets & 0x80, size, -size).astype(np.int16)


@functools.cache
def _from_ulaw_table() -> Samples:
    octets = ~np.arange(256, dtype=np.int32) & 0xFF
    size = ((((octets & 15) << 3) + 0x84) << ((octets >> 4) & 7)) - 0x84
    return np.where(octets & 0x80, -size, size).astype(np.int16)


@functools.cache
def _alaw_table() -> npt.NDArray[np.uint8]:
    value = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    mask = np.where(value >= 0, 0xD5, 0x55)
    size = np.where(value >= 0, value, -value - 1)
    segment = np.searchsorted([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF], size)
    step = np.where(segment < 2, size >> 1, size >> np.maximum(segment, 1)) & 15
    return (((segment << 4) | step) ^ mask).astype(np.uint8)


@functools.cache
def _ulaw_table() -> npt.NDArray[np.uint8]:
    value = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    mask = np.where(value < 0, 0x7F, 0xFF)
    size = np.minimum(np.abs(value), 8159) + 0x21
    segment = np.searchsorted([0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF], size)
    coded = np.where(segment >= 8, 0x7F, (segment << 4) | ((size >> (segment + 1)) & 15))
    return (coded ^ mask).astype(np.uint8)
