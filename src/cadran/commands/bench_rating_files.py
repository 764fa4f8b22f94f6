"""Rating Parquet files: from file to file, beside Polars that merely scans and writes the same columns; and the memory it takes."""

from __future__ import annotations

import importlib.util
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cadran.commands import bench_child, memory
from cadran.commands import bench_rating_load as load
from cadran.commands.benchmarks import Result
from cadran.rating import decks, tables
from cadran.rating.files import engine, run

PREFIXES, QUICK_PREFIXES = 50_000, 2_000
RECORDS, QUICK_RECORDS = 2_000_000, 200_000
ROW_GROUP = 500_000
WORKERS = 2
ROUNDS = 3


def measure(seconds: float) -> list[Result]:
    """Ratio of whole runs, the best of several of each, taken in turn; memory of a process of its own."""
    quick = seconds < 1
    with tempfile.TemporaryDirectory(prefix="cadran-bench-") as name:
        folder = Path(name)
        deck = _deck(quick)
        source = folder / "calls.parquet"
        _calls(source, deck, quick)
        results = _beside_polars(folder, source, deck, quick, seconds) if importlib.util.find_spec("polars") else []
        return [*results, _memory(folder, source, quick)]


def _deck(quick: bool) -> decks.Deck:
    generator = np.random.default_rng(1)
    return load.make_decks(load.prefixes(QUICK_PREFIXES if quick else PREFIXES, generator), generator, 1)[0]


def _calls(path: Path, deck: decks.Deck, quick: bool) -> None:
    """Records as a switch writes them: an id, an account, a number as text, an instant, a duration."""
    generator = np.random.default_rng(2)
    calls = load.make_calls(list(deck.versions[0].by_prefix), QUICK_RECORDS if quick else RECORDS, generator)
    keys = calls.keys
    digits = pa.array(keys // np.uint64(16)).cast(pa.string())  # 15 digits, filled with zeros
    texts = [text[: key & 15] for text, key in zip(digits.to_pylist(), keys.tolist(), strict=True)]
    accounts = pa.array([f"A{number:06d}" for number in range(load.ACCOUNTS)])
    table = pa.table(
        {
            "id": np.arange(len(keys)),
            "account": accounts.take(pa.array(calls.account)),
            "called": pa.array(texts, pa.string()),
            "answered_at": pa.array(calls.at_s * 10**6).cast(pa.timestamp("us", "UTC")),
            "seconds": calls.seconds,
        }
    )
    pq.write_table(table, path, row_group_size=ROW_GROUP, compression="zstd", compression_level=1)


def _job(source: Path, out: Path) -> run.Job:
    return run.Job(inputs=(source,), out=out, prices="bench", force=True, workers=WORKERS)


def _engine(deck: decks.Deck, quick: bool) -> engine.Batch:
    return engine.Batch(tables.compile_deck(deck), "numpy" if quick else "auto")


def _beside_polars(folder: Path, source: Path, deck: decks.Deck, quick: bool, seconds: float) -> list[Result]:
    import polars

    rater, out, copy = _engine(deck, quick), folder / "rated.parquet", folder / "copy.parquet"
    records = run.run(_job(source, out), rater).sums.records  # also makes the machine code
    ours, theirs = [], []
    for turn in range(1 if quick else ROUNDS):
        started = time.perf_counter()
        run.run(_job(source, out), rater)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        polars.scan_parquet(out).sink_parquet(copy, compression="zstd", compression_level=1)
        theirs.append(time.perf_counter() - started)
        if sum(ours) + sum(theirs) > max(seconds, 1) * 6 and turn:
            break
    return [
        Result(
            name="parquet_vs_polars_scan",
            value=records / min(ours),
            unit="records/s",
            beside="Polars scanning and writing the same columns",
            yardstick=records / min(theirs),
            goal=0.5,
        )
    ]


def _memory(folder: Path, source: Path, quick: bool) -> Result:
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    arguments = (__name__, measured.__name__, its, source, folder / "again.parquet", quick)
    child = context.Process(target=bench_child.run, args=arguments)
    child.start()
    its.close()  # so that a child that dies is heard of
    try:
        taken = float(mine.recv()) if mine.poll(300) else float("inf")
    except EOFError:
        taken = float("inf")
    child.join(10)
    if child.is_alive():
        child.kill()
    return Result(name="streaming_memory_mb", value=taken, unit="MB", beside="", yardstick=None, goal=400, at_most=True)


def measured(pipe: object, source: Path, out: Path, quick: bool) -> None:
    """In a process of its own: the tables are made, then what rating takes above them is measured."""
    rater = _engine(_deck(quick), quick)
    gauge = memory.Gauge()
    run.run(_job(source, out), rater)
    above = gauge.above_mb()
    pipe.send(float("inf") if above is None else above)  # type: ignore[attr-defined]
