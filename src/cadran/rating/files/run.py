"""Files of call records to rated files: what is to be written, what is written already, and the work itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from cadran.rating.files import columns, rated, reading, writing
from cadran.rating.files.columns import Reading
from cadran.rating.files.engine import Engine
from cadran.rating.files.rated import Sums
from cadran.rating.files.writing import Whole
from cadran.units import money
from cadran.units.errors import CadranError, InvalidInput

MAX_INPUTS = 100_000
MARK = "cadran-rate"
Rated: TypeAlias = tuple[Any, Any, Sums]
"""A table of rated records, one of rejected ones or None, and the sums of both."""


class CannotRate(InvalidInput):
    """Inputs and output of a run that do not go together."""

    error_id = "rating-run-invalid"


class AlreadyThere(CannotRate):
    """The output exists and was not made by the same run."""

    error_id = "rating-output-exists"


class RecordsLost(CadranError):
    """Records came in that went out neither rated nor rejected: nothing was written."""

    error_id = "rating-records-lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked for. out: a file (.csv, .csv.gz, .parquet) for all inputs together, or a folder with one for each. form: csv
    or parquet; empty: as the name of `out` or of each input says. prices: what the engine's prices are, as text that changes
    when they do. escape: see writing.Whole. workers: threads."""

    inputs: tuple[Path, ...]
    out: Path
    prices: str
    form: str = ""
    reading: Reading = field(default_factory=Reading)
    force: bool = False
    escape: bool = False
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Unit:
    """One rated file: from which inputs, to which names, and the mark of all that its content depends on."""

    inputs: tuple[Path, ...]
    out: Path
    mark: str

    @property
    def rejects(self) -> Path:
        name = self.out.name
        for end in (".gz", ".csv", ".parquet", ".pq", ".rated"):
            name = name.removesuffix(end)
        return self.out.with_name(f"{name}.rejects.csv")

    @property
    def record(self) -> Path:
        """Where the mark and the sums of a finished file are kept."""
        return self.out.with_name(f".{self.out.name}.{MARK}.json")


@dataclass(slots=True)
class Outcome:
    """What a run did. sums: of all units, those of earlier runs included. earlier: units that were whole already."""

    sums: Sums
    outputs: list[Path]
    rejects: list[Path]
    earlier: int
    fresh_records: int
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON: amounts as exact decimals."""
        sums = self.sums
        by_currency: dict[str, int] = {}
        for (_, currency), micros in sums.micros.items():
            by_currency[currency] = by_currency.get(currency, 0) + micros
        return {
            "records": sums.records,
            "rated": sums.rated,
            "rejected": sums.rejected,
            "rejects": dict(sums.rejects.most_common()),
            "seconds": sums.seconds,
            "totals": [
                {"currency": name, "amount": money.decimal_text(total)} for name, total in sorted(by_currency.items())
            ],
            "destinations": [
                {
                    "destination": key[0],
                    "currency": key[1],
                    "calls": sums.calls[key],
                    "billed_s": sums.billed_s[key],
                    "charge_micros": micros,
                    "amount": money.decimal_text(micros),
                }
                for key, micros in sorted(sums.micros.items(), key=lambda item: (-item[1], item[0]))
            ],
            "outputs": [str(path) for path in self.outputs],
            "rejects_files": [str(path) for path in self.rejects],
            "already_whole": self.earlier,
            "elapsed_s": round(self.seconds, 3),
            "records_a_second": round(self.fresh_records / self.seconds) if self.seconds else 0,
        }


def inputs(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Files, and of folders the files of records in them, rated ones left out. Raises CannotRate."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            names = (one for one in sorted(path.iterdir()) if one.is_file() and not one.name.startswith("."))
            found += [one for one in names if ".rated." not in one.name and ".rejects." not in one.name and _known(one)]
        elif path.is_file():
            reading.form(path)
            found.append(path)
        else:
            raise CannotRate(f"there is no file or folder {path}")
    if not found:
        raise CannotRate("there is nothing to rate: name files (.csv, .csv.gz, .parquet) or folders that hold some")
    if len(found) > MAX_INPUTS or len(set(found)) < len(found):
        raise CannotRate(f"name each file once, and at most {MAX_INPUTS}")
    return tuple(found)


def plan(job: Job) -> tuple[Unit, ...]:
    """The files that are to be written. Raises CannotRate."""
    as_file = writing.form(job.out)
    if as_file:
        if job.form and job.form != as_file:
            raise CannotRate(f"{job.out.name} is not a name for {job.form}")
        units: tuple[Unit, ...] = (Unit(job.inputs, job.out, _mark(job, job.inputs)),)
    else:
        units = tuple(Unit((path,), job.out / _name(path, job.form), _mark(job, (path,))) for path in job.inputs)
    written = [path.resolve() for unit in units for path in (unit.out, unit.rejects)]
    if len(set(written)) < len(written):
        raise CannotRate("two inputs would be written to one name: rate them apart, or to one file")
    if set(written) & {path.resolve() for path in job.inputs}:
        raise CannotRate("the output would replace an input: name another")
    return units


def run(job: Job, engine: Engine, *, look: reading.Look = lambda _bytes: None) -> Outcome:
    """Rate all inputs. A unit that an earlier run finished, with the same inputs, prices and options, is left as it is.

    Raises CannotRate, AlreadyThere, WrongColumns, UnreadableFile, CannotWrite, RecordsLost: units finished before stay.
    """
    labels = rated.Labels()
    labels.take_up(engine.rates)
    return run_units(job, lambda unit: _Work(job, engine, unit, labels, look).do())


def run_units(job: Job, do: Callable[[Unit], Sums], *, again: bool = False) -> Outcome:
    """As `run`, with the work on one unit given. again: what an earlier run finished is not taken for done."""
    units = plan(job)
    done = {unit.out: sums for unit in units if not (job.force or again) and (sums := finished(unit)) is not None}
    if there := [unit.out for unit in units if unit.out.exists() and unit.out not in done and not job.force]:
        raise AlreadyThere(f"{there[0]} is there, and not of this run: use --force to replace it, or another --out")
    started = time.perf_counter()
    outcome = Outcome(Sums(), [], [], len(done), 0, 0.0)
    for unit in units:
        sums = done.get(unit.out)
        if sums is None:
            sums = do(unit)
            outcome.fresh_records += sums.records
        outcome.sums.add(sums)
        outcome.outputs.append(unit.out)
        if sums.rejected:
            outcome.rejects.append(unit.rejects)
    outcome.seconds = time.perf_counter() - started
    return outcome


class _Work:
    """One unit, chunk by chunk: read and rated in threads, written in the order of the input by this one."""

    def __init__(self, job: Job, engine: Engine, unit: Unit, labels: rated.Labels, look: reading.Look) -> None:
        self._job, self._engine, self._unit, self._labels, self._look = job, engine, unit, labels, look

    def do(self) -> Sums:
        first = reading.open_file(self._unit.inputs[0], self._job.reading, self._look)
        names = columns.added(first.schema.names, rated.ADDED.names)
        return write(self._unit, rated_schema(first.schema, names), self._chunks(first, names), escape=self._job.escape)

    def _chunks(self, first: reading.Source, names: Sequence[str]) -> Iterator[Rated]:
        sources = self._sources(first)
        with ThreadPoolExecutor(self._job.workers) as pool:
            waiting: deque[Future[Any]] = deque()
            for source in sources:
                found = columns.find(source.schema.names, self._job.reading)
                for piece in source.pieces:
                    waiting.append(pool.submit(self._one, source, piece, found, names))
                    if len(waiting) > self._job.workers + 1:
                        yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _one(self, source: reading.Source, piece: Any, found: columns.Columns, names: Sequence[str]) -> Any:
        return rated.rate(source.read(piece), found, self._job.reading, self._engine, self._labels, names)

    def _sources(self, first: reading.Source) -> Iterator[reading.Source]:
        yield first
        for path in self._unit.inputs[1:]:
            source = reading.open_file(path, self._job.reading, self._look)
            if source.schema != first.schema:
                raise CannotRate(f"{path.name} has other columns than {first.path.name}: rate them to a folder")
            yield source


def rated_schema(schema: Any, names: Sequence[str]) -> Any:
    """The columns of a rated file: those of its input, then those that are added, under `names`."""
    fields = [pa.field(name, one.type) for name, one in zip(names, rated.ADDED, strict=True)]
    return pa.schema([*schema, *fields])


def write(unit: Unit, schema: Any, chunks: Iterator[Rated], *, escape: bool) -> Sums:
    """Write a unit whole or not at all. Raises RecordsLost where what came in is not what is written."""
    sums = Sums()
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(Whole(unit.out, schema, escape=escape))
        rejects: Whole | None = None
        for table, wrong, part in chunks:
            sums.add(part)
            if table.num_rows:
                out.write(table)
            if wrong is not None:
                if rejects is None:
                    rejects = stack.enter_context(Whole(unit.rejects, wrong.schema, escape=escape))
                rejects.write(wrong)
        written = rejects.rows if rejects else 0
        if sums.records != out.rows + written or (out.rows, written) != (sums.rated, sums.rejected):
            raise RecordsLost(f"{sums.records} records came in, {out.rows} were rated and {written} rejected")
        size = out.seal()
        if rejects:
            rejects.seal()
        # From here on a crash leaves either no output, which the next run makes, or all of it.
        for path in (unit.out, unit.rejects):
            path.unlink(missing_ok=True)
        _keep(unit, sums, size)
        if rejects:
            rejects.finish()
        out.finish()
    return sums


def finished(unit: Unit) -> Sums | None:
    """The sums of a unit that is whole, and of the same inputs, prices and options."""
    try:
        kept = json.loads(unit.record.read_text(encoding="utf-8"))
        if kept["mark"] != unit.mark or kept["bytes"] != unit.out.stat().st_size:
            return None
        sums = Sums(records=kept["records"], rated=kept["rated"], seconds=kept["seconds"])
        sums.rejects.update(kept["rejects"])
        for destination, currency, calls, billed_s, micros in kept["groups"]:
            key = (destination, currency)
            sums.calls[key], sums.billed_s[key], sums.micros[key] = calls, billed_s, micros
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if sums.rejected and not unit.rejects.exists() else sums


def _keep(unit: Unit, sums: Sums, size: int) -> None:
    kept = {
        "mark": unit.mark,
        "bytes": size,
        "records": sums.records,
        "rated": sums.rated,
        "seconds": sums.seconds,
        "rejects": dict(sums.rejects),
        "groups": [[*key, sums.calls[key], sums.billed_s[key], micros] for key, micros in sums.micros.items()],
    }
    part = unit.record.with_suffix(".part")
    part.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    os.replace(part, unit.record)


def _mark(job: Job, paths: tuple[Path, ...]) -> str:
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    how = job.reading
    asked = (
        sorted(how.mapping.items()),
        how.zone,
        how.instant_unit,
        how.duration_unit,
        how.ambiguous,
        how.encoding,
        how.delimiter,
    )
    return hashlib.sha256(repr((stats, job.prices, asked, job.escape)).encode()).hexdigest()


def _name(path: Path, form: str) -> str:
    name = path.name
    end = ".csv" if reading.form(path) == "csv" else ".parquet"
    if form:
        end = f".{form}"
    for known in (".gz", ".csv", ".parquet", ".pq", ".txt", ".tsv"):
        if name.lower().endswith(known):
            name = name[: -len(known)]
    return f"{name}.rated{end}"


def _known(path: Path) -> bool:
    try:
        return bool(reading.form(path))
    except reading.UnreadableFile:
        return False
