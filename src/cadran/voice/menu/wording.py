"""From a sentence of the table and the values of a call to rows of recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cadran.voice.menu import events as ev
from cadran.voice.menu import speech
from cadran.voice.menu.table import Part, Sentence

PROMPTS_AT_ONCE = 24


@dataclass(frozen=True, slots=True)
class Tongue:
    """Who speaks: recordings are named as media/prompts.py finds them, `brand/language/name`."""

    language: str
    brand: str = ""

    def rows(self, sentence: Sentence, values: Mapping[str, ev.Value]) -> list[tuple[str, ...]]:
        """What to play one row after another, up to PROMPTS_AT_ONCE each. Groups with a value that is not known are left out."""
        rows: list[tuple[str, ...]] = []
        for group in sentence:
            said = [self._said(part, values) for part in group]
            prompts = tuple(self._full(name) for one in said if one for name in one) if all(said) else ()
            if prompts and rows and len(rows[-1]) + len(prompts) <= PROMPTS_AT_ONCE:
                rows[-1] += prompts
            else:
                rows += [prompts[at : at + PROMPTS_AT_ONCE] for at in range(0, len(prompts), PROMPTS_AT_ONCE)]
        return rows

    def _said(self, part: Part, values: Mapping[str, ev.Value]) -> tuple[str, ...] | None:
        if part.prompt:
            return (part.prompt,)
        value = values.get(part.value)
        if value is None or value == "":
            return None
        try:
            return speech.say(part.form, value, language=self.language, currency=str(values.get("currency", "EUR")))
        except speech.Unspeakable:
            return None

    def _full(self, name: str) -> str:
        spoken = name if "/" in name else f"{self.language}/{name}"
        return f"{self.brand}/{spoken}" if self.brand else spoken
