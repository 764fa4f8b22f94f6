"""An operator's recording (WAV of any rate, channels and sample form) made into what prompts are: 8 kHz, mono, 16 bits.

The file is read here, not by `wave`, which knows neither 32-bit float nor the extensible form. Frequencies that 8 kHz cannot carry are
taken out before the samples are thinned, by a windowed sinc (Kaiser, 80 dB down from 4 kHz on), so that nothing folds back.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

from cadran.units import errors
from cadran.voice.media import g711

RATE = 8000
LEAST_RATE, MOST_RATE = 4000, 192_000
MOST_CHANNELS = 8
SHORTEST_S, LONGEST_S = 0.1, 60.0
MOST_BYTES = 12 * 1024 * 1024
PEAK = 0.7 * 32767
LOUDNESS = 0.13 * 32767  # as scripts/make_prompts.py levels what is shipped
SILENT = 0.001  # of the full scale: below it nobody hears anything
HEARD = 0.05  # of the recording's power must lie in the band
STEP_HZ = 25
PASSES_HZ, STOPS_HZ = 3400.0, 4000.0
_BETA = 7.86  # Kaiser's for 80 dB
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE

Floats = npt.NDArray[np.float64]


class RecordingRefused(errors.InvalidInput):
    """A file that cannot become a prompt. Nothing was kept."""

    error_id = "voice-recording-refused"


@dataclass(frozen=True, slots=True)
class _Form:
    code: int
    channels: int
    rate: int
    bits: int


def converted(data: bytes) -> g711.Samples:
    """The recording at 8 kHz, mono, 16 bits, as loud as the shipped ones. Raises RecordingRefused."""
    if len(data) > MOST_BYTES:
        raise RecordingRefused(f"a recording has up to {MOST_BYTES // 1024 // 1024} MB", reason="too-large")
    form, raw = _chunks(data)
    samples = _mono(form, raw)
    length_s = len(samples) / form.rate
    if not SHORTEST_S <= length_s <= LONGEST_S:
        raise RecordingRefused(
            f"a recording lasts {SHORTEST_S:g} to {LONGEST_S:g} seconds, not {length_s:.2f}", reason="length"
        )
    samples = samples - samples.mean()
    if np.abs(samples).max() < SILENT:
        raise RecordingRefused("this recording is silent", reason="silent")
    made = resampled(samples, form.rate)
    if np.sqrt(np.mean(made**2)) < HEARD * np.sqrt(np.mean(samples**2)):
        raise RecordingRefused("nothing of this recording lies in the band of telephones", reason="silent")
    return _levelled(made)


def resampled(samples: Floats, rate: int) -> Floats:
    """At 8 kHz, without what lies above 4 kHz. A rate that no device has is taken for the nearest multiple of 25 Hz: a pitch that is
    off by a thousandth is not heard, and each fraction of a sample costs a filter of its own."""
    rate = STEP_HZ * round(rate / STEP_HZ)
    if rate == RATE:
        return samples
    common = gcd(rate, RATE)
    step, phases = rate // common, RATE // common  # output n lies at n * step / phases of the input
    stop = min(STOPS_HZ, rate / 2)
    passes = PASSES_HZ * stop / STOPS_HZ
    half = int(np.ceil((80 - 8) / (2.285 * 2 * np.pi * (stop - passes) / rate) / 2))
    cutoff = (passes + stop) / rate  # of the sinc, in half cycles a sample
    length = int(len(samples) * RATE // rate)
    padded = np.concatenate([np.zeros(half), samples, np.zeros(half + step + 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    out = np.zeros(length)
    taps = np.arange(-half, half + 1)
    for phase in range(min(phases, length)):
        begin, part = divmod(phase * step, phases)
        at = taps - part / phases
        inside = np.clip(1 - (at / (half + 1)) ** 2, 0, None)
        kernel = cutoff * np.sinc(cutoff * at) * np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA)
        kernel /= kernel.sum()
        count = len(range(phase, length, phases))
        out[phase::phases] = windows[begin : begin + (count - 1) * step + 1 : step] @ kernel
    return out


def _levelled(samples: Floats) -> g711.Samples:
    """As loud as the shipped recordings where it is voiced, and never clipped."""
    loudest = np.abs(samples).max()
    voiced = np.abs(samples) > 0.1 * loudest
    gain = min(LOUDNESS / np.sqrt(np.mean(samples[voiced] ** 2)), PEAK / loudest)
    made: g711.Samples = (samples * gain).round().astype(np.int16)
    return made


def _chunks(data: bytes) -> tuple[_Form, bytes]:
    """The form and the raw samples of a RIFF file; chunks of other kinds are passed over."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise RecordingRefused("this is not a WAV file: save the recording as WAV", reason="not-wav")
    at, form = 12, None
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if kind == b"fmt ":
            form = _form(data[at + 8 : at + 8 + size])
        elif kind == b"data":
            if form is None:
                break
            return form, data[at + 8 : at + 8 + size]  # a file that is cut short gives what there is
        at += 8 + size + size % 2
    raise RecordingRefused("this WAV file has no sound in it, or does not say its form first", reason="not-wav")


def _form(chunk: bytes) -> _Form:
    if len(chunk) < 16:
        raise RecordingRefused("this WAV file does not say its form", reason="not-wav")
    code, channels, rate, _bytes_s, block, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == _EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]
    right = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}
    if code not in right:
        raise RecordingRefused(
            f"save the recording as PCM or float, not in the compressed form {code} of WAV", reason="compressed"
        )
    if bits not in right[code] or block != channels * bits // 8:
        raise RecordingRefused(f"samples of {bits} bits are not read: use 8, 16, 24 or 32", reason="bits")
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise RecordingRefused(f"the rate lies between {LEAST_RATE} and {MOST_RATE} Hz, not {rate}", reason="rate")
    if not 1 <= channels <= MOST_CHANNELS:
        raise RecordingRefused(f"a recording has 1 to {MOST_CHANNELS} channels, not {channels}", reason="channels")
    return _Form(code, channels, rate, bits)


def _mono(form: _Form, raw: bytes) -> Floats:
    """Samples from -1 to 1, channels averaged."""
    width = form.bits // 8
    whole = len(raw) // (width * form.channels) * width * form.channels
    if whole // (width * form.channels) > LONGEST_S * form.rate + form.rate:
        raise RecordingRefused(f"a recording lasts up to {LONGEST_S:g} seconds", reason="length")
    raw = raw[:whole]
    made: Floats
    if form.code == _FLOAT:
        made = np.frombuffer(raw, f"<f{width}").astype(np.float64)
        if not np.isfinite(made).all():
            raise RecordingRefused("this recording has samples that are no numbers", reason="not-finite")
        made = np.clip(made, -8.0, 8.0)
    elif form.bits == 8:
        made = (np.frombuffer(raw, np.uint8).astype(np.float64) - 128) / 128
    elif form.bits == 24:
        parts = np.frombuffer(raw, np.uint8).reshape(-1, 3).astype(np.int32)
        made = ((parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24) >> 8) / float(1 << 23)
    else:
        made = np.frombuffer(raw, f"<i{width}").astype(np.float64) / float(1 << (form.bits - 1))
    if not len(made):
        raise RecordingRefused("this WAV file has no sound in it", reason="not-wav")
    averaged: Floats = made.reshape(-1, form.channels).mean(axis=1)
    return averaged
