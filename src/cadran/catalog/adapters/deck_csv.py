"""A deck file to rates, with every error of the file by line. Reads only: what to do with them is decided in operations.

The columns are described in docs/reference/decks.md, which is for those who write such files.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cadran.catalog import rules
from cadran.catalog.adapters import deck_cells, deck_lines
from cadran.catalog.adapters.deck_cells import BadCell
from cadran.catalog.adapters.deck_lines import Blanks

REQUIRED = ("prefix", "destination", "price")
OPTIONAL = ("destination_en", "per", "first_s", "next_s", "connection_fee", "minimum", "effective_from", "effective_to")
BAND = (
    "band",
    "band_days",
    "band_hours",
    "band_zone",
    "band_holidays",
    "band_weight",
    "band_years",
    "band_months",
    "band_month_days",
)
GROUP = ("from_s",)
TARIFF = ("free_s", "maximum", "at_maximum", "rounding", "decimals", "split")
COLUMNS = REQUIRED + OPTIONAL + BAND + GROUP + TARIFF
DELIMITERS = (",", ";", "\t")
MAX_LINE = 8_000
MAX_LINES = 2_000_000
MAX_PROBLEMS = 1_000
STEP = 5_000
MAX_DATES = 1_000
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line (1 is the header, 0 the whole file). code is stable; column may be empty. file: which one of a folder,
    or the sheet of a workbook; empty where there is one alone."""

    line: int
    column: str
    code: str
    message: str
    file: str = ""


@dataclass(slots=True)
class Reading:
    """What a file holds. The first 1000 problems are kept, all are counted; with any, `rates` must not be used."""

    rates: list[rules.Rate] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    lines: int = 0

    def wrong(self, line: int, column: str, code: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(line, column, code, message))


def read(
    data: bytes,
    blanks: Blanks,
    *,
    deck: str = "",
    version: str = "",
    delimiter: str = ",",
    progress: Progress | None = None,
) -> Reading:
    """Read a whole deck. Never raises for what stands in the file: see `Reading.problems`."""
    reading = Reading()
    if data.count(b"\n") > MAX_LINES:
        reading.wrong(0, "", "lines", f"the file has more than {MAX_LINES} lines: split the deck")
        return reading
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    del text
    columns = header(lines[0], delimiter, reading)
    if columns:
        _Lines(reading, columns, delimiter, blanks, deck, version).read(lines, progress)
    if columns and not reading.rates and not reading.problem_count:
        reading.wrong(0, "", "empty", "the file has a header but no rate")
    reading.problems.sort(key=lambda problem: problem.line)
    return reading


def header(line: str, delimiter: str, reading: Reading) -> dict[str, int]:
    """Column name to its place; empty when the header cannot be used."""
    if len(line) > MAX_LINE or INVISIBLE.search(line):
        reading.wrong(1, "", "header", "the first line is not a header in UTF-8: export the deck as CSV in UTF-8")
        return {}
    names = [name.strip().strip('"').lower() for name in line.rstrip("\r").split(delimiter)]
    if "\r" in line.rstrip("\r"):
        reading.wrong(1, "", "line-ends", "lines end with CR alone: save the file with Unix or Windows line ends")
        return {}
    if not set(REQUIRED) <= set(names):
        other = next((mark for mark in DELIMITERS if mark != delimiter and line.count(mark) >= 2), None)
        if len(names) == 1 and other:
            mark = "tab" if other == "\t" else other
            reading.wrong(1, "", "delimiter", f"the columns are separated by {mark}: give that as the delimiter")
        else:
            missing = ", ".join(name for name in REQUIRED if name not in names)
            reading.wrong(1, "", "header", f"the header lacks {missing}; it knows {', '.join(COLUMNS)}")
        return {}
    for name in names:
        if name not in COLUMNS:
            reading.wrong(
                1, name[:40], "column-unknown", f"{deck_cells.shown(name)} is no column: {', '.join(COLUMNS)}"
            )
    for name in {name for name in names if names.count(name) > 1}:
        reading.wrong(1, name[:40], "column-twice", f"the column {deck_cells.shown(name)} stands twice")
    return {} if reading.problem_count else {name: index for index, name in enumerate(names)}


class _Lines:
    """The lines below the header. Cells repeat a lot in a deck, so what was read once is remembered."""

    def __init__(
        self, reading: Reading, columns: dict[str, int], delimiter: str, blanks: Blanks, deck: str, version: str
    ) -> None:
        self.reading, self.columns, self.delimiter, self.blanks = reading, columns, delimiter, blanks
        self.deck, self.version = deck, version
        self.where = [columns.get(name) for name in COLUMNS]
        self.meanings: dict[tuple[str, ...], deck_lines.Meaning] = {}
        self.by_prefix: dict[str, list[rules.Rate]] = {}
        self.others: dict[str, list[deck_lines.Line]] = {}

    def read(self, lines: list[str], progress: Progress | None) -> None:
        total = len(lines)
        for number in range(2, total + 1):
            line = lines[number - 1]
            if line and line != "\r":
                self.reading.lines += 1
                try:
                    self._line(number, line)
                except BadCell as bad:
                    column = bad.code if bad.code in COLUMNS else ""
                    self.reading.wrong(number, column, bad.code, str(bad))
                except rules.InvalidRate as bad_rate:
                    self.reading.wrong(number, "", "rate", bad_rate.message)
            if progress and number % STEP == 0:
                progress(number, total)
        self._gather()
        if progress:
            progress(total, total)

    def _line(self, number: int, line: str) -> None:
        cells = self._cells(line)
        prefix = deck_cells.prefix(cells[0])
        rest = tuple(cells[1:])
        known = self.meanings.get(rest)
        if known is None:
            if len(self.meanings) > 50_000:
                self.meanings.clear()
            known = self.meanings[rest] = deck_lines.meaning(dict(zip(COLUMNS[1:], rest, strict=True)), self.blanks)
        if known.band is not None or known.from_s is not None:
            self.others.setdefault(prefix, []).append(deck_lines.Line(number, known))
            return
        rate = rules.Rate(
            prefix=prefix,
            destination=known.destination,
            currency=self.blanks.currency,
            price_nanos=known.price_nanos,
            first_s=known.first_s,
            next_s=known.next_s,
            connection_micros=known.connection_micros,
            minimum_micros=known.minimum_micros,
            valid_from=known.valid_from,
            valid_to=known.valid_to,
            destination_en=known.english,
            deck=self.deck,
            version=self.version,
            line=number,
            tariff=known.tariff,
        )
        self.by_prefix.setdefault(prefix, []).append(rate)

    def _cells(self, line: str) -> list[str]:
        """The cells of a line in the order of COLUMNS, absent ones blank."""
        if len(line) > MAX_LINE:
            raise BadCell("line-size", f"the line has {len(line)} characters: at most {MAX_LINE}")
        if not line.isascii() or not line.isprintable():
            self._check_text(line)
        line = line.removesuffix("\r")
        if '"' in line:
            try:
                cells = next(csv.reader([line], delimiter=self.delimiter, strict=True))
            except csv.Error:
                raise BadCell("quotes", "the quotation marks of this line do not match") from None
        else:
            cells = line.split(self.delimiter)
        if len(cells) != len(self.columns):
            raise BadCell("cells", f"the line has {len(cells)} cells, the header {len(self.columns)}")
        return [cells[index].strip(" ") if index is not None else "" for index in self.where]

    def _check_text(self, line: str) -> None:
        found = INVISIBLE.search(line.removesuffix("\r"))
        if found is None and "\r" not in line.removesuffix("\r"):
            return
        mark = found.group() if found else "\r"
        if "\ud800" <= mark <= "\udfff":
            raise BadCell("encoding", f"byte {ord(mark) & 0xFF:#04x} is not UTF-8: save the file as CSV in UTF-8")
        raise BadCell("control", f"the line holds the invisible character U+{ord(mark):04X}")

    def _gather(self) -> None:
        """Bands and groups join their base lines; what overlaps is told."""
        reading = self.reading
        for prefix, found in self.by_prefix.items():
            if len(found) > 1:
                for number, message, code in _collisions(found):
                    reading.wrong(number, "prefix", code, message)
            if prefix in self.others:
                found = list(deck_lines.joined(found, self.others.pop(prefix), reading.wrong))
            reading.rates.extend(found)
        for prefix, lines in self.others.items():
            for line in lines:
                reading.wrong(
                    line.number, line.column, f"{line.column}-base", f"{prefix} has {line.kind} but no base line"
                )
        reading.rates.sort(key=lambda rate: rate.line)


def _collisions(found: list[rules.Rate]) -> Iterator[tuple[int, str, str]]:
    """Rates of one prefix whose dates meet: (line, message, code)."""
    ordered = sorted(found, key=lambda rate: (rate.valid_from, rate.line))
    last = ordered[0]
    for other in ordered[1:]:
        if (last.valid_from, last.valid_to) == (other.valid_from, other.valid_to):
            yield (
                other.line,
                f"prefix {other.prefix} stands already on line {last.line} for the same dates",
                "duplicate",
            )
        elif other.valid_from < last.valid_to:
            line, first = max(last.line, other.line), min(last.line, other.line)
            yield line, f"prefix {other.prefix}: the dates overlap those of line {first}", "overlap"
        if other.valid_to > last.valid_to:
            last = other
    if len(found) > MAX_DATES:
        yield found[-1].line, f"prefix {last.prefix} has {len(found)} dated prices: at most {MAX_DATES}", "dates"
