"""`cadran voucher`: batches of vouchers, their sheets, single vouchers by serial, blocking, and the figures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cadran.commands import main

if TYPE_CHECKING:
    from cadran.journeys.proposals.rules import Person
    from cadran.payment.vouchers.queries import Batch


@click.group()
def command() -> None:
    """Vouchers: credit printed on paper."""


@command.command()
@click.argument("brand")
@click.option("--series", required=True, help="Two to six letters at the head of each serial.")
@click.option("--face", required=True, help="The value of each, such as 10: one that the terms offer.")
@click.option("--count", required=True, type=int)
@click.option("--days", default=0, help="For how many days they are good; as long as the terms allow by default.")
@click.option("--reason", required=True)
@click.option("--by", "staff", required=True, help="The member of staff who asks.")
@click.option("--key", default="", help="Makes a repeat harmless.")
@click.option("--json", "as_json", is_flag=True)
def batch(
    *, brand: str, series: str, face: str, count: int, days: int, reason: str, staff: str, key: str, as_json: bool
) -> None:
    """Ask for a batch of vouchers of BRAND. Beyond what one person may do alone, a second one approves it in the back office."""
    main.django_ready()
    from django.conf import settings

    from cadran.journeys import vouchers
    from cadran.payment.vouchers import queries
    from cadran.payment.vouchers.rules import Wish
    from cadran.policy import queries as policy
    from cadran.units import ids, money

    value = money.money(face, policy.brand(brand).currency)
    wish = Wish(series=series.upper(), face_micros=value.micros, count=count, valid_days=days)
    made = vouchers.propose_batch(
        key=ids.checked_key(f"cli:{key}") if key else ids.new_id("batch"),
        brand=brand,
        wish=wish,
        reason=reason,
        by=_person(staff),
        at=settings.CIVIL_CLOCK.now(),
    )
    _shown(queries.batch(made.subject), as_json)


@command.command()
@click.argument("what", default="")
@click.option("--brand", default="", help="The figures of one brand.")
@click.option("--json", "as_json", is_flag=True)
def show(*, what: str, brand: str, as_json: bool) -> None:
    """Show a batch (its id), a voucher (its serial), or without either the batches and the figures of BRAND."""
    main.django_ready()
    from cadran.payment.vouchers import queries, rules
    from cadran.units.money import decimal_text

    if what.startswith("vba_"):
        _shown(queries.batch(what), as_json)
        return
    if what:
        found = queries.voucher(what)
        told = {
            "serial": found.serial,
            "batch": found.batch.batch_id,
            "state": str(found.state),
            "account": found.account,
            "face_micros": found.batch.face_micros,
            "currency": found.batch.currency,
            "expires_at": found.batch.expires_at.isoformat(),
        }
        plain = f"{rules.shown_serial(found.serial)}: {found.state}, {decimal_text(found.batch.face_micros)} {found.batch.currency}"
        click.echo(json.dumps(told) if as_json else f"{plain}{f', account {found.account}' if found.account else ''}")
        return
    rows = queries.batches(brands=(brand,) if brand else ())
    figures = queries.figures(brand) if brand else None
    if as_json:
        sums = (
            {
                "issued_micros": figures.ever_issued_micros,
                "redeemed_micros": figures.redeemed_micros,
                "ended_micros": figures.ended_micros,
                "outstanding_micros": figures.outstanding_micros,
            }
            if figures
            else None
        )
        click.echo(json.dumps({"batches": [_told(one) for _, one in rows], "figures": sums}))
        return
    for _, one in rows:
        click.echo(_line(one))
    if figures:
        owed, used = decimal_text(figures.outstanding_micros), decimal_text(figures.redeemed_micros)
        click.echo(f"issued {decimal_text(figures.ever_issued_micros)}, redeemed {used}, owed to holders {owed}")


@command.command()
@click.argument("batch_id")
@click.option("--to", "path", required=True, type=click.Path(dir_okay=False), help="A file that does not exist yet.")
@click.option("--csv", "as_csv", is_flag=True, help="A file for a printing house instead of a PDF.")
@click.option("--by", "staff", required=True, help="The member of staff who takes them.")
def sheet(*, batch_id: str, path: str, as_csv: bool, staff: str) -> None:
    """Take the sheets of BATCH_ID, once: the codes are kept nowhere. The file is readable by its owner alone."""
    main.django_ready()
    from django.conf import settings

    from cadran.journeys import vouchers
    from cadran.payment.vouchers import operations
    from cadran.units.errors import InvalidInput

    by = _person(staff, "print-vouchers")
    hand = operations.Hand(user_id=by.user_id, name=by.name)
    try:
        place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}; name a file that does not exist yet") from error
    try:
        form = "csv" if as_csv else "pdf"
        _, file = vouchers.print_sheets(batch_id=batch_id, form=form, by=hand, at=settings.CIVIL_CLOCK.now())
    except BaseException:
        os.close(place)
        Path(path).unlink(missing_ok=True)
        raise
    with os.fdopen(place, "wb") as out:
        out.write(file)
    click.echo(f"{path}: {len(file)} bytes. Print it and destroy it: these codes are kept nowhere else.")


@command.command()
@click.argument("batch_id")
@click.option("--first", default=1, help="The first place in the batch.")
@click.option("--last", default=0, help="The last place; the last of the batch by default.")
@click.option("--reason", required=True)
@click.option("--by", "staff", required=True)
@click.option("--key", default="", help="Makes a repeat harmless.")
def block(*, batch_id: str, first: int, last: int, reason: str, staff: str, key: str) -> None:
    """Block vouchers of BATCH_ID for good: those that nobody redeemed."""
    main.django_ready()
    from django.conf import settings

    from cadran.journeys.proposals.rules import checked_reason
    from cadran.payment.vouchers import operations, queries
    from cadran.units import ids

    by = _person(staff, "block-vouchers")
    done = operations.block(
        batch_id=batch_id,
        first=first,
        last=last or queries.batch(batch_id).count,
        reason=checked_reason(reason),
        key=ids.checked_key(f"cli:{key}") if key else ids.new_id("deed"),
        by=operations.Hand(user_id=by.user_id, name=by.name),
        at=settings.CIVIL_CLOCK.now(),
    )
    click.echo(f"vouchers blocked: {done.count}, from {done.first} to {done.last}")


def _person(name: str, permission: str = "make-vouchers") -> Person:
    """The member of staff of that name, who holds that permission. Raises NotPermitted."""
    from cadran.journeys.proposals.rules import Person
    from cadran.party import staff_queries as party
    from cadran.party.staff import NotPermitted, Permission

    found = party.staff_named(name)
    if found is None or not (found.active and found.may(Permission(permission))):
        raise NotPermitted(f"no member of staff {name!r} holds {permission}: see `cadran staff list`")
    return Person(user_id=found.user_id, name=found.user_name, email=found.email)


def _shown(found: Batch, as_json: bool) -> None:
    from cadran.payment.vouchers import queries

    states = {str(state): count for state, count in queries.states(found.batch_id).items()}
    if as_json:
        click.echo(json.dumps(_told(found) | {"states": states}))
        return
    click.echo(_line(found))
    click.echo("  " + (", ".join(f"{count} {state}" for state, count in states.items()) or "no vouchers yet"))


def _told(found: Batch) -> dict[str, object]:
    return {
        "batch": found.batch_id,
        "brand": found.brand,
        "name": found.name,
        "state": str(found.state),
        "face_micros": found.face_micros,
        "currency": found.currency,
        "count": found.count,
        "made": found.made,
        "expires_at": found.expires_at.isoformat(),
    }


def _line(found: Batch) -> str:
    from cadran.units.money import decimal_text

    worth = f"{found.count} x {decimal_text(found.face_micros)} {found.currency}"
    return f"{found.batch_id}  {found.name}  {found.brand}  {worth}  {found.state}"
