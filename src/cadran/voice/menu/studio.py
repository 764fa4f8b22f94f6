"""Recordings of prompts as the operator sees and replaces them: which there are, from whom, and which are missing.

What is kept lies in the state folder (`settings.PUBLISHED/<brand>/prompts/<language>/<name>.wav`), is found before the brand's folder
and what Cadran ships, and is heard by the next call: the relay's shelf looks at the file each time.
"""

from __future__ import annotations

import contextlib
import io
import os
import wave
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from cadran.units import errors
from cadran.voice.media import g711, prompts
from cadran.voice.menu import menus, reading, texts
from cadran.voice.menu.table import LANGUAGES, TABLES, Table, TableUnknown, TableWrong, prompts_of

OPERATOR, BRAND, SHIPPED, MISSING = "operator", "brand", "shipped", "missing"


class PromptUnknown(errors.CadranError):
    """No menu and no announcement of the brand uses a prompt of that name in that language."""

    error_id = "voice-prompt-unknown"


class NotOperators(errors.CadranError):
    """The recording is shipped or lies in the brand's folder: it can be replaced, not removed."""

    error_id = "voice-prompt-not-operators"


@dataclass(frozen=True, slots=True)
class Recording:
    """origin: operator (uploaded), brand (its folder), shipped, missing. text: of the shipped recording, empty for the brand's own
    names. fragment: a part of numbers and amounts. used: by menus of the brand."""

    brand: str
    language: str
    name: str
    text: str
    origin: str
    length_s: float
    fragment: bool
    used: bool
    changed_at: datetime | None = None


def recordings(brand: str) -> list[Recording]:
    """Every prompt of a brand in every language: whole prompts by name, then fragments. Raises TableUnknown for no such brand."""
    used = _used(brand)
    names = sorted({*texts.whole_prompts(), *(name for _language, name in used)})
    whole = [_found(brand, language, name, used) for name in names for language in LANGUAGES]
    parts = [_found(brand, language, name, used) for language in LANGUAGES for name in texts.fragments(language)]
    return whole + parts


def recording(brand: str, language: str, name: str) -> Recording:
    """One of `recordings`. Raises PromptUnknown."""
    if language in LANGUAGES:
        used = _used(brand)
        if name in texts.texts(language) or (language, name) in used:
            return _found(brand, language, name, used)
    raise PromptUnknown(
        f"{brand} has no prompt {name[:64]!r} in {language[:8]!r}: take a name from the list of prompts"
    )


def sound(brand: str, language: str, name: str) -> bytes:
    """The WAV that callers hear. Raises PromptUnknown, also for one that is missing."""
    known = recording(brand, language, name)
    path = _path(known)
    if path is None:
        raise PromptUnknown(f"{brand}/{language}/{known.name} is not recorded yet")
    return path.read_bytes()


def keep(*, brand: str, language: str, name: str, samples: g711.Samples) -> Recording:
    """Put a recording (`conversion.converted`) in place of what callers heard. Again with the same changes nothing. Raises
    PromptUnknown."""
    known = recording(brand, language, name)
    path = _own(known)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        fresh.write_bytes(_wav(samples))
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return recording(brand, language, name)


def remove(*, brand: str, language: str, name: str) -> Recording:
    """Take back an uploaded recording: callers hear the brand's or the shipped one again. Raises PromptUnknown, NotOperators, and
    NotOperators too for the last recording of a prompt that menus use."""
    known = recording(brand, language, name)
    path = _own(known)
    if known.origin != OPERATOR:
        raise NotOperators(f"{brand}/{language}/{known.name} was not uploaded: it can only be replaced")
    if known.used and not any(one.is_file() for one in _places(known)[1:]):
        raise NotOperators(f"a menu of {brand} says {known.name!r} and nothing else is recorded: replace it instead")
    path.unlink(missing_ok=True)
    return recording(brand, language, name)


def tables(brand: str) -> tuple[list[Table], list[TableWrong]]:
    """The menus of a brand that can be used, and what is wrong with the others. Raises TableUnknown for no such brand."""
    right, wrong = [], []
    for name in _tables(brand):
        try:
            right.append(menus.of_brand(name, brand))
        except TableWrong as error:
            wrong.append(error)
    return right, wrong


def _used(brand: str) -> set[tuple[str, str]]:
    if not (Path(settings.BRANDS) / brand).is_dir():
        raise TableUnknown(f"there is no brand {brand[:40]!r}")
    used: set[tuple[str, str]] = set()
    for name in _tables(brand):
        with contextlib.suppress(TableWrong):  # said where the menus are shown
            used |= prompts_of(reading.read(name, Path(settings.BRANDS) / brand))
    return used


def _tables(brand: str) -> list[str]:
    own = Path(settings.BRANDS) / brand / "menus"
    return sorted({path.stem for folder in (TABLES, own) for path in folder.glob("*.toml")})


def _found(brand: str, language: str, name: str, used: set[tuple[str, str]]) -> Recording:
    found = Recording(
        brand=brand,
        language=language,
        name=name,
        text=texts.texts(language).get(name, ""),
        origin=MISSING,
        length_s=0.0,
        fragment=name in texts.fragments(language),
        used=(language, name) in used,
    )
    for path, origin in zip(_places(found), (OPERATOR, BRAND, SHIPPED), strict=True):
        try:
            about = path.stat()
        except OSError:
            continue
        changed = datetime.fromtimestamp(about.st_mtime, UTC) if origin == OPERATOR else None
        return _with(found, origin, max(0, about.st_size - 44) / 2 / prompts.SAMPLES_PER_S, changed)
    return found


def _with(found: Recording, origin: str, length_s: float, changed_at: datetime | None) -> Recording:
    return Recording(
        found.brand, found.language, found.name, found.text, origin, length_s, found.fragment, found.used, changed_at
    )


def _places(known: Recording) -> tuple[Path, Path, Path]:
    """Where a recording may lie, the first found is heard: uploaded, the brand's, shipped."""
    file = Path(known.language) / f"{known.name}.wav"
    return (
        Path(settings.PUBLISHED) / known.brand / "prompts" / file,
        Path(settings.BRANDS) / known.brand / "prompts" / file,
        prompts.RECORDINGS / file,
    )


def _own(known: Recording) -> Path:
    return _places(known)[0]


def _path(known: Recording) -> Path | None:
    return next((path for path in _places(known) if path.is_file()), None)


def _wav(samples: g711.Samples) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(prompts.SAMPLES_PER_S)
        file.writeframes(samples.astype("<i2").tobytes())
    return made.getvalue()
