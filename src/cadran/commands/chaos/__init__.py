"""`cadran chaos`: thousands of calls on charging while it is killed, and then the proof that no money was lost, or made.

Everything runs in a state folder of its own under a temporary one; nothing of the installation is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from cadran.commands import benchmarks, logs
from cadran.commands.chaos import checking, host, outcome, plan, postgresql, proving, report, run

START = datetime(
    2035, 3, 24, 17, tzinfo=UTC
)  # a Saturday evening before a clock change; prices then follow the seed alone
LONGEST_PLACE = 60
DIARY = "diary.jsonl.gz"
SUCCESSOR_AFTER = timedelta(hours=9)


@click.command(name="chaos")
@click.option(
    "--seconds", type=click.FloatRange(2, 86_400), default=30.0, show_default=True, help="Length of the load."
)
@click.option("--accounts", type=click.IntRange(8, 100_000), default=300, show_default=True, help="Customers.")
@click.option("--sessions", type=click.IntRange(1, 20_000), default=2000, show_default=True, help="Calls at once.")
@click.option(
    "--seed", type=click.IntRange(0), default=None, help="Choices of an earlier run; another each time if absent."
)
@click.option(
    "--kill-every", type=click.FloatRange(0.2, 3600), default=1.5, show_default=True, help="Seconds, on average."
)
@click.option("--backend", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option(
    "--shards", type=click.IntRange(1, 16), default=1, show_default=True, help="Processes of charging, on PostgreSQL."
)
@click.option(
    "--report", "folder", type=click.Path(file_okay=False, path_type=Path), help="Where the report goes: HTML and SVG."
)
@click.option(
    "--lang", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Language of the report."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    seconds: float,
    accounts: int,
    sessions: int,
    seed: int | None,
    kill_every: float,
    backend: str,
    shards: int,
    folder: Path | None,
    lang: str,
    as_json: bool,
) -> None:
    """Prove charging under kill -9, clock jumps, duplicates and reordering; exit 0 only if all is well."""
    if shards > 1 and backend != "postgresql":
        raise click.BadParameter("a file has one writer: shards need --backend postgresql")
    logs.configure("chaos", level="ERROR")  # a client that writes to a killed service warns each time
    size = plan.Size(
        seconds=seconds,
        accounts=accounts,
        sessions=sessions,
        seed=secrets.randbelow(10**6) if seed is None else seed,
        kill_every_s=kill_every,
        switches=min(8, max(2, sessions // 50)) if sessions > 1 else 1,
        backend=backend,
        shards=shards,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started ends with it
    with tempfile.TemporaryDirectory(prefix="cadran-chaos-", dir=_place()) as name:
        found = play(size, Path(name), quiet=as_json)
    if folder is not None:
        report.write(found, folder, lang)
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        click.echo(outcome.summary(found))
        if folder is not None:
            click.echo(f"report: {folder / report.PAGE}")
    if not found.ok:
        raise click.exceptions.Exit(1)


def play(size: plan.Size, folder: Path, *, quiet: bool = False) -> outcome.Outcome:
    """One run in `folder` (empty, and left with what the run wrote), and its proof."""
    from cadran import settings

    markets = plan.markets(START + SUCCESSOR_AFTER)
    choices = plan.Choices(size, markets)
    state = folder / "var"
    server = postgresql.Postgresql() if size.backend == "postgresql" else None
    machine = host.Host(state, size.lease_s, server, shards=size.shards)
    diary = folder / DIARY
    try:
        machine.found(settings.BRANDS, markets, START)
        with _bar(size.seconds, quiet) as progress:
            played = run.Run(size, choices, machine, progress)
            asyncio.run(played.all(diary))
        findings = checking.Findings()
        with contextlib.closing(machine.reader()) as rows:
            database = checking.check(rows, findings)
            proof = proving.Proof(rows, database, findings, {market.brand: market.tariffs for market in markets})
            proof.run(diary)
        machine.run("-m", "cadran.commands.chaos.sealing", "0")
        evidence = machine.verify()
    finally:
        machine.close()
    return outcome.Outcome(
        size=size,
        figures=played.figures,
        told=played.told,
        world=played.world,
        findings=findings,
        given=proof.given,
        checked=proof.checked,
        asked=played.diary.asked,
        acknowledged=played.diary.acknowledged,
        refusals=played.diary.refused,
        evidence=evidence,
        peak_rss_mb=machine.peak_kb / 1024,
        machine=benchmarks.machine(),
    )


def _place() -> str | None:
    """Where temporary folders are made, unless a socket's path there would be too long."""
    return "/tmp" if len(tempfile.gettempdir()) > LONGEST_PLACE else None  # noqa: S108


@contextlib.contextmanager
def _bar(seconds: float, quiet: bool) -> Iterator[Callable[[float], None]]:
    bar = click.progressbar(
        length=max(1, round(seconds * 10)), label="chaos", file=sys.stderr, hidden=quiet or not sys.stderr.isatty()
    )
    with bar:
        rest = [0.0]

        def progress(passed_s: float) -> None:
            rest[0] += passed_s * 10
            whole = int(rest[0])
            if whole > 0:
                bar.update(whole)
                rest[0] -= whole

        yield progress
