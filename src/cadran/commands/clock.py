"""`cadran clock`: what the civil clock shows, and a sandbox's year of contract in seconds."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime, timedelta

import click

from cadran.commands import main
from cadran.units import errors
from cadran.units.clock import LONGEST_STEP

_STEP = re.compile(r"(\d{1,6})\s*(s|min|h|d|w)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}


class InvalidStep(errors.InvalidInput):
    """Neither a length of time nor an instant."""

    error_id = "clock-invalid-step"


def read_step(text: str) -> timedelta:
    """A length of time such as `180d`, `36h`, `90min`, `2w` or `45s`, at most twenty years. Raises InvalidStep."""
    found = _STEP.fullmatch(text.strip().lower())
    if not found:
        raise InvalidStep(f"write how far as 180d, 36h, 90min, 2w or 45s, not {text!r}")
    step = timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    if step > LONGEST_STEP:
        raise InvalidStep("advance by twenty years at most at a time")
    return step


def read_instant(text: str) -> datetime:
    """An instant in ISO 8601 with its zone, such as 2026-03-29T00:00:00+01:00. Raises InvalidStep."""
    at: datetime | None = None
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(text.strip())
    if at is None or at.tzinfo is None:
        raise InvalidStep(
            f"write an instant with its zone, as 2026-03-29T00:00:00+01:00 or 2026-03-28T23:00:00Z, not {text!r}"
        )
    return at.astimezone(UTC)


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show or, in a sandbox, advance the civil clock: prices, expiry and deadlines follow it."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@command.command()
@click.option("--json", "as_json", is_flag=True)
def show(*, as_json: bool = False) -> None:
    """Say what the civil clock shows, and how far it runs ahead."""
    from cadran import settings

    now = settings.CIVIL_CLOCK.now()
    ahead = (now - datetime.now(UTC)).total_seconds()
    if as_json:
        click.echo(json.dumps({"now": now.isoformat(), "ahead_s": round(ahead), "sandbox": settings.SANDBOX}))
    else:
        gap = f" ({timedelta(seconds=round(ahead))} ahead of the wall clock)" if ahead > 1 else ""
        click.echo(f"{now:%Y-%m-%dT%H:%M:%SZ}{gap}")


def _move(target: datetime, as_json: bool) -> None:
    acts: list[dict[str, object]] = []

    def tell(name: str, at: datetime, count: int) -> None:
        acts.append({"name": name, "at": at.isoformat(), "count": count})
        if not as_json:
            click.echo(f"{at:%Y-%m-%dT%H:%M:%SZ}  {name}: {count}")

    from cadran.journeys import passage

    now = passage.advance(target, tell)
    click.echo(json.dumps({"now": now.isoformat(), "acts": acts}) if as_json else f"{now:%Y-%m-%dT%H:%M:%SZ}")


@command.command(name="advance")
@click.argument("step")
@click.option("--json", "as_json", is_flag=True)
def advance_command(*, step: str, as_json: bool) -> None:
    """Advance the clock by STEP (180d, 36h, 90min...), running each due act in order at its own instant."""
    length = read_step(step)
    main.django_ready()
    from django.conf import settings

    _move(settings.CIVIL_CLOCK.now() + length, as_json)


@command.command(name="set")
@click.argument("instant")
@click.option("--json", "as_json", is_flag=True)
def set_command(*, instant: str, as_json: bool) -> None:
    """Advance the clock to INSTANT (ISO 8601 with a zone), running each due act in order. It never goes back."""
    target = read_instant(instant)
    main.django_ready()
    _move(target, as_json)
