"""The table of OWASP ASVS is whole: every requirement of levels 1 and 2 once, judged, with its evidence or its remedy."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "reference" / "asvs.md"
IDS = Path(__file__).with_name("asvs_ids.txt")
STATES = ("met", "not applicable", "open")
IN_TEXT = re.compile(r"`([^`\s]+/[^`\s]+)`")


def levels() -> dict[str, int]:
    """Each requirement's id and its level; `1.2.1-3` stands for 1.2.1, 1.2.2 and 1.2.3."""
    found: dict[str, int] = {}
    for line in IDS.read_text().splitlines():
        if line.startswith("#"):
            continue
        level, _, names = line.partition(": ")
        for name in names.split():
            section, _, span = name.rpartition(".")
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                assert f"{section}.{number}" not in found
                found[f"{section}.{number}"] = int(level)
    return found


def rows(part: str) -> list[list[str]]:
    """The cells of each line about a requirement."""
    lines = (line for line in part.splitlines() if re.match(r"\| \d+\.\d+\.\d+ \|", line))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text()


@pytest.fixture(scope="module")
def judged(text: str) -> list[list[str]]:
    """id, level, words, state, evidence: of every chapter."""
    return rows(text.partition("\n## V1 ")[2])


@pytest.fixture(scope="module")
def opened(text: str) -> list[list[str]]:
    """id, level, words, missing, remedy."""
    return rows(text.partition("\n## Open\n")[2].partition("\n## V1 ")[0])


def test_the_standard_has_70_requirements_of_level_1_and_183_of_level_2() -> None:
    assert Counter(levels().values()) == {1: 70, 2: 183}


def test_every_requirement_of_both_levels_stands_once_under_its_level(judged: list[list[str]]) -> None:
    assert {row[0]: int(row[1]) for row in judged} == levels()
    assert [name for name, count in Counter(row[0] for row in judged).items() if count > 1] == []
    assert [row for row in judged if len(row) != 5 or not all(row[2:4])] == []


def test_states_are_met_not_applicable_or_open(judged: list[list[str]]) -> None:
    assert {row[3] for row in judged} == set(STATES)


def test_what_is_met_names_a_file_that_is_there(judged: list[list[str]]) -> None:
    assert [row[0] for row in judged if row[3] == "met" and not IN_TEXT.search(row[4])] == []


def test_every_file_that_is_named_is_there(text: str) -> None:
    named = {name for name in IN_TEXT.findall(text) if re.match(r"(src|tests|docs|scripts|requirements)/", name)}
    assert len(named) > 60
    assert sorted(name for name in named if not (PROJECT / name).exists()) == []


def test_what_does_not_apply_says_why(judged: list[list[str]]) -> None:
    assert [row[0] for row in judged if row[3] == "not applicable" and len(row[4]) < 5] == []


def test_what_is_open_says_what_is_missing_and_what_would_close_it(
    judged: list[list[str]], opened: list[list[str]]
) -> None:
    assert [row[0] for row in opened] == [row[0] for row in judged if row[3] == "open"]
    assert [row[0] for row in opened if len(row) != 5 or len(row[3]) < 3 or len(row[4]) < 3] == []


def test_the_counts_at_the_top_are_those_of_the_tables(text: str, judged: list[list[str]]) -> None:
    top = text.partition("\n## Open\n")[0]
    stated = {
        name: tuple(int(cell) for cell in cells)
        for name, *cells in re.findall(r"^\| (V\d+|all) [^|]*\| (\d+) \| (\d+) \| (\d+) \|$", top, re.MULTILINE)
    }
    counted: dict[str, list[int]] = {}
    for row in judged:
        for name in (f"V{row[0].split('.')[0]}", "all"):
            counted.setdefault(name, [0, 0, 0])[STATES.index(row[3])] += 1
    assert stated == {name: tuple(count) for name, count in counted.items()}
