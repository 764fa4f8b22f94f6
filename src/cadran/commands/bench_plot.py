"""`cadran bench-plot`: what `cadran bench --json` said, as a drawing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import click

from cadran.units import errors

WIDTH, ROW, TOP, BOTTOM = 860, 46, 64, 44
LEFT, BAR = 24, 812
MOST = 4.0  # times the goal at which a bar ends; what is beyond is told by its text
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1c2430 }
  .title { font-size: 18px; font-weight: 600 }
  .small, .said { fill: #5a6472; font-size: 12.5px }
  .ground { fill: #ffffff } .rail { fill: #e8ebef } .met { fill: #1f7a5c } .missed { fill: #b4541a }
  .goal { stroke: #1c2430; stroke-width: 1.5; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e8ebef } .small, .said { fill: #a3adba }
    .ground { fill: #14181f } .rail { fill: #2a313c } .met { fill: #4cb891 } .missed { fill: #e08a4f } .goal { stroke: #e8ebef }
  }
"""


class NoFigures(errors.InvalidInput):
    """A file that `cadran bench --json` did not write."""

    error_id = "commands-bench-figures"


@click.command(name="bench-plot")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
def command(file: tuple[Path, ...]) -> None:
    """Draw each FILE, which `cadran bench GROUP --json` wrote, as an SVG beside it."""
    for one in file:
        try:
            told = json.loads(one.read_bytes())
            drawn = drawing(one.stem, told["results"], told["machine"])
        except (ValueError, KeyError, TypeError) as error:
            raise NoFigures(
                f"{one} holds no figures ({error!r}): write it by cadran bench GROUP --json > {one}"
            ) from None
        target = one.with_suffix(".svg")
        target.write_text(drawn, encoding="utf-8")
        click.echo(str(target))


def drawing(title: str, results: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> str:
    """Each figure as a bar of how it stands to its goal, on a scale on which twice as good is always as far; readable on light
    and dark ground."""
    height = TOP + ROW * len(results) + BOTTOM
    place = f"{machine.get('processor', '')}, {machine.get('cores', '?')} cores, load {machine.get('load', '?')}"
    goal_x = LEFT + BAR / 2
    rows = [_row(index, result) for index, result in enumerate(results)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
            f"<title>cadran bench {escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
            f'<text class="title" x="{LEFT}" y="34">cadran bench {escape(title)}</text>',
            f'<text class="small" x="{goal_x}" y="56" text-anchor="middle">goal</text>',
            *rows,
            f'<line class="goal" x1="{goal_x}" x2="{goal_x}" y1="{TOP}" y2="{height - BOTTOM}"/>',
            f'<text class="small" x="{LEFT}" y="{height - 16}">{escape(place)}; a bar beyond the line meets its goal</text>',
            "</svg>\n",
        )
    )


def _row(index: int, result: Mapping[str, Any]) -> str:
    y = TOP + ROW * index
    reached = result["value"] if result["ratio"] is None else result["ratio"]
    goal = result["goal"]
    at_most = not goal or (
        reached != goal and (reached < goal) == result["met"]
    )  # a bound from above, as the verdict shows
    better = _times(goal, reached) if at_most else _times(reached, goal)
    width = BAR * min(max(_scale(better), 0.01), 1.0)
    kind = "met" if result["met"] else "missed"
    beside = f" {result['unit']}" if result["ratio"] is None else f" times ({result['value']:,.3g} {result['unit']})"
    said = f"{reached:,.4g}{beside}, goal {'at most ' if at_most else ''}{goal:g}"
    return (
        f'<text x="{LEFT}" y="{y + 18}">{escape(result["name"])}</text>'
        f'<text class="said" x="{LEFT + BAR}" y="{y + 18}" text-anchor="end">{escape(said)}</text>'
        f'<rect class="rail" x="{LEFT}" y="{y + 25}" width="{BAR}" height="10" rx="5"/>'
        f'<rect class="{kind}" x="{LEFT}" y="{y + 25}" width="{width:.1f}" height="10" rx="5"/>'
    )


def _times(good: float, beside: float) -> float:
    if not beside:
        return MOST if good >= 0 else 0.0
    return good / beside


def _scale(better: float) -> float:
    """From 1/MOST of the goal at the left edge, over the goal in the middle, to MOST times it at the right."""
    return 0.0 if better <= 0 else (math.log(better) / math.log(MOST) + 1) / 2
