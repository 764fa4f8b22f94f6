"""What the benchmarks said, as a drawing."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from cadran.commands import bench_plot
from cadran.commands.benchmarks import Result
from cadran.units import errors


def result(name: str, value: float, yardstick: float | None, goal: float, at_most: bool = False) -> dict[str, object]:
    return Result(
        name=name, value=value, unit="ms", beside="", yardstick=yardstick, goal=goal, at_most=at_most
    ).as_dict()


def write(folder: Path, *results: dict[str, object]) -> Path:
    file = folder / "group.json"
    file.write_text(json.dumps({"results": results, "machine": {"cores": 2, "processor": "A & B", "load": 0.5}}))
    return file


def bars(drawn: str) -> list[tuple[str, float]]:
    """Class and width of each figure's bar."""
    root = ElementTree.fromstring(drawn)
    found = root.iter("{http://www.w3.org/2000/svg}rect")
    return [
        (bar.get("class", ""), float(bar.get("width", "0"))) for bar in found if bar.get("class") in ("met", "missed")
    ]


def test_a_bar_ends_beyond_the_goal_exactly_where_the_goal_is_met(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        result("faster", 30, 2, 10),
        result("slower", 10, 2, 10),
        result("low", 3, 2, 2, True),
        result("high", 6, 2, 2, True),
        result("none", 0, None, 0, True),
        result("some", 3, None, 0, True),
        result("<nasty>", 20, 2, 10),
    )
    told = CliRunner().invoke(bench_plot.command, [str(file)])
    assert told.exit_code == 0
    drawn = file.with_suffix(".svg").read_text()
    middle = bench_plot.BAR / 2
    assert [(kind, width >= middle) for kind, width in bars(drawn)] == [
        ("met", True),
        ("missed", False),
        ("met", True),
        ("missed", False),
        ("met", True),
        ("missed", False),
        ("met", True),
    ]
    assert "prefers-color-scheme: dark" in drawn
    assert "A &amp; B" in drawn


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": [{}], "machine": {}}'])
def test_a_file_without_figures_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    told = CliRunner().invoke(bench_plot.command, [str(file)])
    assert isinstance(told.exception, errors.InvalidInput)
    assert not file.with_suffix(".svg").exists()
