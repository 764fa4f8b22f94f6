"""Spark's workers rate as the local engine does: the same records, charges, rejects and sums."""

from __future__ import annotations

import importlib.util
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from cadran.catalog.rules import Rate, TimeBand
from cadran.rating import decks, tables
from cadran.rating.files import engine, reading, run, spark

NIGHT = TimeBand(name="night", zone="Europe/Paris", price_nanos=5_000_000, windows=((0, 480),))
DECK = decks.of_rates(
    [
        Rate(prefix="33", destination="France", currency="EUR", price_nanos=12_000_000, bands=(NIGHT,)),
        Rate(prefix="44", destination="UK", currency="GBP", price_nanos=20_000_000, first_s=60, connection_micros=7),
    ]
)


def inputs(folder: Path) -> tuple[Path, ...]:
    """A Parquet file of four row groups, a CSV file with broken lines, and one that cannot be rated at all."""
    folder.mkdir()
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    count = 400
    table = pa.table(
        {
            "dst": [("33142", "+4420", "999", None)[index % 4] for index in range(count)],
            "at": pa.array([first + index * 997 for index in range(count)]).cast(pa.timestamp("s", "UTC")),
            "billsec": pa.array([index % 150 - 1 for index in range(count)], pa.int32()),
            "id": pa.array([f"call {index}" for index in range(count)], pa.large_string()),
        }
    )
    pq.write_table(table, folder / "a.parquet", row_group_size=100)
    lines = "33142,2026-01-01T03:00:00Z,61,x\n33,short\n\n44,2026-01-01T03:00:00,1,x\n999,2026-01-01T03:00:00Z,1,x\n"
    (folder / "b.csv").write_text("dst,at,billsec,id\n" + lines.replace(":00,", ":00Z,") * 20)
    return tuple(sorted(folder.iterdir()))


@pytest.mark.stack
@pytest.mark.skipif(
    not (shutil.which("java") and importlib.util.find_spec("pyspark")), reason="needs Java 17 and pyspark"
)
@pytest.mark.filterwarnings("ignore")
def test_spark_and_the_local_engine_write_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "PART_ROWS", 100)
    files = inputs(tmp_path / "in")
    compiled = tables.compile_deck(DECK)
    jobs = [run.Job(inputs=files, out=tmp_path / name, prices="p") for name in ("local", "spark")]
    local = run.run(jobs[0], engine.Batch(compiled, "numpy"))
    broken = tmp_path / "c.parquet"
    broken.write_bytes((tmp_path / "in/a.parquet").read_bytes()[:-300])
    with spark.session("local[2]") as context:
        shared = context.broadcast(compiled)
        spread = spark.run_on(jobs[1], context, shared)
        with pytest.raises(reading.UnreadableFile):
            spark.run_on(run.Job(inputs=(broken,), out=tmp_path / "none", prices="p"), context, shared)
    assert local.sums == spread.sums
    assert (local.sums.records, local.sums.rated) == (480, 238)
    ours, theirs = (pq.read_table(tmp_path / folder / "a.rated.parquet") for folder in ("local", "spark"))
    assert ours.schema == theirs.schema
    assert ours.to_pylist() == theirs.to_pylist()
    for name in ("b.rated.csv", "a.rejects.csv", "b.rejects.csv"):
        ours, theirs = (pa_csv.read_csv(tmp_path / folder / name) for folder in ("local", "spark"))
        assert ours.to_pylist() == theirs.to_pylist()
    assert sorted(path.name for path in (tmp_path / "spark").iterdir() if not path.name.startswith(".")) == [
        "a.rated.parquet",
        "a.rejects.csv",
        "b.rated.csv",
        "b.rejects.csv",
    ]
    assert not list((tmp_path / "spark").glob(".*spark-*"))
