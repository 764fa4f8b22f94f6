"""`cadran deck diff`, `check` and `margin`: what a version changes and for whom, what is wrong in it, what it earns over a carrier."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from cadran.commands import asking, main

if TYPE_CHECKING:
    from cadran.catalog.comparison import Comparison, PriceChange
    from cadran.catalog.inspection import Finding, Inspection
    from cadran.journeys.deck_reports import Impact, Margin, Row

SHOWN = 15
DAYS = 30
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_brand = click.option("--brand", default="ippi", show_default=True, help="Key of the brand.")
_name = click.option("--name", default="world", show_default=True, help="Which of the brand's decks.")
_days = click.option(
    "--traffic-days", "days", default=DAYS, show_default=True, help="The traffic of so many days until now; 0: none."
)


@click.command()
@click.argument("before")
@click.argument("after")
@_brand
@_name
@_days
@_json
def diff(before: str, after: str, brand: str, name: str, days: int, as_json: bool) -> None:
    """What the version AFTER changes of BEFORE: prefixes, and the traffic of last month: minutes, calls, customers, money."""
    main.django_ready()
    from cadran.catalog import comparison, queries
    from cadran.journeys import deck_reports

    one, other = queries.deck(brand, name, before), queries.deck(brand, name, after)
    compared = comparison.compare(one, other)
    found = None
    if days:
        with asking.bar("calls", quiet=as_json) as progress:
            found = deck_reports.impact(before=one, after=other, at=asking.now(), days=days, progress=progress)
    if as_json:
        traffic = found.as_dict() if found else None
        told = {"before": one.as_dict(), "after": other.as_dict(), **compared_dict(compared), "traffic": traffic}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    _tell_compared(compared, other.currency)
    if found is not None:
        _tell_impact(found)


@click.command()
@click.argument("deck_version")
@_brand
@_name
@_json
def check(deck_version: str, brand: str, name: str, as_json: bool) -> None:
    """What is suspicious in DECK_VERSION: countries without a price, prices that end, overlaps, prices no call can reach, and prices
    far from their neighbours'. Exit code 1 where a country has no price, or dates overlap."""
    main.django_ready()
    from cadran.catalog import queries
    from cadran.catalog.inspection import Kind
    from cadran.journeys import deck_reports

    version = queries.deck(brand, name, deck_version)
    with asking.bar("prices", quiet=as_json) as progress:
        found = deck_reports.inspect(version=version, at=asking.now(), progress=progress)
    if as_json:
        click.echo(json.dumps({"deck": version.as_dict(), **found.as_dict()}, ensure_ascii=False))
    else:
        _tell_inspection(found)
    if found.counts[Kind.NO_PRICE] or found.counts[Kind.OVERLAP]:
        sys.exit(1)


@click.command()
@click.option(
    "--cost", required=True, help="The carrier whose deck is the cost: NAME of the deck carrier.NAME, or NAME@VERSION."
)
@click.option("--deck-version", default="", help="The version that sells; the one in force now where not given.")
@_brand
@_name
@_days
@_json
def margin(cost: str, deck_version: str, brand: str, name: str, days: int, as_json: bool) -> None:
    """What last month's traffic brought over a carrier's deck, per destination, the largest loss first; and every prefix at which a
    minute costs more than it brings. A carrier's deck is imported as `cadran deck import FILE --name carrier.NAME`."""
    main.django_ready()
    from cadran.catalog import queries
    from cadran.journeys import deck_reports

    at = asking.now()
    retail = queries.deck(brand, name, deck_version) if deck_version else queries.in_force(brand, at, name)
    if retail is None:
        raise queries.UnknownDeck(f"{brand} has no deck {name} in force: see `cadran deck list`")
    costs = deck_reports.carrier_deck(brand, cost)
    with asking.bar("calls", quiet=as_json) as progress:
        found = deck_reports.margin(retail=retail, cost=costs, at=at, days=max(days, 1), progress=progress)
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        _tell_margin(found)


COMMANDS = (diff, check, margin)


def compared_dict(found: Comparison) -> dict[str, object]:
    """Plain values for JSON."""
    return {
        "prefixes": {name: getattr(found, name) for name in ("dearer", "cheaper", "same", "other", "new", "gone")},
        "rises": [_change_dict(one) for one in found.rises],
        "falls": [_change_dict(one) for one in found.falls],
    }


def _change_dict(one: PriceChange) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__slots__}


def _tell_compared(found: Comparison, currency: str) -> None:
    click.echo(
        f"prefixes: {found.dearer} dearer, {found.cheaper} cheaper, {found.new} new, {found.gone} gone, {found.same} the same,"
        f" {found.other} with other increments or fees"
    )
    for words, rows in (("largest rises", found.rises), ("largest falls", found.falls)):
        if rows:
            click.echo(f"{words}:")
        for one in rows:
            click.echo(
                f"  {one.prefix:15} {one.destination_en[:36] or one.destination[:36]:36}"
                f" {_nanos(one.before_nanos)} -> {_nanos(one.after_nanos)} {currency} a minute"
            )


def _tell_impact(found: Impact) -> None:
    click.echo(
        f"traffic of {found.days} days: {found.calls} calls, {found.seconds // 60} minutes"
        + (f"; {found.unpriced} without a price in one of the two" if found.unpriced else "")
    )
    click.echo(
        f"  dearer by {_money(found.up_micros)} {found.currency}: {found.dearer_calls} calls of"
        f" {len(found.dearer_customers)} customers"
    )
    click.echo(
        f"  cheaper by {_money(found.down_micros)} {found.currency}: {found.cheaper_calls} calls of"
        f" {len(found.cheaper_customers)} customers"
    )
    for row in (*found.dearer(SHOWN), *found.cheaper(SHOWN)):
        click.echo(f"  {_row(row)}  {_signed(row.change_micros)} {found.currency}")


def _tell_inspection(found: Inspection) -> None:
    from cadran.catalog.inspection import Kind

    click.echo(f"{found.rates} prices looked at")
    for kind in Kind:
        if not (number := found.counts[kind]):
            continue
        click.echo(f"{_KINDS[kind.value]}: {number}")
        for one in found.of(kind)[:SHOWN]:
            click.echo(f"  {_finding(one)}")
        if number > SHOWN:
            click.echo(f"  ... and {number - SHOWN} more; --json lists 500 of each kind")
    if not found.counts:
        click.echo("nothing suspicious")


_KINDS = {
    "no-price": "countries without a price",
    "ended": "prices that ended, nothing of their own after",
    "ending": "prices that will end, nothing of their own after",
    "pause": "pauses between two prices",
    "overlap": "prices whose dates overlap",
    "outlier-high": "far dearer than the neighbours",
    "outlier-low": "far cheaper than the neighbours",
    "shadowed": "never reached: each next digit has a price of its own",
}


def _finding(one: Finding) -> str:
    if one.country:
        return f"{one.country} {one.what}: no price for numbers such as +{one.prefix}"
    text = f"{one.prefix:15} {one.destination_en[:36]} (line {one.line})"
    if one.usual_nanos:
        return f"{text}: {_nanos(one.price_nanos)} a minute, where {_nanos(one.usual_nanos)} is usual"
    if one.at is not None:
        text += f" {one.at:%Y-%m-%d %H:%M} UTC"
        text += f", then the price of {one.instead}" if one.instead else ", then no price at all"
    return text


def _tell_margin(found: Margin) -> None:
    tax = f", {found.tax_bp / 100:g} % of tax taken off" if found.tax_bp else ""
    click.echo(
        f"{found.retail} over {found.cost}: {found.calls} calls, {found.seconds // 60} minutes of {found.days} days{tax}"
    )
    click.echo(
        f"  sold {_money(found.sold_micros)}, cost {_money(found.cost_micros)}, margin {_signed(found.margin_micros)}"
        f" {found.currency}" + (f"; {found.uncosted} calls have no cost" if found.uncosted else "")
    )
    for row in found.worst(SHOWN):
        click.echo(f"  {_row(row)}  {_signed(row.margin_micros)} {found.currency}")
    click.echo(f"{found.exposed_count} prefixes cost more than they bring, a minute:")
    for one, prefixes in found.places()[:SHOWN]:
        click.echo(
            f"  {one.destination_en[:36]:36} {prefixes:>6} prefixes such as {one.prefix}: sold {_money(one.sold_micros)},"
            f" cost {_money(one.cost_micros)} {found.currency}"
        )


def _row(row: Row) -> str:
    return f"{row.destination_en[:36]:36} {row.calls:>7} calls {row.seconds // 60:>7} min {row.customers:>6} customers"


def _signed(micros: int) -> str:
    return f"{'+' if micros > 0 else ''}{_money(micros)}"


def _money(micros: int) -> str:
    from cadran.units.money import decimal_text

    return decimal_text(micros)


def _nanos(nanos: int) -> str:
    whole, part = divmod(nanos, 10**9)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")
