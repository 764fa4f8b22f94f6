"""A price list of another form written as a deck file of ours, each line of which remembers where it comes from.

There is one reader of decks, with one set of limits; other forms are translated for it, and what it finds is told of their lines.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cadran.catalog.adapters.deck_csv import COLUMNS, MAX_PROBLEMS, Problem, Reading

_BREAKS = re.compile(r"[\n\r\0\ud800-\udfff]")
_LINE = re.compile(r"\bline (\d{1,7})\b")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a line of the deck file comes from."""

    line: int
    file: str = ""


@dataclass(slots=True)
class Translation:
    """The deck file, and the way back. names: what the source calls our columns. notes: what people are told beside problems. aligned:
    a line has the number that it has in the source, with blank ones between."""

    columns: Sequence[str]
    names: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    lines: int = 0
    aligned: bool = False
    origins: list[Origin] = field(default_factory=list)
    _text: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        assert set(self.columns) <= set(COLUMNS)
        self._text.write(",".join(self.columns) + "\n")
        self.origins.append(Origin(1))

    def add(self, origin: Origin, cells: Mapping[str, str]) -> None:
        """One line of the deck file. A cell that would break it in two is told."""
        for name, text in cells.items():
            if found := _BREAKS.search(text):
                message = f"the cell holds the invisible character U+{ord(found.group()):04X}"
                self.wrong(origin, self.names.get(name, name), "control", message)
                return
        while self.aligned and len(self.origins) < origin.line - 1:
            self._text.write("\n")
            self.origins.append(Origin(len(self.origins) + 1, origin.file))
        csv.writer(self._text, lineterminator="\n").writerow([cells.get(name, "") for name in self.columns])
        self.origins.append(origin)

    def wrong(self, origin: Origin, column: str, code: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(origin.line, column, code, message, origin.file))

    @property
    def data(self) -> bytes:
        return self._text.getvalue().encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def traced(self, reading: Reading) -> Reading:
        """What our reader found, told of the lines of the source."""
        # A file all of whose lines were told of already is not empty besides.
        found = [problem for problem in reading.problems if problem.code != "empty" or not self.problem_count]
        problems = self.problems + [self._traced(problem) for problem in found]
        problems.sort(key=lambda problem: (problem.file, problem.line))
        return Reading(
            rates=[replace(rate, line=self.origins[rate.line - 1].line) for rate in reading.rates],
            problems=problems[:MAX_PROBLEMS],
            problem_count=self.problem_count + reading.problem_count - (len(reading.problems) - len(found)),
            lines=self.lines,
        )

    def _traced(self, problem: Problem) -> Problem:
        origin = self.origins[problem.line - 1] if 0 < problem.line <= len(self.origins) else Origin(problem.line)
        name = self.names.get(problem.column, problem.column)
        message = _LINE.sub(lambda match: f"line {self._line(int(match[1]))}", problem.message)
        return replace(problem, line=origin.line, column=name, message=message, file=origin.file)

    def _line(self, number: int) -> int:
        return self.origins[number - 1].line if 0 < number <= len(self.origins) else number
