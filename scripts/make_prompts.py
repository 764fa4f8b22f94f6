#!/usr/bin/env python3
"""Make the recordings of src/cadran/voice/prompts again from its manifest, with espeak-ng (Debian: apt-get install espeak-ng).

Each is a WAV of 8 kHz, mono, 16 bits, at an even level, limited to the telephone band; silence before and after is cut, so that
fragments flow into one sentence. usage: make_prompts.py [--check] [name ...]
--check makes nothing: it says whether each text of the manifest has a recording, and each recording a text. Names: only those.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

PROMPTS = Path(__file__).resolve().parents[1] / "src" / "cadran" / "voice" / "prompts"
RATE = 8000
PEAK = 0.7 * 32767
LOUDNESS = 0.13 * 32767  # root mean square of what is voiced
# Silence before and after, in seconds: whole sentences breathe, those that a value follows do not, fragments hardly.
LONGEST_PAUSE_S = 0.16
SILENT = 0.04  # of the loudest 10 ms
SENTENCE, LEADING, FRAGMENT = (0.04, 0.12), (0.04, 0.03), (0.0, 0.02)


def main() -> int:
    manifest = tomllib.loads((PROMPTS / "manifest.toml").read_text())
    wanted = makers(manifest)
    if "--check" in sys.argv:
        there = set(PROMPTS.glob("*/*.wav"))
        wrong = sorted(str(path.relative_to(PROMPTS)) for path in there ^ set(wanted))
        print("\n".join(wrong) or f"{len(wanted)} recordings, all in the manifest")
        return 1 if wrong else 0
    only = set(sys.argv[1:])
    for path, make in wanted.items():
        if not only or path.stem in only:
            path.parent.mkdir(parents=True, exist_ok=True)
            save(path, make())
    print(f"{sum(path.stat().st_size for path in wanted if path.exists()):,} bytes in {len(wanted)} recordings")
    return 0


def makers(manifest: dict) -> dict[Path, Callable[[], np.ndarray]]:
    """How to make each recording, by its path."""
    found: dict[Path, Callable[[], np.ndarray]] = {}
    for language, voice in manifest["voices"].items():
        quicker = voice | {"words_per_minute": voice["fragments_per_minute"]}
        for name, texts in manifest["prompts"].items():
            around = SENTENCE if texts[language][-1] in ".!?:" else LEADING
            found[PROMPTS / language / f"{name}.wav"] = lambda t=texts[language], v=voice, a=around: spoken(t, v, a)
        for name, text in manifest["fragments"][language].items():
            said = text.rpartition(" | ")[2]
            found[PROMPTS / language / f"{name}.wav"] = lambda t=said, v=quicker: spoken(t, v, FRAGMENT)
        for name, tones in manifest["tones"].items():
            found[PROMPTS / language / f"{name}.wav"] = lambda t=tones[language]: tone(t)
    return found


def spoken(text: str, voice: dict, around: tuple[float, float]) -> np.ndarray:
    """The text as samples at 8 kHz, at an even loudness, with a short silence before and after."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.wav"
        speed = str(voice["words_per_minute"])
        subprocess.run(["espeak-ng", "-v", voice["name"], "-s", speed, "-w", str(made), text], check=True)
        with wave.open(str(made), "rb") as file:
            rate, raw = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = resampled(raw.astype(float), rate)
    power = np.convolve(samples**2, np.ones(RATE // 100) / (RATE // 100), "same")  # over 10 ms
    loud = np.flatnonzero(power > SILENT**2 * power.max())
    samples = breathing(samples, loud)
    voiced = np.abs(samples) > 0.1 * np.abs(samples).max()
    samples *= min(LOUDNESS / np.sqrt(np.mean(samples[voiced] ** 2)), PEAK / np.abs(samples).max())
    faded = min(len(samples) // 4, RATE // 200)  # 5 ms, so that joints do not click
    samples[:faded] *= np.linspace(0, 1, faded)
    samples[-faded:] *= np.linspace(1, 0, faded)
    before, after = (np.zeros(int(seconds * RATE)) for seconds in around)
    return np.concatenate([before, samples, after]).round().astype("<i2")


def breathing(samples: np.ndarray, loud: np.ndarray) -> np.ndarray:
    """From the first sound to the last, with pauses between of LONGEST_PAUSE_S at most. loud: where there is sound."""
    longest = int(LONGEST_PAUSE_S * RATE)
    parts, begun = [], loud[0]
    for at in np.flatnonzero(np.diff(loud) > longest):
        parts.append(samples[begun : loud[at] + longest // 2])
        begun = loud[at + 1] - longest // 2
    return np.concatenate([*parts, samples[begun : loud[-1] + 1]])


def tone(form: dict) -> np.ndarray:
    """Frequencies on and off, as the manifest says."""
    parts = []
    for at, length in enumerate(form["on_off_ms"]):
        t = np.arange(length * RATE // 1000) / RATE
        hertz = form["hertz"] if at % 2 == 0 else []
        waves = [np.sin(2 * np.pi * one * t) / len(hertz) for one in hertz]
        parts.append(sum(waves, np.zeros(len(t))) * form["level"] * 32767 * np.sqrt(2))
    return np.concatenate(parts).round().astype("<i2")


def resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """To 8 kHz in the telephone band (300 to 3400 Hz), by the spectrum of the whole recording."""
    spectrum = np.fft.rfft(samples)
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum[(frequency < 200) | (frequency > 3400)] = 0
    length = int(len(samples) * RATE / rate)
    return np.fft.irfft(spectrum[: length // 2 + 1], length) * RATE / rate


def save(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


if __name__ == "__main__":
    raise SystemExit(main())
