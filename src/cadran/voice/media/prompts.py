"""Spoken prompts: recordings (WAV, 8 kHz, mono, 16 bits) made into the files that the relay plays.

A prompt is named `name`, `language/name` or `brand/language/name` (`emergency-refused`, `fr/emergency-refused`,
`ippi/fr/emergency-refused`). What the operator uploaded (the brand's `prompts/` in the state folder) comes before what the brand keeps
in `brands/<brand>/prompts/<language>/<name>.wav`, this before the recordings that Cadran ships, and the language that was asked for
before French. Files are looked at each time: a change is heard by the next call.
"""

from __future__ import annotations

import hashlib
import os
import re
import wave
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cadran.units import errors
from cadran.voice.media import g711, sdp

RECORDINGS = Path(__file__).resolve().parents[1] / "prompts"
SAMPLES_PER_S = 8000
MAX_LENGTH_S = 120
MAX_PROMPTS_IN_A_ROW = 200  # a statement of five calls, spoken number by number
MAX_FILES = 2000
FALLBACK_LANGUAGE = "fr"
_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CODERS = {sdp.PCMA: g711.to_alaw, sdp.PCMU: g711.to_ulaw}


class PromptUnusable(errors.CadranError):
    """A prompt that does not exist, or a recording of the wrong form."""

    error_id = "voice-prompt-unusable"


@dataclass(frozen=True, slots=True)
class Playlist:
    """A file for the relay (its name below the cache, without the payload type) and how long it lasts."""

    name: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Coded:
    """A recording in one law, and what it is known by."""

    changed_at: int
    octets: bytes
    digest: bytes


@dataclass(slots=True)
class Shelf:
    """Finds recordings and keeps what the relay plays in `cache`. Not for several threads at once."""

    cache: Path
    brands: Path
    recordings: Path = RECORDINGS
    published: Path | None = None
    _recorded: dict[tuple[str, int], _Coded] = field(default_factory=dict)
    _kept: dict[str, None] = field(default_factory=dict)

    def playlist(self, names: tuple[str, ...], payload: int) -> Playlist:
        """One file with all prompts in a row, since the relay plays one file at a time. Raises PromptUnusable."""
        if not 1 <= len(names) <= MAX_PROMPTS_IN_A_ROW:
            raise PromptUnusable(f"play 1 to {MAX_PROMPTS_IN_A_ROW} prompts in a row")
        parts = [self._coded(self.find(name), payload) for name in names]
        name = hashlib.sha256(b"".join(part.digest for part in parts)).hexdigest()[:24]
        length = sum(len(part.octets) for part in parts)
        padding = -length % 160
        path = self.cache / f"{name}.{payload}"
        self._make_room(path.name)
        if not path.exists():
            fresh = path.with_suffix(f".{os.getpid()}.tmp")
            fresh.write_bytes(b"".join(part.octets for part in parts) + parts[-1].octets[-1:] * padding)
            os.replace(fresh, path)
        return Playlist(name, (length + padding) / SAMPLES_PER_S)

    def _make_room(self, name: str) -> None:
        """Remember the file as used last, and remove what was not used for longest: amounts are spoken in ever new sentences. The
        relay goes on playing a file that is removed."""
        if not self._kept:
            self.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
            left = sorted((one.stat().st_mtime_ns, one.name) for one in self.cache.iterdir() if one.is_file())
            self._kept.update((old, None) for _, old in left)
        self._kept.pop(name, None)
        self._kept[name] = None
        while len(self._kept) > MAX_FILES:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            (self.cache / oldest).unlink(missing_ok=True)

    def find(self, name: str) -> Path:
        """The recording of a prompt. Raises PromptUnusable."""
        words = name.split("/")
        if len(words) > 3 or not all(_WORD.fullmatch(word) for word in words):
            raise PromptUnusable(f"name a prompt as name, language/name or brand/language/name, not {name!r}")
        language = words[-2] if len(words) > 1 else FALLBACK_LANGUAGE
        for spoken in dict.fromkeys((language, FALLBACK_LANGUAGE)):
            ours = self.recordings / spoken / f"{words[-1]}.wav"
            roots = [root for root in (self.published, self.brands) if root is not None] if len(words) == 3 else []
            for path in (*(root / words[0] / "prompts" / spoken / ours.name for root in roots), ours):
                if path.is_file():
                    return path
        raise PromptUnusable(f"there is no recording of {name!r} in {self.recordings}")

    def _coded(self, path: Path, payload: int) -> _Coded:
        """A recording as the relay plays it; read again when it has changed."""
        changed_at = path.stat().st_mtime_ns
        kept = self._recorded.get((str(path), payload))
        if kept is None or kept.changed_at != changed_at:
            octets = _CODERS[payload](read_wav(path))
            kept = _Coded(changed_at, octets, hashlib.sha256(octets).digest())
            self._recorded[str(path), payload] = kept
        return kept


def read_wav(path: Path) -> g711.Samples:
    """The samples of an 8 kHz, mono, 16-bit WAV. Raises PromptUnusable for any other."""
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            if form != (SAMPLES_PER_S, 1, 2):
                raise PromptUnusable(f"{path}: record prompts in WAV at 8000 Hz, mono, 16 bits, not {form}")
            if not 0 < file.getnframes() <= MAX_LENGTH_S * SAMPLES_PER_S:
                raise PromptUnusable(f"{path}: a prompt lasts up to {MAX_LENGTH_S} seconds")
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    except (wave.Error, EOFError, OSError) as why:
        raise PromptUnusable(f"{path}: not a WAV file that can be read ({why})") from why
