"""Plots over one time axis as one SVG, with deaths, outages and clock jumps drawn through all of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, LEFT, RIGHT, TOP = 1000, 74, 18, 44
PANEL, GAP, FOOT, HEAD = 168, 56, 46, 36
STYLE = """
.cadran{--link:#0b5fa5;--bad:#b42318;--accent:#c2410c;--soft:#5d6a77;--line:#dde3ea;--ink:#14202b;--card:#fff;
font-family:Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
@media (prefers-color-scheme:dark){.cadran{--link:#7db4e6;--bad:#ff8a80;--accent:#f0a07a;--soft:#9fb0c0;--line:#2a3846;
--ink:#e8eef4;--card:#151f2a}}
.cadran .ground{fill:var(--card)}.cadran .axis{stroke:var(--line)}.cadran text{fill:var(--soft);font-size:13px}
.cadran .title{fill:var(--ink);font-size:15px;font-weight:650;paint-order:stroke;stroke:var(--card);
stroke-width:5px;stroke-linejoin:round}.cadran .line{fill:none;stroke:var(--link);stroke-width:2;
stroke-linejoin:round;stroke-linecap:round}.cadran .area{fill:var(--link);opacity:.14}.cadran .thin{fill:none;
stroke:var(--accent);stroke-width:1.6;stroke-linejoin:round}.cadran .kill{stroke:var(--bad);stroke-width:1.4;opacity:.75}
.cadran .kill-head{fill:var(--bad)}.cadran .outage{fill:var(--bad);opacity:.12}.cadran .other{stroke:var(--accent);
stroke-width:1.3;stroke-dasharray:3 3}.cadran .other-head{fill:var(--accent)}.cadran .jump{stroke:var(--soft);
stroke-width:1.2;stroke-dasharray:1 4}.cadran .end{text-anchor:end}.cadran .middle{text-anchor:middle}
.cadran .small{font-size:11.5px}
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: a value for each slot of time, None where nothing was measured. area: the ground below it is tinted."""

    values: Sequence[float | None]
    style: str = "line"
    area: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot. marks: values of the axis with their words; logarithmic: equal steps are equal ratios."""

    title: str
    curves: Sequence[Curve]
    marks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def height(self, value: float) -> float:
        """From 0 at the lowest mark to 1 at the highest."""
        low, high = self.marks[0][0], self.marks[-1][0]
        value = min(max(value, low), high)
        if self.logarithmic:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A whole drawing. Moments in seconds: deaths of charging, other deaths, jumps with their words; outages from, to."""

    label: str
    seconds: float
    panels: Sequence[Panel]
    kills: Sequence[float] = ()
    others: Sequence[float] = ()
    outages: Sequence[tuple[float, float]] = ()
    jumps: Sequence[tuple[float, str]] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        return WIDTH, TOP + HEAD + len(self.panels) * (PANEL + GAP) - GAP + 24 + FOOT

    def svg(self) -> str:
        """The drawing as a file of its own, in light and dark."""
        width, height = self.size
        inside = [f'<rect class="ground" width="{width}" height="{height}" rx="14"/>', *self._outages()]
        tops = [TOP + HEAD + number * (PANEL + GAP) for number in range(len(self.panels))]
        for panel, top in zip(self.panels, tops, strict=True):
            inside += self._panel(panel, top)
        inside += self._moments()
        for panel, top in zip(self.panels, tops, strict=True):
            inside.append(f'<text class="title" x="{LEFT + 2}" y="{top - 12}">{escape(panel.title)}</text>')
        inside += self._legend(height - 18)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="cadran" viewBox="0 0 {width} {height}" role="img"'
            f' aria-label="{escape(self.label)}"><style>{STYLE}</style>{"".join(inside)}</svg>\n'
        )

    def _x(self, at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at_s / self.seconds, 0), 1)

    def _panel(self, panel: Panel, top: float) -> list[str]:
        parts = list[str]()
        for value, words in panel.marks:
            y = top + PANEL * (1 - panel.height(value))
            parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="end" x="{LEFT - 9}" y="{y + 4.5:.1f}">{escape(words)}</text>')
        for curve in panel.curves:
            parts += self._curve(panel, curve, top)
        every = next(
            step for step in (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 3600, 7200) if self.seconds / step <= 14
        )
        for tick in range(int(self.seconds / every) + 1):
            at = tick * every
            parts.append(
                f'<text class="middle small" x="{self._x(at):.1f}" y="{top + PANEL + 17}">{_clock(at, every)}</text>'
            )
        return parts

    def _curve(self, panel: Panel, curve: Curve, top: float) -> list[str]:
        """A line is broken where nothing was measured."""
        slot, parts, points = self.seconds / max(len(curve.values), 1), list[str](), list[tuple[float, float]]()
        for place, value in enumerate([*curve.values, None]):
            if value is not None:
                points.append((self._x((place + 0.5) * slot), top + PANEL * (1 - panel.height(value))))
                continue
            if len(points) == 1:
                points.append((points[0][0] + 1.5, points[0][1]))
            text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            if points and curve.area:
                base = top + PANEL
                parts.append(
                    f'<polygon class="area" points="{points[0][0]:.1f},{base} {text} {points[-1][0]:.1f},{base}"/>'
                )
            if points:
                parts.append(f'<polyline class="{curve.style}" points="{text}"/>')
            points = []
        return parts

    @property
    def _bottom(self) -> float:
        return TOP + HEAD + len(self.panels) * (PANEL + GAP) - GAP

    def _outages(self) -> list[str]:
        return [
            f'<rect class="outage" x="{self._x(start):.1f}" y="{TOP}" width="{max(self._x(end) - self._x(start), 1):.1f}"'
            f' height="{self._bottom - TOP:.1f}"/>'
            for start, end in self.outages
        ]

    def _moments(self) -> list[str]:
        parts, free_from = list[str](), 0.0
        for at, words in self.jumps:
            x = self._x(at)
            parts.append(f'<line class="jump" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{self._bottom}"/>')
            if x >= free_from:  # one word does not lie over another
                parts.append(f'<text class="middle small" x="{x:.1f}" y="{TOP - 18}">{escape(words)}</text>')
                free_from = x + 8 * len(words)
        for name, moments in (("other", self.others), ("kill", self.kills)):
            for at in moments:
                x = self._x(at)
                parts.append(f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{self._bottom}"/>')
                parts.append(f'<path class="{name}-head" d="M{x - 5:.1f} {TOP - 9}h10l-5 9z"/>')
        return parts

    def _legend(self, y: float) -> list[str]:
        parts, x = [], float(LEFT)
        for name, shape in (
            ("kill", '<path class="kill-head" d="M{x} {y}h11l-5.5 10z"/>'),
            ("outage", '<rect class="outage" x="{x}" y="{y}" width="12" height="11" rx="2"/>'),
            ("other", '<path class="other-head" d="M{x} {y}h11l-5.5 10z"/>'),
            ("jump", '<line class="jump" x1="{x6}" x2="{x6}" y1="{y}" y2="{y10}"/>'),
            ("median", '<line class="line" x1="{x}" x2="{x12}" y1="{y5}" y2="{y5}"/>'),
            ("slowest", '<line class="thin" x1="{x}" x2="{x12}" y1="{y5}" y2="{y5}"/>'),
        ):
            words = self.words.get(name, name)
            drawn = shape.format(x=x, x6=x + 6, x12=x + 13, y=y - 10, y5=y - 5, y10=y + 1)
            parts.append(f'{drawn}<text class="small" x="{x + 18}" y="{y}">{escape(words)}</text>')
            x += 34 + 6.3 * len(words)
        return parts


def nice(most: float) -> list[tuple[float, str]]:
    """The marks of an axis from 0 that holds `most`: four steps, each 1, 2, 2.5 or 5 times a power of ten."""
    step = 10.0 ** math.floor(math.log10(max(most, 4) / 4))
    step = next(factor * step for factor in (1, 2, 2.5, 5, 10, 20) if factor * step * 4 >= most)
    return [(step * number, f"{step * number:,.0f}".replace(",", "\u202f")) for number in range(5)]


def _clock(at_s: float, every_s: float) -> str:
    if every_s < 60:
        return f"{at_s:g} s"
    return f"{at_s / 60:g} min" if every_s < 3600 else f"{at_s / 3600:g} h"
