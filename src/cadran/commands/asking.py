"""What several commands ask of their surroundings: the civil clock, an instant as people type it, a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from cadran.units import errors, period

Progress = Callable[[int, int], None]


class WrongInstant(errors.InvalidInput):
    """A date or instant of an option cannot be read."""

    error_id = "commands-instant"


def now() -> datetime:
    """The civil clock's instant, aware UTC."""
    from django.conf import settings

    found = settings.CIVIL_CLOCK.now()
    assert isinstance(found, datetime)
    return found


def instant(text: str, brand: str) -> datetime:
    """A day (its midnight in the brand's zone) or an instant with its zone. Raises WrongInstant, UnknownBrand."""
    from cadran.policy import queries as policy

    zone = policy.brand(brand).zone
    try:
        if len(text) == 10:
            return period.midnight(date.fromisoformat(text), zone)
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongInstant(f"write 2026-12-01 or 2026-12-01T00:00:00Z, not {text[:40]!r}") from None


@contextmanager
def bar(words: str, *, quiet: bool) -> Iterator[Progress]:
    """A progress bar (done, in all) on a terminal; nothing where a program listens."""
    from rich import console, progress

    screen = console.Console(stderr=True)
    if quiet or not screen.is_terminal:
        yield lambda done, total: None
        return
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=screen, transient=True) as bars:
        task = bars.add_task(words, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
