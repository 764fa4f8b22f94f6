"""What a person types (`1 234,50 EUR`, `21 min`, `+33 6 12 34 56 78`, prompt names) as a row of recordings."""

from __future__ import annotations

import re

from cadran.voice.menu import speech

_AMOUNT = re.compile(r"(-?)([0-9][0-9  ]*)(?:[,.]([0-9]{1,6}))? ?(?:EUR|€)", re.I)
_MINUTES = re.compile(r"([0-9]{1,9}) ?min(?:utes?)?")
_SECONDS = re.compile(r"([0-9]{1,9}) ?s(?:econd(?:e?s)?)?")
_CLOCK = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,2}):([0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAMES = re.compile(r"[a-z0-9][a-z0-9_-]*(?:[ ,]+[a-z0-9][a-z0-9_-]*)*")


def aloud(text: str, language: str, form: str = "") -> tuple[str, ...]:
    """Names of recordings of the language. form: one of speech.FORMS, else guessed. Raises Unspeakable."""
    text = text.strip()
    if form:
        return speech.say(form, _micros(text) if form in ("amount", "credit", "price") else text, language=language)
    if _AMOUNT.fullmatch(text):
        return speech.say("amount", _micros(text), language=language)
    if found := _MINUTES.fullmatch(text):
        return speech.say("minutes", int(found[1]), language=language)
    if found := _SECONDS.fullmatch(text):
        return speech.say("duration", int(found[1]), language=language)
    if found := _CLOCK.fullmatch(text):
        return speech.say("duration", int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3]), language=language)
    if _DATE.fullmatch(text):
        return speech.say("date", text, language=language)
    digits = re.sub(r"[  .]", "", text)
    if digits.startswith("+"):
        return speech.say("phone", digits, language=language)
    if digits.isascii() and digits.isdigit():
        whole = len(digits) < 10 and (digits == "0" or not digits.startswith("0"))
        return speech.say("number" if whole else "digits", digits, language=language)
    if _NAMES.fullmatch(text):
        return tuple(re.split(r"[ ,]+", text))
    raise speech.Unspeakable(
        f"write an amount (1 234,50 EUR), 21 min, 61 s, a number, a date or names of prompts, not {text[:40]!r}"
    )


def _micros(text: str) -> int:
    found = _AMOUNT.fullmatch(text if re.search(r"EUR|€", text, re.I) else f"{text} EUR")
    if found is None:
        raise speech.Unspeakable(f"write an amount as 1 234,50 EUR, not {text[:40]!r}")
    whole = int(re.sub(r"[^0-9]", "", found[2])) * 1_000_000 + int((found[3] or "0").ljust(6, "0"))
    return -whole if found[1] else whole
