"""A CGRateS tariff-plan folder to a plan, with every error by file and line. Reads only.

The files are those of its documentation, by position: a line that starts with # is a comment. Older layouts are known by their
number of cells and by the direction (`*out`) that they state.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from cadran.catalog import plans
from cadran.catalog.adapters import cgrates_cells as cells
from cadran.catalog.adapters.deck_cells import BadCell, shown
from cadran.catalog.adapters.deck_csv import MAX_LINE, MAX_LINES, MAX_PROBLEMS, Problem
from cadran.catalog.adapters.deck_file import MAX_BYTES, UnreadableDeckFile

TIMINGS, DESTINATIONS, RATES = "Timings.csv", "Destinations.csv", "Rates.csv"
DESTINATION_RATES, PLANS, PROFILES = "DestinationRates.csv", "RatingPlans.csv", "RatingProfiles.csv"
OLD_PLANS = "DestinationRateTimings.csv"
FILES = (TIMINGS, DESTINATIONS, RATES, DESTINATION_RATES, PLANS, PROFILES)
NEEDED = (RATES, DESTINATION_RATES, PROFILES)
MAX_INTERVALS = 4_000_000
STEP = 20_000
_HEADS = {"tag", "id", "tenant", "direction"}

Progress = Callable[[int, int], None]
Row = tuple[int, list[str]]


@dataclass(slots=True)
class Reading:
    """What a folder holds. The first 1000 problems are kept, all are counted; what has one is left out of the plan."""

    plan: plans.TariffPlan = field(default_factory=plans.TariffPlan)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    lines: int = 0

    def wrong(self, file: str, line: int, column: str, code: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(line, column, code, message, file))


@dataclass(frozen=True, slots=True)
class _Rounding:
    """What the oldest layout of Rates.csv says of rounding, which DestinationRates.csv says later."""

    method: str
    decimals: int | None


@dataclass(frozen=True, slots=True)
class _Priced:
    """A line of DestinationRates.csv."""

    destination: str
    rate: plans.PlanRate
    rounding: _Rounding
    maximum: Fraction | None
    strategy: str
    line: int


def is_plan(folder: Path) -> bool:
    """Whether a folder holds the files of a tariff plan."""
    return folder.is_dir() and all((folder / name).is_file() for name in NEEDED)


def read(folder: Path, progress: Progress | None = None) -> Reading:
    """Read a whole folder. Never raises for what stands in the files: see `Reading.problems`. Raises UnreadableDeckFile."""
    if not folder.is_dir():
        raise UnreadableDeckFile(f"there is no folder {folder}: name the one that holds {', '.join(FILES)}")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if not ((folder / PLANS).is_file() or (folder / OLD_PLANS).is_file()):
        missing.append(PLANS)
    if missing:
        raise UnreadableDeckFile(f"{folder.name} is no CGRateS tariff plan: {', '.join(missing)} missing")
    return _Folder(folder, progress).read()


class _Folder:
    def __init__(self, folder: Path, progress: Progress | None) -> None:
        self.folder, self.progress = folder, progress
        self.reading = Reading()
        self.total = sum((folder / name).stat().st_size for name in (*FILES, OLD_PLANS) if (folder / name).is_file())
        self.done = 0

    def read(self) -> Reading:
        timings = self._timings()
        prefixes = self._destinations()
        rates, roundings = self._rates()
        priced = self._destination_rates(rates, roundings, prefixes)
        rating_plans = self._plans(priced, timings)
        profiles = self._profiles(rating_plans)
        self.reading.problems.sort(key=lambda problem: (FILES.index(problem.file), problem.line))
        by_prefix: dict[str, list[str]] = {}
        for tag, found in prefixes.items():
            for prefix in found:
                by_prefix.setdefault(prefix, []).append(tag)
        self.reading.plan = plans.TariffPlan(
            prefixes={prefix: tuple(tags) for prefix, tags in by_prefix.items()}, plans=rating_plans, profiles=profiles
        )
        if self.progress:
            self.progress(self.total, self.total)
        return self.reading

    def _each(self, name: str, least: int, take: Callable[[int, list[str]], None]) -> None:
        """Hand each line's cells on; what cannot be read is told by line."""
        for line, row in self._rows(name):
            self.reading.lines += 1
            try:
                if len(row) < least:
                    raise BadCell("cells", f"the line has {len(row)} cells, at least {least} are needed")
                take(line, row)
            except BadCell as bad:
                column = bad.code if bad.code[0].isupper() else ""
                self.reading.wrong(name, line, column, bad.code.lower() if column else bad.code, str(bad))

    def _rows(self, name: str) -> Iterator[Row]:
        path = self.folder / (OLD_PLANS if name == PLANS and not (self.folder / PLANS).is_file() else name)
        if not path.is_file():
            return
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableDeckFile(f"{path.name} holds more than {MAX_BYTES >> 20} MB: split the plan")
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                self.done += len(raw)
                if number > MAX_LINES:
                    raise UnreadableDeckFile(f"{path.name} has more than {MAX_LINES} lines: split the plan")
                if self.progress and number % STEP == 0:
                    self.progress(self.done, self.total)
                if (row := self._row(name, number, raw)) is not None:
                    yield number, row

    def _row(self, name: str, number: int, raw: bytes) -> list[str] | None:
        """The cells of a line; None for a comment, a blank line, a header, and a line that cannot be read."""
        if len(raw) > MAX_LINE:
            self.reading.wrong(name, number, "", "line-size", f"the line has {len(raw)} bytes: at most {MAX_LINE}")
            return None
        try:
            text = raw.removeprefix(b"\xef\xbb\xbf").decode().strip("\r\n ")
        except UnicodeDecodeError as bad:
            message = f"byte {raw[bad.start]:#04x} is not UTF-8: save the file in UTF-8"
            self.reading.wrong(name, number, "", "encoding", message)
            return None
        if not text or text.startswith("#"):
            return None
        if not text.isprintable():
            mark = next(mark for mark in text if not mark.isprintable())
            self.reading.wrong(name, number, "", "control", f"the line holds the invisible character U+{ord(mark):04X}")
            return None
        try:
            row = [cell.strip() for cell in next(csv.reader([text], strict=True))]
        except csv.Error:
            self.reading.wrong(name, number, "", "quotes", "the quotation marks of this line do not match")
            return None
        return None if number == 1 and row[0].lower() in _HEADS else row

    def _timings(self) -> dict[str, plans.Timing]:
        found = {tag: plans.Timing(tag=tag) for tag in (plans.ANY, "*always", "*asap")}

        def take(_: int, row: list[str]) -> None:
            tag = cells.tag(row[0], "Tag")
            start_s, end_s = cells.hours(row[5])
            if tag in found:
                raise BadCell("Tag", f"the timing {shown(tag)} stands already in this file: tags are unique here")
            found[tag] = plans.Timing(
                tag=tag,
                years=cells.numbers(row[1], "Years", 1970, 9999),
                months=cells.numbers(row[2], "Months", 1, 12),
                month_days=cells.numbers(row[3], "MonthDays", 1, 31),
                weekdays=cells.weekdays(row[4]),
                start_s=start_s,
                end_s=end_s,
            )

        self._each(TIMINGS, 6, take)
        return found

    def _destinations(self) -> dict[str, list[str]]:
        found: dict[str, dict[str, None]] = {}

        def take(_: int, row: list[str]) -> None:
            tag = cells.tag(row[0], "Tag")
            for prefix in row[1].split(";"):
                found.setdefault(tag, {})[cells.tag(prefix, "Prefix")] = None

        self._each(DESTINATIONS, 2, take)
        return {tag: list(prefixes) for tag, prefixes in found.items()}

    def _rates(self) -> tuple[dict[str, plans.PlanRate], dict[str, _Rounding]]:
        fees: dict[str, Fraction] = {}
        slots: dict[str, list[tuple[int, plans.Slot]]] = {}
        roundings: dict[str, _Rounding] = {}

        def take(line: int, row: list[str]) -> None:
            tag, fee = cells.tag(row[0], "Id"), cells.amount(row[1], "ConnectFee")
            slot = plans.Slot(
                start_s=cells.seconds(row[5], "GroupIntervalStart") if row[5] else Fraction(0),
                rate=cells.amount(row[2], "Rate"),
                unit_s=cells.increment(row[3], "RateUnit"),
                increment_s=cells.increment(row[4], "RateIncrement"),
            )
            if len(row) >= 8:
                roundings[tag] = _Rounding(cells.rounding(row[6]), cells.decimals(row[7]))
            fees.setdefault(tag, fee)
            slots.setdefault(tag, []).append((line, slot))

        self._each(RATES, 6, take)
        return {tag: rate for tag in slots if (rate := self._rate(tag, fees[tag], slots[tag]))}, roundings

    def _rate(self, tag: str, fee: Fraction, found: list[tuple[int, plans.Slot]]) -> plans.PlanRate | None:
        """The groups of a rate in their order; told where two start together, or none at 0."""
        ordered = sorted(found, key=lambda pair: pair[1].start_s)
        for (_, before), (line, after) in pairwise(ordered):
            if before.start_s == after.start_s:
                message = f"two groups of {shown(tag)} start at {after.start_s} s: one of them is meant to start later"
                self.reading.wrong(RATES, line, "GroupIntervalStart", "group-start", message)
                return None
        if ordered[0][1].start_s:
            message = f"no group of {shown(tag)} starts at 0s: the call's beginning has no price"
            self.reading.wrong(RATES, ordered[0][0], "GroupIntervalStart", "group-start", message)
            return None
        return plans.PlanRate(tag=tag, connect_fee=fee, slots=tuple(slot for _, slot in ordered))

    def _destination_rates(
        self, rates: dict[str, plans.PlanRate], roundings: dict[str, _Rounding], known: dict[str, list[str]]
    ) -> dict[str, list[_Priced]]:
        found: dict[str, list[_Priced]] = {}

        def take(line: int, row: list[str]) -> None:
            row = [*row, "", "", "", ""]
            tag, destination, name = cells.tag(row[0], "Id"), row[1], row[2]
            rate = rates.get(name) or cells.zero_rate(name)
            if destination != plans.ANY and destination not in known:
                raise BadCell("DestinationId", f"{shown(destination)} is not in {DESTINATIONS}")
            if rate is None:
                raise BadCell("RatesTag", f"{shown(name)} is not in {RATES}, or has an error there")
            stated = roundings.get(name) if not row[3] and not row[4] else None
            maximum = cells.amount(row[5], "MaxCost")
            priced = _Priced(
                destination=destination,
                rate=rate,
                rounding=stated or _Rounding(cells.rounding(row[3]), cells.decimals(row[4])),
                maximum=maximum or None,
                strategy=cells.strategy(row[6]),
                line=line,
            )
            found.setdefault(tag, []).append(priced)

        self._each(DESTINATION_RATES, 3, take)
        return found

    def _plans(self, priced: dict[str, list[_Priced]], timings: dict[str, plans.Timing]) -> dict[str, plans.RatingPlan]:
        found: dict[str, dict[str, list[plans.Interval]]] = {}
        count = 0

        def take(_: int, row: list[str]) -> None:
            nonlocal count
            tag, timing = cells.tag(row[0], "Id"), timings.get(row[2])
            if row[1] not in priced:
                raise BadCell("DestRatesId", f"{shown(row[1])} is not in {DESTINATION_RATES}, or has an error there")
            if timing is None:
                raise BadCell("TimingTag", f"{shown(row[2])} is not in {TIMINGS}, or has an error there")
            heavy = cells.weight(row[3] if len(row) > 3 else "")
            count += len(priced[row[1]])
            if count > MAX_INTERVALS:
                raise UnreadableDeckFile(f"the plan has more than {MAX_INTERVALS} priced destinations: split it")
            for one in priced[row[1]]:
                found.setdefault(tag, {}).setdefault(one.destination, []).append(_interval(one, timing, heavy))

        self._each(PLANS, 3, take)
        return {
            tag: plans.RatingPlan(tag=tag, by_destination={name: tuple(some) for name, some in by_destination.items()})
            for tag, by_destination in found.items()
        }

    def _profiles(self, known: dict[str, plans.RatingPlan]) -> dict[tuple[str, str, str], tuple[plans.Activation, ...]]:
        found: dict[tuple[str, str, str], list[plans.Activation]] = {}

        def take(_: int, row: list[str]) -> None:
            tenant, category, subject, since, plan, *rest = _without_direction(row)
            if plan not in known:
                raise BadCell("RatingPlanId", f"{shown(plan)} is not in {PLANS}, or has an error there")
            fallbacks = tuple(name.strip() for name in (rest[0] if rest else "").split(";") if name.strip())
            activation = plans.Activation(at=cells.instant(since), plan=plan, fallbacks=fallbacks)
            found.setdefault((tenant, category, subject), []).append(activation)

        self._each(PROFILES, 5, take)
        return {key: tuple(sorted(some, key=lambda each: each.at)) for key, some in found.items()}


def _interval(priced: _Priced, timing: plans.Timing, weight: Fraction) -> plans.Interval:
    return plans.Interval(
        rate=priced.rate,
        timing=timing,
        weight=weight,
        rounding=priced.rounding.method,
        decimals=priced.rounding.decimals,
        maximum=priced.maximum,
        strategy=priced.strategy if priced.maximum else "",
        line=priced.line,
    )


def _without_direction(row: list[str]) -> list[str]:
    """Tenant, category, subject, activation, plan, fall-backs: whichever of the layouts the line has."""
    for place in (0, 2):
        if row[place] in cells.DIRECTIONS:
            row = row[:place] + row[place + 1 :]
            break
    if len(row) < 5:
        raise BadCell("cells", f"the line has {len(row)} cells, at least 5 are needed")
    return row
