#!/usr/bin/env python3
"""Make the recordings of src/cadran/voice/prompts again from its manifest, with espeak-ng (Debian: apt-get install espeak-ng).

Each is a WAV of 8 kHz, mono, 16 bits, at an even level, limited to the telephone band. usage: make_prompts.py [--check]
--check makes nothing: it says whether each prompt of the manifest has a recording, and each recording a prompt.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import wave
from pathlib import Path

import numpy as np

PROMPTS = Path(__file__).resolve().parents[1] / "src" / "cadran" / "voice" / "prompts"
RATE = 8000
PEAK = 0.7 * 32767
PAUSE_S = 0.25


def main() -> int:
    manifest = tomllib.loads((PROMPTS / "manifest.toml").read_text())
    wanted = {
        PROMPTS / language / f"{name}.wav": (manifest["voices"][language], texts[language])
        for name, texts in manifest["prompts"].items()
        for language in manifest["voices"]
    }
    if "--check" in sys.argv:
        there = set(PROMPTS.glob("*/*.wav"))
        wrong = sorted(str(path.relative_to(PROMPTS)) for path in there ^ set(wanted))
        print("\n".join(wrong) or f"{len(wanted)} recordings, all in the manifest")
        return 1 if wrong else 0
    for path, (voice, text) in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, spoken(text, voice["name"], voice["words_per_minute"]))
        print(path.relative_to(PROMPTS))
    return 0


def spoken(text: str, voice: str, words_per_minute: int) -> np.ndarray:
    """The text as samples at 8 kHz, with a short silence before and after."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", str(made), text], check=True)
        with wave.open(str(made), "rb") as file:
            rate, raw = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = resampled(raw.astype(float), rate)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    silence = np.zeros(int(PAUSE_S * RATE))
    return np.concatenate([silence, samples * (PEAK / np.abs(samples).max()), silence]).round().astype("<i2")


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
