"""`cadran rerate`: charge calls of the past again by a corrected deck: see what it would do, ask, approve, follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from cadran.commands import asking, main
from cadran.units import errors

if TYPE_CHECKING:
    from cadran.journeys.proposals.rules import Person
    from cadran.journeys.rerating.queries import Run
    from cadran.journeys.rerating.rules import Scope
    from cadran.journeys.rerating.weighing import Preview

SHOWN = 12
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


class NoSuchStaff(errors.InvalidInput):
    """Nobody of the staff has that user name, or they may not do this."""

    error_id = "commands-rerate-staff"


@click.group()
def command() -> None:
    """Charge calls of the past again, by a corrected deck or for named prefixes, within the days that the terms allow.

    Two people decide: one proposes, another applies. Customers see each correction, are told by mail, and can question it.
    """
    main.django_ready()


def _scoped(wrapped: Callable[..., None]) -> Callable[..., None]:
    """The options that say which calls, and by which prices."""
    for option in (
        click.option("--prefix", "prefixes", multiple=True, help="Calls to numbers that begin so; may be repeated."),
        click.option("--until", default="", help="Calls that began before this day or instant; now where not given."),
        click.option("--since", required=True, help="Calls that began on this day or instant, or later."),
        click.option("--deck-version", default="", help="The corrected version; the one in force now where not given."),
        click.option("--name", default="world", show_default=True, help="Which of the brand's decks."),
        click.option("--brand", default="ippi", show_default=True, help="Key of the brand."),
    ):
        wrapped = option(wrapped)
    return wrapped


@command.command()
@_scoped
@_json
def preview(as_json: bool, **options: Any) -> None:
    """What it would do; writes nothing. Give prefixes, a deck version, or both."""
    from cadran.journeys.rerating import weighing

    with asking.bar("calls", quiet=as_json) as progress:
        found = weighing.preview(scope=_scope(**options), at=asking.now(), progress=progress)
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        _tell_preview(found)


@command.command()
@_scoped
@click.option("--reason", required=True, help="Why; the customers read it.")
@click.option("--by", "staff", required=True, help="User name of who proposes.")
@click.option("--key", default="", help="Makes a repeat harmless: the same key asks once.")
@_json
def propose(reason: str, staff: str, key: str, as_json: bool, **options: Any) -> None:
    """Ask for it: a second person must apply it."""
    from cadran.journeys.rerating import operations
    from cadran.party.staff import Permission

    by = _person(staff, Permission.ADJUST_CREDIT, str(options["brand"]))
    with asking.bar("calls", quiet=as_json) as progress:
        run = operations.propose(
            key=key or operations.new_key(),
            scope=_scope(**options),
            reason=reason,
            by=by,
            at=asking.now(),
            progress=progress,
        )
    _tell(run, as_json)
    if not as_json:
        click.echo(f"next, by somebody else: cadran rerate apply {run.rerating_id} --by NAME")


@command.command()
@click.argument("rerating")
@click.option("--by", "staff", required=True, help="User name of who approves: not who proposed.")
@click.option("--wait", is_flag=True, help="Carry it out here, with progress; else the jobs process does.")
@_json
def apply(rerating: str, staff: str, wait: bool, as_json: bool) -> None:
    """Approve RERATING and let it run. Again: go on where it stands."""
    from cadran.journeys.rerating import operations, queries
    from cadran.journeys.rerating.rules import RunState
    from cadran.party.staff import Permission

    run = queries.run(rerating)
    by = _person(staff, Permission.APPROVE_ADJUSTMENTS, run.scope.brand)
    run = operations.start(rerating_id=rerating)
    if run.state is RunState.WAITING:
        run = operations.approve(rerating_id=rerating, by=by, at=asking.now())
    if wait:
        run = _carry(rerating, as_json)
    _tell(run, as_json)


@command.command()
@click.argument("rerating", default="")
@click.option("--brand", default="", help="Key of the brand; all brands where not given.")
@_json
def status(rerating: str, brand: str, as_json: bool) -> None:
    """How far RERATING has come; all of them where none is named."""
    from cadran.journeys.rerating import queries

    if rerating:
        _tell(queries.run(rerating), as_json)
        return
    runs = queries.runs(brand=brand)
    if as_json:
        click.echo(json.dumps([run.as_dict() for run in runs], ensure_ascii=False))
        return
    for run in runs:
        click.echo(_line(run))
    if not runs:
        click.echo("nothing was re-rated yet: cadran rerate preview --since DAY --prefix DIGITS")


def _carry(rerating: str, quiet: bool) -> Run:
    """Slice after slice until it is over."""
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.journeys.rerating import operations, queries

    charging = SocketCharging(settings.CHARGING_SOCKET)
    try:
        with asking.bar("calls", quiet=quiet) as progress:
            carry = partial(operations.carry_slice, rerating_id=rerating, charging=charging, workers=operations.AT_ONCE)
            while carry(at=asking.now()):
                run = queries.run(rerating)
                progress(run.looked_at, run.total)
    finally:
        charging.close()
    return queries.run(rerating)


def _scope(*, brand: str, name: str, deck_version: str, since: str, until: str, prefixes: tuple[str, ...]) -> Scope:
    from cadran.catalog import queries as catalog
    from cadran.journeys.rerating.rules import InvalidRerating, Scope
    from cadran.policy import queries as policy

    policy.brand(brand)
    at = asking.now()
    if not deck_version:
        if not prefixes:
            raise InvalidRerating(
                "name the corrected deck (--deck-version), the prefixes (--prefix), or both", rule="scope"
            )
        version = catalog.in_force(brand, at, name)
        if version is None:
            raise catalog.UnknownDeck(f"{brand} has no deck {name} in force: see `cadran deck list`")
        deck_version = version.version
    return Scope(
        brand=brand,
        deck=name,
        version=deck_version,
        since=asking.instant(since, brand),
        until=asking.instant(until, brand) if until else at,
        prefixes=prefixes,
    )


def _person(name: str, permission: Any, brand: str) -> Person:
    from cadran.journeys.proposals.rules import Person
    from cadran.party import staff_queries

    member = staff_queries.staff_named(name)
    if member is None or not member.active or not member.may(permission) or not member.serves(brand):
        raise NoSuchStaff(f"{name[:40]!r} is not of the staff of {brand}, or may not do this: see `cadran staff list`")
    return Person(user_id=member.user_id, name=member.user_name, email=member.email)


def _tell_preview(found: Preview) -> None:
    from cadran.journeys.rerating.rules import Verdict

    tally, currency = found.tally, found.currency
    scope = found.scope
    towards = f" to {', '.join(scope.prefixes)}" if scope.prefixes else ""
    click.echo(
        f"{scope.brand}: calls{towards} from {scope.since:%Y-%m-%d %H:%M} to {scope.until:%Y-%m-%d %H:%M} UTC,"
        f" by {scope.deck} {scope.version}; nothing was written"
    )
    click.echo(f"{tally.looked_at} calls looked at; {tally.changed} change, of {len(tally.customers)} customers")
    click.echo(f"  dearer   {tally.verdicts[Verdict.DEARER]:>9}  +{_money(tally.up_micros)} {currency}")
    click.echo(f"  cheaper  {tally.verdicts[Verdict.CHEAPER]:>9}  -{_money(tally.down_micros)} {currency}")
    for verdict, words in _LEFT.items():
        if number := tally.verdicts[Verdict(verdict)]:
            up, down = tally.left.get(Verdict(verdict), (0, 0))
            sums = f"  (+{_money(up)} -{_money(down)})" if up or down else ""
            click.echo(f"  left     {number:>9}  {words}{sums}")
    for place in tally.destinations(SHOWN):
        click.echo(
            f"    {place.destination_en[:36]:36} {place.calls:>7} calls {place.seconds // 60:>7} min"
            f"  +{_money(place.up_micros)} -{_money(place.down_micros)}"
        )
    for one in tally.largest()[:SHOWN]:
        click.echo(
            f"    {one.call.cdr_id} {one.call.account} {one.call.seconds} s: {_money(one.before_micros)} ->"
            f" {_money(one.after_micros)} {currency}"
        )


_LEFT = {
    "same": "cost the same",
    "no-price": "have no price in that deck",
    "out-of-time": "are out of time",
    "not-agreed": "are under terms that do not provide for it",
    "disputed": "are in dispute and would be dearer",
    "closed": "are of accounts that are closed",
}


def _tell(run: Run, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(run.as_dict(), ensure_ascii=False))
        return
    click.echo(_line(run))
    if run.note:
        click.echo(f"  {run.note}")
    for why, number in sorted(run.left.items()):
        click.echo(f"  left {number:>7}  {_LEFT.get(why, why)}")


def _line(run: Run) -> str:
    state = run.state.value if run.proposal.state.value in ("approved", "done", "failed") else run.proposal.state.value
    return (
        f"{run.rerating_id} {run.scope.brand} {run.scope.deck} {run.scope.version} {state}: {run.looked_at}/{run.total} calls,"
        f" {run.corrected} corrected, +{_money(run.up_micros)} -{_money(run.down_micros)} {run.currency}"
        f" ({_money(run.owed_micros)} owed)"
    )


def _money(micros: int) -> str:
    from cadran.units.money import decimal_text

    return decimal_text(micros)
