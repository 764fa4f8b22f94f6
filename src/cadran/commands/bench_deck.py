"""A deck of a million random prefixes, from its file to the calls that it prices, while the old one goes on pricing.

One process does what `cadran deck import` and `cadran deck activate` do; another serves, as the charging process does, and takes the
new deck up in a thread when it is told. The yardstick is Polars merely reading the same file.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from django.core.management import call_command
from django.db import connections

from cadran.catalog import operations
from cadran.charging.adapters.brands import BrandPrices
from cadran.commands.benchmarks import Result

BRAND = "ippi"
PREFIXES = 1_000_000
QUICK_PREFIXES = 20_000
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 3, 9, tzinfo=UTC)
OLD = b"prefix,destination,price,first_s,next_s\n33,France,0.01,1,1\n44,Britain,0.02,1,1\n"
READS = 5
PAUSE_GOAL_MS = 50
MEMORY_GOAL_MB = 2_000


@dataclass(frozen=True, slots=True)
class Taken:
    """seconds: from the file to the first call priced by it. pause_ms: the longest that a call waited for its price meanwhile.
    import_mb, serving_mb: peak memory of the two processes."""

    seconds: float
    pause_ms: float
    import_mb: float
    serving_mb: float


def measure(seconds: float) -> list[Result]:
    """All figures of the group. Less than a second: a small deck, which only shows that everything works."""
    count = PREFIXES if seconds >= 1 else QUICK_PREFIXES
    with tempfile.TemporaryDirectory(prefix="cadran-bench-") as name, _database(Path(name) / "cadran.db"):
        file = Path(name) / "deck.csv"
        digits = _write(file, count)
        read_s = _polars_s(file)
        taken = _take_up(file, digits)
    found = [
        Result(
            name="serving_pause_ms",
            value=taken.pause_ms,
            unit="ms",
            beside="",
            yardstick=None,
            goal=PAUSE_GOAL_MS,
            at_most=True,
        ),
        Result(
            name="peak_memory_mb",
            value=max(taken.import_mb, taken.serving_mb),
            unit="MB",
            beside="",
            yardstick=None,
            goal=MEMORY_GOAL_MB,
            at_most=True,
        ),
    ]
    if read_s is not None:
        found.insert(
            0,
            Result(
                name="million_vs_polars_read",
                value=count / taken.seconds,
                unit="prefixes/s",
                beside="Polars reading the file",
                yardstick=count / read_s,
                goal=0.1,
            ),
        )
    return found


def _write(file: Path, count: int) -> str:
    """A deck of random prefixes of four to ten digits; returns one of them that the old deck does not price."""
    generator = np.random.default_rng(5)
    known: dict[str, None] = {}
    while len(known) < count:
        lengths = generator.integers(4, 11, count)
        values = ((9 * generator.random(count) + 1) * 10.0 ** (lengths - 1)).astype(np.int64)
        known.update(dict.fromkeys(map(str, values.tolist())))
    prefixes = list(known)[:count]
    prices = generator.integers(10, 20_000, count).tolist()
    steps = generator.integers(0, 4, count).tolist()
    with file.open("w", encoding="utf-8") as out:
        out.write("prefix,destination,price,first_s,next_s,connection_fee\n")
        out.writelines(
            f"{prefix},Destination {int(prefix) % 2000},0.{price:05},{(1, 60)[step & 1]},{(1, 30)[step >> 1]},0\n"
            for prefix, price, step in zip(prefixes, prices, steps, strict=True)
        )
    return next(prefix for prefix in prefixes if prefix[:2] not in ("33", "44"))


def _polars_s(file: Path) -> float | None:
    """The best time in which Polars reads the file; None where it is not installed."""
    if importlib.util.find_spec("polars") is None:
        return None
    read_csv = importlib.import_module("polars").read_csv
    best = float("inf")
    for _ in range(READS):
        before = time.perf_counter()
        read_csv(file)
        best = min(best, time.perf_counter() - before)
    return best


@contextlib.contextmanager
def _database(file: Path) -> Iterator[None]:
    """The catalogue's tables in a file of their own, with a small deck in force."""
    alias = connections["default"]
    kept = alias.settings_dict["NAME"]
    alias.close()
    alias.settings_dict["NAME"] = str(file)
    try:
        call_command("migrate", database="default", verbosity=0)
        _import(OLD, AT)
        yield
    finally:
        alias.close()
        alias.settings_dict["NAME"] = kept


def _import(source: Path | bytes, at: datetime) -> None:
    report = operations.import_deck(brand=BRAND, source=source, at=at)
    assert report.deck is not None
    operations.activate_deck(deck=report.deck, effective_from=at, at=at)


def _take_up(file: Path, digits: str) -> Taken:
    """Serve without end; meanwhile another process imports and activates, and a thread takes the deck up when that is done."""
    prices = BrandPrices()
    prices.preload()
    connections.close_all()
    context = multiprocessing.get_context("fork")
    told, tell = context.Pipe(duplex=False)
    child = context.Process(target=_import_and_tell, args=(file, tell))
    loading: threading.Thread | None = None
    pause, import_mb, start = 0.0, 0.0, time.perf_counter()
    child.start()
    last = (
        time.perf_counter()
    )  # the importer of an installation is no copy of the server, whose making would stop calls
    while prices.find(BRAND, digits, LATER) is None:
        prices.find(BRAND, "33142000001", LATER)
        now = time.perf_counter()
        pause, last = max(pause, now - last), now
        if loading is None and told.poll():
            import_mb = told.recv()
            loading = threading.Thread(target=prices.reload)
            loading.start()
        elif loading is not None and not loading.is_alive() and prices.find(BRAND, digits, LATER) is None:
            raise RuntimeError("the deck was taken up without the new prices")
        time.sleep(0.0002)  # the next call
    taken = time.perf_counter() - start
    child.join(10)
    if loading is not None:
        loading.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Taken(taken, pause * 1000, import_mb, peak)


def _import_and_tell(file: Path, tell: Connection) -> None:
    try:
        _import(file, LATER)
    finally:
        tell.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
