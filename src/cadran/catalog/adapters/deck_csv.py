"""A deck file to rates, with every error of the file by line. Reads only: what to do with them is decided in operations.

The columns are described in docs/reference/decks.md, which is for those who write such files.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cadran.catalog import bands, rules
from cadran.catalog.adapters import deck_cells
from cadran.catalog.adapters.deck_cells import BadCell

REQUIRED = ("prefix", "destination", "price")
OPTIONAL = ("destination_en", "per", "first_s", "next_s", "connection_fee", "minimum", "effective_from", "effective_to")
BAND = ("band", "band_days", "band_hours", "band_zone", "band_holidays")
COLUMNS = REQUIRED + OPTIONAL + BAND
DELIMITERS = (",", ";", "\t")
MAX_LINE = 8_000
MAX_LINES = 2_000_000
MAX_PROBLEMS = 1_000
STEP = 5_000
MAX_BANDS = 50
MAX_DATES = 1_000
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line (1 is the header, 0 the whole file). code is stable; column may be empty."""

    line: int
    column: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Blanks:
    """What a blank cell means: values of the brand's terms. An increment None must be stated by the file. clause: the clause of
    the increments."""

    zone: str
    currency: str
    first_s: int | None = None
    next_s: int | None = None
    connection_micros: int = 0
    clause: str = ""


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


@dataclass(frozen=True, slots=True)
class _BandLine:
    line: int
    valid_from: datetime
    valid_to: datetime
    destination: str
    band: rules.TimeBand


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
    columns = _header(lines[0], delimiter, reading)
    if columns:
        _Lines(reading, columns, delimiter, blanks, deck, version).read(lines, progress)
    if columns and not reading.rates and not reading.problem_count:
        reading.wrong(0, "", "empty", "the file has a header but no rate")
    reading.problems.sort(key=lambda problem: problem.line)
    return reading


def _header(line: str, delimiter: str, reading: Reading) -> dict[str, int]:
    """Column name to its place; empty when the header cannot be used."""
    if len(line) > MAX_LINE or _INVISIBLE.search(line):
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
        self.terms: dict[tuple[str, ...], tuple[object, ...]] = {}
        self.by_prefix: dict[str, list[rules.Rate]] = {}
        self.band_lines: dict[str, list[_BandLine]] = {}

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
        known = self.terms.get(rest)
        if known is None:
            if len(self.terms) > 50_000:
                self.terms.clear()
            known = self.terms[rest] = self._terms(rest)
        destination, english, price, first_s, next_s, connection, minimum, valid_from, valid_to, band = known
        if band is not None:
            found = _BandLine(number, valid_from, valid_to, destination, band)  # type: ignore[arg-type]
            self.band_lines.setdefault(prefix, []).append(found)
            return
        rate = rules.Rate(
            prefix=prefix,
            destination=destination,  # type: ignore[arg-type]
            currency=self.blanks.currency,
            price_nanos=price,  # type: ignore[arg-type]
            first_s=first_s,  # type: ignore[arg-type]
            next_s=next_s,  # type: ignore[arg-type]
            connection_micros=connection,  # type: ignore[arg-type]
            minimum_micros=minimum,  # type: ignore[arg-type]
            valid_from=valid_from,  # type: ignore[arg-type]
            valid_to=valid_to,  # type: ignore[arg-type]
            destination_en=english,  # type: ignore[arg-type]
            deck=self.deck,
            version=self.version,
            line=number,
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
        found = _INVISIBLE.search(line.removesuffix("\r"))
        if found is None and "\r" not in line.removesuffix("\r"):
            return
        mark = found.group() if found else "\r"
        if "\ud800" <= mark <= "\udfff":
            raise BadCell("encoding", f"byte {ord(mark) & 0xFF:#04x} is not UTF-8: save the file as CSV in UTF-8")
        raise BadCell("control", f"the line holds the invisible character U+{ord(mark):04X}")

    def _terms(self, cells: tuple[str, ...]) -> tuple[object, ...]:
        """Everything of a line but its prefix."""
        destination, price, english, per, first_s, next_s, fee, minimum, since, until = cells[:10]
        band_cells, blanks = cells[10:], self.blanks
        nanos = deck_cells.price_nanos(price, per)
        valid_from = deck_cells.instant(since, blanks.zone, "effective_from") if since else rules.ALWAYS_FROM
        valid_to = deck_cells.instant(until, blanks.zone, "effective_to") if until else rules.FOR_EVER
        if valid_from >= valid_to:
            raise BadCell("effective_to", "effective_to must come after effective_from")
        if any(band_cells):
            if first_s or next_s or fee or minimum:
                raise BadCell(
                    "band", "a line of a band states a price alone: increments and fees stand on its base line"
                )
            name = deck_cells.destination(destination) if destination else ""
            return (name, "", 0, 0, 0, 0, 0, valid_from, valid_to, self._band(band_cells, nanos))
        return (
            deck_cells.destination(destination),
            deck_cells.destination(english) if english else "",
            nanos,
            self._increment(first_s, "first_s", blanks.first_s),
            self._increment(next_s, "next_s", blanks.next_s),
            deck_cells.fee_micros(fee, "connection_fee") if fee else blanks.connection_micros,
            deck_cells.fee_micros(minimum, "minimum") if minimum else 0,
            valid_from,
            valid_to,
            None,
        )

    def _increment(self, text: str, name: str, blank: int | None) -> int:
        if text:
            return deck_cells.seconds(text, name)
        if blank is None:
            raise BadCell(name, f"{name} must be stated: the brand's terms give none")
        return blank

    def _band(self, cells: tuple[str, ...], nanos: int) -> rules.TimeBand:
        name, days, hours, zone, holidays = cells
        weekdays, on_holidays = bands.read_days(days)
        return rules.TimeBand(
            name=deck_cells.band_name(name),
            zone=bands.read_zone(zone or self.blanks.zone),
            price_nanos=nanos,
            weekdays=weekdays,
            windows=bands.read_hours(hours),
            holidays=bands.read_holidays(holidays),
            on_holidays=on_holidays,
        )

    def _gather(self) -> None:
        """Bands join their base lines; what overlaps is told."""
        reading = self.reading
        for prefix, found in self.by_prefix.items():
            if len(found) > 1:
                for number, message, code in _collisions(found):
                    reading.wrong(number, "prefix", code, message)
            if prefix in self.band_lines:
                found = self._with_bands(found, self.band_lines.pop(prefix))
            reading.rates.extend(found)
        for prefix, lines in self.band_lines.items():
            for line in lines:
                reading.wrong(line.line, "band", "band-base", f"{prefix} has a band but no base line")
        reading.rates.sort(key=lambda rate: rate.line)

    def _with_bands(self, found: list[rules.Rate], lines: list[_BandLine]) -> list[rules.Rate]:
        by_dates: dict[tuple[datetime, datetime], list[_BandLine]] = {}
        for line in lines:
            by_dates.setdefault((line.valid_from, line.valid_to), []).append(line)
        joined = [self._join(rate, by_dates.pop((rate.valid_from, rate.valid_to), [])) for rate in found]
        for line in (line for left in by_dates.values() for line in left):
            message = "a band has the same effective dates as its base line, and none has these"
            self.reading.wrong(line.line, "band", "band-base", message)
        return joined

    def _join(self, rate: rules.Rate, lines: list[_BandLine]) -> rules.Rate:
        """The rate with its bands, as far as they can be together."""
        if not lines:
            return rate
        if len(lines) > MAX_BANDS:
            self.reading.wrong(
                lines[-1].line, "band", "bands", f"a rate has at most {MAX_BANDS} bands, not {len(lines)}"
            )
            return rate
        for line in lines:
            if line.destination not in ("", rate.destination):
                message = f"line {rate.line} calls this destination {deck_cells.shown(rate.destination)}"
                self.reading.wrong(line.line, "destination", "destination", message)
        found = tuple(line.band for line in lines)
        try:
            rules.check_bands(found)
        except rules.InvalidRate as bad:
            self.reading.wrong(lines[-1].line, "band", "band-overlap", bad.message)
        return dataclasses.replace(rate, bands=found)


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
