"""Plots as plain shapes: numbers in, rectangles and lines out, in integers of a drawing of WIDTH by HEIGHT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 96, 8, 20, 36
MOST_LABELS = 7


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a column."""

    x: int
    y: int
    width: int
    height: int
    series: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A word beside an axis: where, and what."""

    x: int
    y: int
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot ready to be drawn. `line` and `area` are the points of a polyline and of the ground below it."""

    bars: tuple[Bar, ...]
    line: str
    area: str
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    base: int = HEIGHT - BOTTOM

    @property
    def empty(self) -> bool:
        """Nothing was measured: there is nothing to draw, and an axis would be made up."""
        return not self.bars and not self.line


def ceiling(most: int) -> int:
    """The end of an axis that holds `most`: four steps, each 1, 2, 3, 4, 5, 6 or 8 times a power of ten."""
    step = 1
    while True:
        for factor in (1, 2, 3, 4, 5, 6, 8):
            if factor * step * 4 >= max(most, 1):
                return factor * step * 4
        step *= 10


def columns(
    slots: Sequence[Sequence[int]], labels: Sequence[str], *, most: int = 0, told: Sequence[str] | None = None
) -> Plot:
    """Stacked columns, one for each slot, one part for each series from the bottom; `told` are the words at the four steps up."""
    top = most or ceiling(max((sum(slot) for slot in slots), default=0))
    room = WIDTH - LEFT - RIGHT
    count = max(len(slots), 1)
    bars = []
    for place, slot in enumerate(slots):
        x, after = LEFT + place * room // count, LEFT + (place + 1) * room // count
        gap = 1 if after - x < 12 else 3
        below = 0
        for series, value in enumerate(slot):
            low, high = _y(below, top), _y(below + value, top)
            below += value
            if low > high:
                bars.append(Bar(x, high, max(after - x - gap, 1), low - high, series + 1))
    return Plot(tuple(bars), "", "", _across(labels), _up(top, told))


def line(
    values: Sequence[int | None], labels: Sequence[str], *, most: int = 0, told: Sequence[str] | None = None
) -> Plot:
    """A line through the values; None leaves a place out. `most` fixes the end of the axis."""
    top = most or ceiling(max((value for value in values if value is not None), default=0))
    room = WIDTH - LEFT - RIGHT
    count = max(len(values), 1)
    points = [
        (LEFT + (2 * place + 1) * room // (2 * count), _y(value, top))
        for place, value in enumerate(values)
        if value is not None
    ]
    if len(points) == 1:  # a dash, so that it is seen
        ((x, y),) = points
        points = [(x - 6, y), (x + 6, y)]
    text = " ".join(f"{x},{y}" for x, y in points)
    base = HEIGHT - BOTTOM
    area = f"{points[0][0]},{base} {text} {points[-1][0]},{base}" if points else ""
    return Plot((), text, area, _across(labels), _up(top, told))


def steps(top: int) -> tuple[int, ...]:
    """The values at the four steps of an axis that ends at `top`, and 0."""
    return tuple(top * quarter // 4 for quarter in range(5))


def _y(value: int, top: int) -> int:
    return HEIGHT - BOTTOM - value * (HEIGHT - BOTTOM - TOP) // top


def _up(top: int, told: Sequence[str] | None) -> tuple[Mark, ...]:
    words = told or [str(value) for value in steps(top)]
    return tuple(Mark(LEFT - 8, _y(value, top), word) for value, word in zip(steps(top), words, strict=True))


def _across(labels: Sequence[str]) -> tuple[Mark, ...]:
    room, count = WIDTH - LEFT - RIGHT, max(len(labels), 1)
    every = -(-count // MOST_LABELS)
    return tuple(
        Mark(LEFT + (2 * place + 1) * room // (2 * count), HEIGHT - 8, label)
        for place, label in enumerate(labels)
        if place % every == 0
    )
