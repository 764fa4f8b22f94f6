"""Rating in batch: the engines beside a tuned Python loop, on one core, and beside the exact oracle.

One core is measured in its own processor time, so that what else the machine does counts for neither side; two cores by the clock.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cadran.commands import bench_rating_agreement as agreement
from cadran.commands import bench_rating_load as load
from cadran.commands.benchmarks import Result
from cadran.rating import batch, decks, tables

PREFIXES = 100_000
CALLS = 4_000_000
LOOP_CALLS = 100_000
ORACLE_CALLS = 20_000
MIXED_CALLS = 10_000
ROUNDS = 5
FILES = "cadran.commands.bench_rating_files"


def measure(seconds: float, records: int = 0) -> list[Result]:
    """All figures of the group, or with `records` only how many of so many calls in the whole language any engine rates otherwise than
    the oracle. Less than a second: a short run over small decks."""
    if records:
        return [_mismatches(agreement.run(records), records)]
    quick = seconds < 1
    found = _engines(quick)
    if importlib.util.find_spec(FILES):
        found += importlib.import_module(FILES).measure(seconds)
    return found


def _engines(quick: bool) -> list[Result]:
    generator = np.random.default_rng(1)
    share = 20 if quick else 1
    prefixes = load.prefixes(PREFIXES // share, generator)
    made = load.make_decks(prefixes, generator)
    compiled = tables.compile_decks(made)
    deck_of = generator.integers(0, len(made), load.ACCOUNTS).astype(np.uint8)
    calls = load.make_calls(prefixes, CALLS // share, generator)
    loop, few = load.loop(made, deck_of), load.with_texts(calls, LOOP_CALLS // share)
    gc.collect()
    gc.freeze()  # the decks as values would otherwise be walked through in the middle of a measurement
    try:
        return _figures(compiled, deck_of, calls, loop, few, made)
    finally:
        gc.unfreeze()


def _figures(
    compiled: tables.Tables,
    deck_of: npt.NDArray[np.uint8],
    calls: load.Calls,
    loop: load.Loop,
    few: load.Calls,
    made: tuple[decks.Deck, ...],
) -> list[Result]:
    count, some = len(calls.keys), len(calls.keys) // 4
    room = batch.Rated.empty(count)

    def rate(engine: str, number: int, threads: int = 1) -> batch.Rated:
        return batch.rate_batch(
            compiled,
            calls.keys[:number],
            calls.at_s[:number],
            calls.seconds[:number],
            deck=deck_of[calls.account[:number]],
            engine=engine,
            threads=threads,
            into=room.part(slice(0, number)),
        )

    fast = batch.compiled_available()
    names: dict[str, tuple[Callable[[], object], int]] = {
        "loop": (lambda: loop.run(few), len(few.texts)),
        "numpy": (lambda: rate("numpy", some), some),
    }
    if fast:
        names["numba"] = (lambda: rate("numba", count), count)
        rate("numba", 1000)
    speed = _speeds(names)
    found = [_against_loop("numpy_vs_loop", speed["numpy"], speed["loop"], 15)]
    if fast:
        found.append(_against_loop("compiled_vs_loop", speed["numba"], speed["loop"], 50))
        one, two = _by_clock(lambda threads: rate("numba", count, threads), count)
        found.append(
            Result(
                name="two_cores_vs_one",
                value=two,
                unit="M calls/s",
                beside="one core",
                yardstick=one,
                goal=1.9,
            )
        )
    compared = min(ORACLE_CALLS, len(few.texts))
    wrong = agreement.compare(compiled, made, few, deck_of[few.account], compared)
    mixed = MIXED_CALLS if count == CALLS else MIXED_CALLS // 20
    found.append(_mismatches(wrong + agreement.run(mixed, processes=1), compared + mixed))
    return found


def _speeds(work: dict[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    """Million calls for each second of one core, the median of rounds in which each has its turn."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, (run, count) in work.items():
            before = time.process_time()
            run()
            taken[name].append(count / max(time.process_time() - before, 1e-9) / 1e6)
    return {name: sorted(found)[len(found) // 2] for name, found in taken.items()}


def _by_clock(run: Callable[[int], object], count: int) -> tuple[float, float]:
    """Million calls a second with one thread and with two: the best of rounds, since others may use the cores as well."""
    best = {1: 0.0, 2: 0.0}
    for _ in range(2 * ROUNDS):
        for threads in best:
            before = time.perf_counter()
            run(threads)
            best[threads] = max(best[threads], count / (time.perf_counter() - before) / 1e6)
    return best[1], best[2]


def _against_loop(name: str, value: float, yardstick: float, goal: float) -> Result:
    return Result(name=name, value=value, unit="M calls/s", beside="tuned Python loop", yardstick=yardstick, goal=goal)


def _mismatches(wrong: int, count: int) -> Result:
    return Result(
        name="oracle_mismatches",
        value=wrong,
        unit=f"of {count} calls",
        beside="",
        yardstick=None,
        goal=0,
        at_most=True,
    )
