"""Tells a story step by step: what is done, how it ended, how long it took; for people, and as plain values."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

import click


class StepFailed(Exception):
    """What a step was to show did not hold. The text says what was seen instead."""


@dataclass(slots=True)
class Step:
    """One step of a story. `detail` is what was seen, for people; the story adds to it as it goes."""

    name: str
    ok: bool = False
    detail: str = ""
    seconds: float = 0.0
    _notes: list[str] = field(default_factory=list)

    def saw(self, text: str) -> None:
        """Add to what was seen."""
        self._notes.append(text)
        self.detail = "; ".join(self._notes)

    def expect(self, holds: object, otherwise: str) -> None:
        """What must hold for the step to hold. Raises StepFailed."""
        if not holds:
            raise StepFailed(otherwise)


class Teller:
    """Keeps the steps and tells them. With `quiet`, nothing is printed."""

    def __init__(self, *, language: str, quiet: bool) -> None:
        self.language, self.quiet, self.steps = language, quiet, list[Step]()
        self._began = time.monotonic()

    def pick(self, fr: str, en: str) -> str:
        return en if self.language == "en" else fr

    def say(self, fr: str, en: str) -> None:
        """A line between the steps."""
        if not self.quiet:
            click.echo(click.style(self.pick(fr, en), dim=True))

    @contextlib.contextmanager
    def step(self, name: str, fr: str, en: str, *, needed: bool = False) -> Iterator[Step]:
        """One step: told when it begins and when it ends. A failure is remembered and the story goes on, unless it is `needed`."""
        step = Step(name)
        self.steps.append(step)
        if not self.quiet:
            click.echo(click.style(f"{len(self.steps):>2}. {self.pick(fr, en)}", bold=True))
        began = time.monotonic()
        try:
            yield step
            step.ok = True
        except Exception as error:
            step.detail = "; ".join([*step._notes, _seen(error)])
            if needed:
                raise
        finally:
            step.seconds = round(time.monotonic() - began, 1)
            self._tell_end(step)

    def _tell_end(self, step: Step) -> None:
        if self.quiet:
            return
        mark = click.style("    ✓ ", fg="green") if step.ok else click.style("    ✗ ", fg="red")
        click.echo(f"{mark}{step.detail} ({step.seconds:.1f} s)")

    def fail(self, en: str, fr: str) -> None:
        """The story ended before its time."""
        self.steps.append(Step("story", ok=False, detail=self.pick(fr, en)))

    def broke(self, error: Exception) -> None:
        """The story itself broke: a step without which it cannot go on, or the installation."""
        if self.steps and not self.steps[-1].ok:
            return
        self.steps.append(Step("story", ok=False, detail=_seen(error)))
        if not self.quiet:
            click.secho(_seen(error), fg="red")

    @property
    def held(self) -> bool:
        """Every step held, and there was one."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    def close(self) -> None:
        """Say how the story ended."""
        good, total = sum(step.ok for step in self.steps), len(self.steps)
        text = self.pick(f"{good} étapes sur {total} ont tenu", f"{good} of {total} steps held")
        if not self.quiet:
            click.secho(
                f"{text} ({time.monotonic() - self._began:.0f} s)", fg="green" if self.held else "red", bold=True
            )

    def result(self) -> dict[str, object]:
        """The steps as plain values."""
        return {
            "steps": [
                {"name": step.name, "ok": step.ok, "detail": step.detail, "seconds": step.seconds}
                for step in self.steps
            ]
        }


def _seen(error: Exception) -> str:
    if isinstance(error, StepFailed):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({where[0].name}, line {where[0].lineno})" if where else ""
    return f"{type(error).__name__}: {error}{place}"
