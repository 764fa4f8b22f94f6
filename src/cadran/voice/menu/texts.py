"""The words of the recordings that Cadran ships, from the manifest they were made of."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from cadran.voice.media import prompts
from cadran.voice.menu.table import Sentence

PAUSE = "…"


@cache
def _manifest() -> dict[str, Any]:
    return tomllib.loads((prompts.RECORDINGS / "manifest.toml").read_text())


@cache
def texts(language: str) -> Mapping[str, str]:
    """Text by name of a recording, whole prompts and fragments; tones have their name in brackets."""
    manifest = _manifest()
    whole = {name: spoken.get(language, "") for name, spoken in manifest["prompts"].items()}
    fragments = {name: text.split(" | ")[0] for name, text in manifest["fragments"].get(language, {}).items()}
    tones = {name: PAUSE if name == "pause" else f"[{name}]" for name in manifest["tones"]}
    return whole | fragments | tones


def whole_prompts() -> tuple[str, ...]:
    """Names of what is said as a whole sentence or played as a tone: not the fragments of numbers."""
    manifest = _manifest()
    return (*manifest["prompts"], *(name for name in manifest["tones"] if name != "pause"))


def fragments(language: str) -> tuple[str, ...]:
    """Names of what numbers, amounts and dates are made of in a language."""
    return tuple(_manifest()["fragments"][language])


def heard(names: tuple[str, ...]) -> str:
    """What prompts named `language/name` or `brand/language/name` say, in a row."""
    said = []
    for name in names:
        *_brand, language, word = name.split("/")
        said.append(texts(language).get(word) or f"[{word}]")
    return " ".join(said)


def sentence(parts: Sentence, language: str) -> str:
    """A sentence of a table as people read it, with what is not known yet in braces."""
    said = []
    for part in (part for group in parts for part in group):
        spoken, slash, name = part.prompt.rpartition("/")
        if part.value:
            said.append(f"{{{part.value}}}")
        elif name != "pause":
            said.append(texts(spoken if slash else language).get(name) or f"[{name}]")
    return " ".join(said)
