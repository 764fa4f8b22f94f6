"""Rating on Spark: its workers read, rate and keep parts of the inputs as Arrow files, by the same code and tables as the local
engine; the driver joins the parts in the order of the records, so that the result is the same file.

Needs the extra `spark`, Java 17, and a folder for the output that driver and workers see. Nothing that Django needs is imported
before a worker has set it up: this module is what Spark's workers import first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadran.units.errors import CadranError

if TYPE_CHECKING:
    from cadran.rating.files.columns import Reading
    from cadran.rating.files.rated import Sums
    from cadran.rating.files.reading import Look
    from cadran.rating.files.run import Job, Outcome, Rated, Unit
    from cadran.rating.tables import Tables

PART_ROWS = 500_000


class SparkMissing(CadranError):
    """Spark or its Java is not installed."""

    error_id = "rating-spark-missing"


@dataclass(frozen=True, slots=True)
class Part:
    """What one task rates: some row groups of a Parquet file (empty: all), or a CSV file, which is not split."""

    number: int
    path: Path
    groups: tuple[int, ...]
    first: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Done:
    """What a task leaves: its sums and Arrow files, None where there are no rejects; or why it failed."""

    number: int
    sums: Sums
    rated: Path
    rejects: Path | None
    size: int
    error: CadranError | None = None


def run(job: Job, tables: Tables, *, master: str = "local[2]", look: Look = lambda _bytes: None) -> Outcome:
    """As run.run. Raises SparkMissing too."""
    with session(master) as context:
        return run_on(job, context, context.broadcast(tables), look=look)


def run_on(job: Job, context: Any, tables: Any, *, look: Look = lambda _bytes: None) -> Outcome:
    """The same on a Spark context at hand, with the tables broadcast on it."""
    from cadran.rating.files import run as local

    return local.run_units(job, lambda unit: _unit(job, unit, context, tables, look))


@contextlib.contextmanager
def session(master: str) -> Iterator[Any]:
    """A Spark context that listens on the loopback alone where it is a local one, without pages. Raises SparkMissing."""
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise SparkMissing("Spark needs Java 17: on Debian, apt-get install openjdk-17-jre-headless")
    try:
        from pyspark import SparkConf, SparkContext
    except ImportError:
        raise SparkMissing("Spark is not installed: pip install 'cadran[spark]'") from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false",
        "spark.executorEnv.DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
    }
    if master.startswith("local"):
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    context = SparkContext(conf=SparkConf().setMaster(master).setAppName("cadran rate").setAll(list(settings.items())))
    try:
        yield context
    finally:
        context.stop()


def _unit(job: Job, unit: Unit, context: Any, tables: Any, look: Look) -> Sums:
    """Tasks to parts, parts to the unit's file."""
    from cadran.rating.files import columns, engine, rated, reading
    from cadran.rating.files import run as local

    schemas = [reading.open_file(path, job.reading).schema for path in unit.inputs]
    for path, schema in zip(unit.inputs, schemas, strict=True):
        columns.find(schema.names, job.reading)
        if schema != schemas[0]:
            raise local.CannotRate(f"{path.name} has other columns than {unit.inputs[0].name}: rate them to a folder")
    names = columns.added(schemas[0].names, rated.ADDED.names)
    unit.out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{unit.out.name}.spark-", dir=unit.out.parent))
    try:
        parts = split(unit.inputs, folder)
        kind = engine.kind(sum(path.stat().st_size for path in unit.inputs))
        work = Work(job.reading, kind, tables, names)
        tasks = context.parallelize(parts, len(parts)).mapPartitions(work)
        done = sorted(tasks.collect(), key=lambda one: int(one.number))
        for one in done:
            if one.error is not None:
                raise one.error
        chunks = _joined(done, schemas[0].empty_table(), look)
        return local.write(unit, local.rated_schema(schemas[0], names), chunks, escape=job.escape)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def split(paths: Sequence[Path], folder: Path) -> list[Part]:
    """The inputs in parts of about PART_ROWS records."""
    import pyarrow.parquet as pq

    from cadran.rating.files import reading

    parts: list[Part] = []
    for path in paths:
        if reading.form(path) == "csv":
            parts.append(Part(len(parts), path, (), 0, folder))
            continue
        metadata = pq.read_metadata(path)
        counts = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        first, groups = 1, list[int]()
        for index, count in enumerate(counts):
            groups.append(index)
            rows = sum(counts[one] for one in groups)
            if rows >= PART_ROWS or index == len(counts) - 1:
                parts.append(Part(len(parts), path, tuple(groups), first, folder))
                first, groups = first + rows, []
            assert count >= 0
    return parts


@dataclass(frozen=True, slots=True)
class Work:
    """The function of a task. It travels to the workers, so that it holds nothing whose module needs Django."""

    how: Reading
    kind: str
    tables: Any
    names: Sequence[str]

    def __call__(self, parts: Iterable[Part]) -> Iterator[Done]:
        """Set up what a worker needs, once in its life, and rate the parts."""
        import django
        from django.apps import apps

        if not apps.ready:
            django.setup()
        for part in parts:
            yield _rated(part, self.how, self.kind, self.tables.value, self.names)


_ready: dict[int, tuple[Any, Any]] = {}


def _rated(part: Part, how: Reading, kind: str, tables: Tables, names: Sequence[str]) -> Done:
    import pyarrow as pa

    from cadran.rating.files import columns, engine, rated, reading

    if id(tables) not in _ready:
        rater, labels = engine.Batch(tables, kind), rated.Labels()
        labels.take_up(rater.rates)
        _ready[id(tables)] = rater, labels
    rater, labels = _ready[id(tables)]
    sums = rated.Sums()
    out, rejects = part.folder / f"{part.number}.rated", part.folder / f"{part.number}.rejects"
    writers: dict[Path, Any] = {}
    try:
        source = reading.open_file(part.path, how, groups=part.groups, first=part.first)
        found = columns.find(source.schema.names, how)
        for piece in source.pieces:
            table, wrong, some = rated.rate(source.read(piece), found, how, rater, labels, names)
            sums.add(some)
            for path, kept in ((out, table), (rejects, wrong)):
                if kept is not None and kept.num_rows:
                    if path not in writers:
                        writers[path] = pa.ipc.new_stream(str(path), kept.schema)
                    writers[path].write_table(kept)
    except CadranError as error:
        return Done(part.number, sums, out, None, 0, error)
    finally:
        for writer in writers.values():
            writer.close()
    share = part.path.stat().st_size if not part.groups else 0
    return Done(part.number, sums, out, rejects if rejects in writers else None, share)


def _joined(parts: Sequence[Done], nothing: Any, look: Look) -> Iterator[Rated]:
    """The chunks of all parts in the order of the records, in bounded memory."""
    import pyarrow as pa

    from cadran.rating.files import rated

    for part in parts:
        for batch in _batches(part.rated):
            yield pa.Table.from_batches([batch]), None, rated.Sums()
        for batch in _batches(part.rejects):
            yield nothing, pa.Table.from_batches([batch]), rated.Sums()
        yield nothing, None, part.sums
        look(part.size)


def _batches(path: Path | None) -> Iterator[Any]:
    import pyarrow as pa

    if path is not None and path.exists():
        with pa.ipc.open_stream(pa.memory_map(str(path))) as stream:
            yield from stream
        path.unlink()
