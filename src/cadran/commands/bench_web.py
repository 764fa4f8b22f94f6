"""`cadran bench web`: how long the main pages and API calls take under 50 concurrent users, with 100,000 customers and five million
call records, beside the framework's empty page under the same load, in one run.

Each user pauses for about a second between two pages, as somebody who reads does, and so does each user of the empty page. How many
answers a second both give when nobody pauses is measured as well. A short run (`--quick`) has 1,000 customers and 20,000 records. The
installation lies in a folder that is thrown away; the full one takes about 14 GB for a while, and some minutes to fill.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from cadran.commands import bench_plane, bench_web_load, benchmarks
from cadran.commands.bench_web_load import Asked

Known = dict[str, Any]
HOST = "127.0.0.1"
USERS = 50
FULL = (100_000, 5_000_000)
QUICK = (1_000, 20_000)
NEEDED_BYTES = 16_000_000_000
START_S = 60.0
PAUSE_S = 1.0
GOAL, GOAL_PAGES = 20.0, 0.04  # of the empty page, which asks no database and fills no template

PUBLIC = (Asked("home", "/"), Asked("prices", "/prices/?q=Maroc"), Asked("terms", "/terms/"))
ACCOUNT = (
    ("dashboard", "/dashboard/"),
    ("calls", "/calls/"),
    ("statement", "/statement/"),
    ("payments", "/payments/"),
)
API = (("api_balance", "/api/v1/balance"), ("api_calls", "/api/v1/calls"), ("api_price", "/api/v1/prices/33142000001"))
OFFICE = (
    ("office_start", "/office/"),
    ("office_search", "/office/search/?q=copie"),
    ("office_calls", "/office/calls/"),
    ("office_customer", "/office/customers/A000003/"),
)
STAFF = 5  # of the users


def measure(seconds: float) -> list[benchmarks.Result]:
    """The 95th percentile of each page beside that of the empty page; the share of answers that were not 200 must be none."""
    customers, records = FULL if seconds >= 1 else QUICK
    folder = Path(tempfile.mkdtemp(prefix="cadran-bench-web-"))
    try:
        if seconds >= 1 and shutil.disk_usage(folder).free < NEEDED_BYTES:
            raise bench_plane.BenchCannotRun(
                "the full benchmark needs 16 GB free for a while: make room, or use --quick"
            )
        known = _filled(folder, customers, records)
        length = max(2.0, 4 * seconds)
        with _served("cadran.commands.bench_web_empty") as port:
            users = [[Asked("empty", "/")]] * USERS
            bench_web_load.run(HOST, port, users, seconds=1)
            empty = bench_web_load.run(HOST, port, users, seconds=length, pause_s=PAUSE_S)
            empty_hurry = bench_web_load.run(HOST, port, users, seconds=length / 2)
        with _served("cadran", folder=folder) as port:
            users = _users(known, port)
            bench_web_load.run(HOST, port, users, seconds=min(length, 5))
            load = bench_web_load.run(HOST, port, users, seconds=length, pause_s=PAUSE_S)
            hurry = bench_web_load.run(HOST, port, users, seconds=length / 2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [*_results(load, empty), _hurried(hurry, empty_hurry, length / 2)]


def _results(load: bench_web_load.Load, empty: bench_web_load.Load) -> list[benchmarks.Result]:
    yardstick = empty.p95_ms("empty")
    found = [
        benchmarks.Result(
            name=f"web_{name}_p95",
            value=load.p95_ms(name),
            unit="ms",
            beside="the framework's empty page",
            yardstick=yardstick,
            goal=GOAL,
            at_most=True,
        )
        for name in sorted(load.took_s)
    ]
    bad = sum(load.bad.values())
    shown = ", ".join(f"{name}: {count}" for name, count in sorted(load.bad.items())) or "none"
    return [
        *found,
        benchmarks.Result(
            name="web_answers_not_200",
            value=bad,
            unit=f"answers ({shown})",
            beside="",
            yardstick=None,
            goal=0,
            at_most=True,
        ),
    ]


def _hurried(load: bench_web_load.Load, empty: bench_web_load.Load, seconds: float) -> benchmarks.Result:
    return benchmarks.Result(
        name="web_pages_per_s",
        value=load.answers / seconds,
        unit="pages/s",
        beside="the framework's empty page",
        yardstick=empty.answers / seconds,
        goal=GOAL_PAGES,
    )


def _filled(folder: Path, customers: int, records: int) -> Known:
    told = Console(stderr=True)
    with told.status(f"{customers:,} customers, {records:,} call records"):
        done = subprocess.run(
            [sys.executable, "-m", "cadran.commands.bench_web_seed", str(customers), str(records)],
            env=_environment(folder, 0),
            capture_output=True,
            text=True,
            timeout=3600,
        )
    if done.returncode:
        raise bench_plane.BenchCannotRun(f"the installation could not be filled: {done.stderr[-800:]}")
    found: Known = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _users(known: Known, port: int) -> list[list[Asked]]:
    """Customers who read their account, visitors' pages and the API by their key; and a few members of staff."""
    users = []
    for number in range(USERS):
        staff = number < STAFF
        session = known["staff"] if staff else known["sessions"][number]
        cookie = {"Cookie": f"cadran_{port}={session}", "Accept-Language": "fr" if number % 2 else "en"}
        pages = [Asked(name, path, cookie) for name, path in (OFFICE if staff else ACCOUNT)]
        if not staff:
            pages += [Asked(one.name, one.path, {"Accept-Language": "fr"}) for one in PUBLIC]
            pages += [Asked(name, path, {"Authorization": f"Bearer {known['keys'][number]}"}) for name, path in API]
        users.append(pages)
    return users


def _environment(folder: Path, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "CADRAN_VAR": str(folder),
        "CADRAN_BRAND": "ippi",
        "CADRAN_LOG": "json",
        "OPENBLAS_NUM_THREADS": "1",
        **({"CADRAN_WEB_PORT": str(port)} if port else {}),
    }


@contextlib.contextmanager
def _served(module: str, *, folder: Path | None = None) -> Iterator[int]:
    """The port of a site that answers, in a process of its own."""
    port = bench_plane.free_port()
    arguments: Sequence[str] = ("web",) if folder else (str(port),)
    environment = _environment(folder, port) if folder else dict(os.environ)
    with open(folder / "web.log", "wb") if folder else open(os.devnull, "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment, stdout=log, stderr=log)
    try:
        _wait(process, port)
        yield port
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.poll() is None:
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.1)
    raise bench_plane.BenchCannotRun("the site did not start: see its log")
