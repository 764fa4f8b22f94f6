"""`cadran bench charging` runs and prints the form of every benchmark; no verdict on time here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cadran.commands.benchmarks import Result


def test_the_group_runs_and_its_books_are_right(tmp_path: Path) -> None:
    environment = {**os.environ, "CADRAN_VAR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-m", "cadran", "bench", "charging", "--quick", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    found = json.loads(told.stdout)
    assert set(found) == {"results", "machine"}
    results = {result["name"]: result for result in found["results"]}
    assert set(results) - {"postgresql_vs_synced_log", "two_shards_vs_one"} == {
        "sqlite_vs_synced_log",
        "hot_account_vs_many",
        "durable_vs_not",
        "p50_vs_fdatasync",
        "memory_mb",
        "overdrafts_and_faults",
    }
    for result in results.values():
        assert set(result) == {"name", "value", "unit", "yardstick", "ratio", "goal", "met"}
    assert results["overdrafts_and_faults"]["value"] == 0
    assert results["sqlite_vs_synced_log"]["value"] > 0


def test_a_goal_is_a_lower_or_an_upper_bound_of_the_ratio() -> None:
    def result(value: float, at_most: bool) -> bool:
        return Result(name="n", value=value, unit="s", beside="", yardstick=2.0, goal=0.5, at_most=at_most).met

    assert (result(1.0, False), result(0.99, False)) == (True, False)
    assert (result(1.0, True), result(1.01, True)) == (True, False)
