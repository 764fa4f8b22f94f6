"""Stories that Cadran plays by itself, with separate phone programs over real SIP and RTP: `cadran serve --demo [NAME]`.

A story is a module with a function `tell(stage, teller) -> dict`, the facts of a story that did not come so far (NOTHING), a line in
STORIES and, where the installation must be of a certain make, `prepare(stage)`. The stage is an installation of its own
(temporary state folder, free ports); the teller keeps the steps, tells them as they happen, and decides how it ended.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import signal
import sys
from collections.abc import Iterator
from types import FrameType

import click

from cadran.units import errors

# Name of the story -> its module, and what it shows in French and English.
STORIES = {
    "prepaid": (
        "cadran.commands.demo.prepaid",
        "Un client prépayé s'inscrit, achète du crédit, appelle, paie exactement et est coupé à zéro.",
        "A prepaid customer signs up, buys credit, calls, is charged exactly and is cut at zero.",
    ),
    "portal": (
        "cadran.commands.demo.portal",
        "Dans Chromium : inscription, achat, appel suivi en direct, son « pourquoi », le back-office, la preuve.",
        "In Chromium: registration, purchase, a call watched live, its why, the back office, the proof.",
    ),
    "kryptoow": (
        "cadran.commands.demo.kryptoow",
        "KRYPTOOW : numéro prouvé, ticket, numéros d'accès, menu vocal, rappel, crédit épuisé, à la main.",
        "KRYPTOOW: a proved number, a voucher, access numbers, the voice menu, a callback, credit used up, by hand.",
    ),
}


class UnknownStory(errors.InvalidInput):
    """There is no story of that name."""

    error_id = "demo-unknown-story"


def play(*, name: str | None, language: str, as_json: bool) -> int:
    """Play the story of that name on a stage of its own (None: list them all). Returns the exit code: 0 if every step held.

    Raises UnknownStory.
    """
    if name is None:
        for key, (_module, fr, en) in STORIES.items():
            click.echo(f"{key:<12} {en if language == 'en' else fr}")
        return 0
    if name not in STORIES:
        raise UnknownStory(f"there is no story {name!r}: choose one of {', '.join(STORIES)}")
    from cadran.commands.demo import staging, teller

    voice, story = teller.Teller(language=language, quiet=as_json), importlib.import_module(STORIES[name][0])
    facts: dict[str, object] = dict(story.NOTHING)
    with _terminated_as_interrupted():
        try:
            stage = staging.Stage(tell=voice.say)
            if hasattr(story, "prepare"):
                story.prepare(stage)
            with stage:
                facts = story.tell(stage, voice)
                with voice.step("stop", "Tout s'arrête proprement.", "Everything stops cleanly.") as step:
                    code = stage.stop()
                    step.expect(code == 0, f"cadran serve ended with code {code}")
                    step.saw(f"{stage.stopping_took_s:.1f} s")
                stage.keep = not voice.held
        except KeyboardInterrupt:
            voice.fail("interrupted", "interrompu")
        except Exception as error:  # noqa: BLE001 - the edge: a story that breaks is a story that did not hold
            voice.broke(error)
    voice.close()
    if as_json:
        json.dump(voice.result() | facts, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    return 0 if voice.held else 1


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
