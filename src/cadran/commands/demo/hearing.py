"""What a telephone has heard, told by the recordings that Cadran ships: the relay plays them byte for byte, so that a stretch of one
is found again in what was heard."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cadran.commands.demo import phones, teller
from cadran.voice.media import g711, prompts

STRETCH = 400  # bytes of A-law, a twentieth of a second


@functools.lru_cache(500)
def _stretches(language: str, name: str) -> tuple[tuple[int, bytes], ...]:
    """The loudest stretches of a recording, each with where it begins: one may have lost a packet on its way."""
    samples = prompts.read_wav(prompts.RECORDINGS / language / f"{name}.wav")
    coded = g711.to_alaw(samples)
    starts = range(0, max(1, len(coded) - STRETCH), STRETCH // 2)
    loud = sorted(starts, key=lambda at: -float(np.abs(samples[at : at + STRETCH].astype(np.int32)).mean()))
    return tuple((at, coded[at : at + STRETCH]) for at in loud[:3])


def found(recording: Path, names: Iterable[str], language: str = "fr") -> list[tuple[float, str]]:
    """Each time that one of those recordings was heard, with its instant in seconds, in order."""
    try:
        heard = g711.to_alaw(prompts.read_wav(recording))
    except prompts.PromptUnusable:
        return []
    places: set[tuple[int, str]] = set()
    for name in names:
        for offset, part in _stretches(language, name):
            at = heard.find(part)
            while at >= 0:
                places.add((at - offset, name))
                at = heard.find(part, at + STRETCH)
    kept: list[tuple[int, str]] = []
    for at, name in sorted(places):
        if not any(one == name and abs(at - before) < STRETCH * 2 for before, one in kept):
            kept.append((at, name))
    return [(at / prompts.SAMPLES_PER_S, name) for at, name in kept]


class Ear:
    """The ear of one telephone: what it hears in its present call lies in `file`."""

    def __init__(self, phone: phones.Phone, file: Path) -> None:
        self.phone, self.file = phone, file

    def hears(self, *names: str, timeout_s: float = 15, language: str = "fr") -> list[str]:
        """Wait until all of those were heard, in this order. Raises StepFailed with what was heard of them."""
        until, heard = time.monotonic() + timeout_s, list[str]()
        while time.monotonic() < until:
            self.listen()
            heard = [name for _at, name in found(self.file, set(names), language)]
            if _in_order(names, heard):
                return heard
            time.sleep(0.3)
        raise teller.StepFailed(
            f"{self.phone.user} was to hear {', '.join(names)}, and heard {', '.join(heard) or 'none'}"
        )

    def never(self, *names: str, language: str = "fr") -> None:
        """None of those was heard so far. Raises StepFailed."""
        self.listen()
        heard = sorted({name for _at, name in found(self.file, names, language)})
        if heard:
            raise teller.StepFailed(f"{self.phone.user} was not to hear {', '.join(heard)}")

    def listen(self) -> None:
        """Have the phone write down what its call has heard. After the call's end the last such file stays."""
        self.phone.do("heard", to=str(self.file))
        self.phone.wait("heard", "error", timeout=5)


def _in_order(wanted: Iterable[str], heard: list[str]) -> bool:
    rest = iter(heard)
    return all(name in rest for name in wanted)
