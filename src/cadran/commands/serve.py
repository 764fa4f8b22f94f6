"""`cadran serve`: the whole operator with one command. Prepares the state folder, starts every process, says where to look,
and stops all of it at Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import click

from cadran.commands import demo_customers, exposure, logs, metrics, preparation, roster, supervisor, welcome

_LOUD = ('"level": "error"', '"level": "critical"', "Traceback (most recent call last)")


@click.command()
@click.option(
    "--lan", is_flag=True, help="Let phones of the local network register: binds web, SIP and media to its address."
)
@click.option("--public", is_flag=True, help="Face the internet, behind a TLS front; refuses what would be unsafe.")
@click.option(
    "--lang",
    type=click.Choice(["fr", "en"]),
    default=None,
    help="Language of what is printed (default: LANG, else French).",
)
@click.option("--verbose", "-v", is_flag=True, help="Print every process's log lines, each with the process's name.")
@click.option(
    "--demo",
    "story",
    is_flag=False,
    flag_value="prepaid",
    default=None,
    metavar="[NAME]",
    help="Play a story by itself and stop; exits 0 only if every step held.",
)
@click.option("--json", "as_json", is_flag=True, help="With --demo: print one JSON object instead of telling.")
@click.option("--stories", is_flag=True, help="List the stories that --demo can play.")
def command(
    *, lan: bool, public: bool, lang: str | None, verbose: bool, story: str | None, as_json: bool, stories: bool
) -> None:
    """Start web, charging, calls, jobs and the sandbox partners; Ctrl-C stops them all."""
    language = lang or welcome.language(os.environ)
    if story is not None or stories:
        from cadran.commands import demo

        sys.exit(demo.play(name=None if stories else story, language=language, as_json=as_json))
    if lan and public:
        raise click.UsageError("choose --lan or --public, not both")
    if lan:
        exposure.open_to_lan()
    if public:
        exposure.open_to_public()
    sys.exit(asyncio.run(_serve(language=language, lan=lan, public=public, verbose=verbose)))


async def _serve(*, language: str, lan: bool, public: bool, verbose: bool) -> int:
    from cadran import settings

    var: Path = settings.VAR
    logs.configure("serve")
    preparation.check_folder(var, settings.CHARGING_SOCKETS[-1])
    lock = supervisor.Lock(var)
    lock.take()
    os.environ.update(metrics.prepare(var))
    roster.check_ports()
    teller = welcome.Teller(language=language, verbose=verbose, loud=_LOUD)
    teller.say("preparing", var=str(var))
    for note in await asyncio.to_thread(preparation.prepare, public=public):
        teller.note(note)
    keeper = supervisor.Supervisor(roster.services(), var=var, report=teller.hear)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, keeper.stopping.set)
    page = metrics.serve(var, settings.HOST, settings.METRICS_PORT)
    try:
        await keeper.start()
        if not keeper.stopping.is_set():
            people = demo_customers.known(var) if settings.SANDBOX else ()
            await asyncio.to_thread(preparation.finish, people)
            teller.welcome(lan=lan, people=people)
            _mark_ready(var)
            await keeper.stopping.wait()
        return 0
    finally:
        teller.say("stopping")
        await keeper.stop()
        page.shutdown()
        (var / "run" / "ready.json").unlink(missing_ok=True)
        teller.say("all-stopped")
        lock.free()


def _mark_ready(var: Path) -> None:
    """var/run/ready.json exists while everything runs: for stories, tests and scripts that wait for it."""
    from cadran import settings

    facts = {"pid": os.getpid(), "web": settings.PUBLIC_URL, "sip": f"{settings.SIP_HOST}:{settings.SIP_PORT}"}
    fresh = var / "run" / "ready.tmp"
    fresh.write_text(json.dumps(facts))
    fresh.replace(var / "run" / "ready.json")
