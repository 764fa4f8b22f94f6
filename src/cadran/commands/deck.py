"""`cadran deck`: import, activate, list and search rate decks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cadran.catalog.rules import PLAIN
from cadran.commands import asking, deck_reports, deck_told, main, price_options
from cadran.rating import words
from cadran.units import money

if TYPE_CHECKING:
    from cadran.catalog.price_files import ColumnMap, Translation
    from cadran.catalog.queries import DeckVersion, Price

Progress = Callable[[str, int, int], None]
FORMATS = ("csv", "xlsx", "cgrates", "astpp", "magnusbilling", "a2billing")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object or list.")
_brand = click.option("--brand", default="ippi", show_default=True, help="Key of the brand.")
_name = click.option("--name", default="world", show_default=True, help="Which of the brand's decks.")


@click.group()
def command() -> None:
    """Rate decks: what a call costs by prefix, from which day on."""
    main.django_ready()


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_brand
@_name
@click.option(
    "--deck-version", default="", help="Name of this version; the start of the file's SHA-256 where not given."
)
@click.option("--currency", default="", help="Three letters; the brand's where not given.")
@click.option(
    "--tax", default="not stated", type=click.Choice(["included", "excluded", "not stated"]), show_default=True
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of FILE, where it is no deck file of ours.")
@click.option("--profile", default="", help="A saved way to read it; other options go before it.")
@click.option("--save-profile", default="", help="Keep these options under a name.")
@click.option("--tenant", default="cgrates.org", show_default=True, help="Of a CGRateS plan.")
@click.option("--category", default="call", show_default=True, help="Of a CGRateS plan.")
@click.option("--subject", default="*any", show_default=True, help="Of a CGRateS plan.")
@click.option("--zone", default="UTC", show_default=True, help="Civil time of a CGRateS plan's timings.")
@price_options.table_options
@click.option("--dry-run", is_flag=True, help="Read and report; keep nothing.")
@_json
def import_(
    file: Path,
    brand: str,
    name: str,
    deck_version: str,
    currency: str,
    tax: str,
    form: str | None,
    profile: str,
    save_profile: str,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Read FILE and keep it as a draft: all of it, or nothing. Errors are told by line.

    FILE is a deck file of ours (.csv, .csv.gz), or a price list of another --format: CSV or XLSX with any columns, a folder of
    CGRateS, an export of ASTPP, MagnusBilling or A2Billing.
    """
    from cadran.catalog import import_profiles, operations

    try:
        with _bar(as_json) as progress:
            source, mapping = _source(file, form, profile, save_profile, options, progress)
            report = operations.import_deck(
                brand=brand,
                source=source,
                at=asking.now(),
                name=name,
                version=deck_version,
                currency=currency,
                tax=tax,
                delimiter={"": ",", "tab": "\t"}.get(options["delimiter"], options["delimiter"])
                if mapping is None
                else ",",
                dry_run=dry_run,
                progress=progress,
            )
    except operations.DeckRefused as refused:
        report = refused.report
    if save_profile and mapping is not None:
        import_profiles.save(name=save_profile, mapping=mapping, at=asking.now())
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        deck_told.tell(report, dry_run)
    if report.problem_count:
        sys.exit(2)


def _source(
    file: Path, form: str | None, profile: str, save: str, options: dict[str, Any], progress: Progress | None
) -> tuple[Path | Translation, ColumnMap | None]:
    """The file as it is, where it is a deck file of ours; else translated, with the mapping that was used."""
    from cadran.catalog import bands, import_profiles, price_files

    guessed = price_files.form_of(file)
    if form is None and guessed == "csv" and not (profile or save or price_options.stated(options)):
        return file, None
    mapping = price_options.column_map(options)
    if profile:
        mapping = import_profiles.find(profile).over(mapping)
    plan = price_files.PlanProfile(
        tenant=options["tenant"],
        category=options["category"],
        subject=options["subject"],
        zone=bands.read_zone(options["zone"]),
    )
    told = (lambda done, total: progress("translate", done, total)) if progress else None
    return price_files.translate(file, form or guessed, mapping=mapping, profile=plan, progress=told), mapping


@command.command()
@_json
def profiles(as_json: bool) -> None:
    """The saved ways to read price lists of others."""
    from cadran.catalog import import_profiles

    found = {name: json.loads(import_profiles.find(name).to_text()) for name in import_profiles.names()}
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for name, mapping in found.items():
        told = ", ".join(f"{title}={column}" for title, column in mapping["columns"].items())
        click.echo(f"{name}: {told}")
    if not found:
        click.echo("none yet: cadran deck import FILE --map COLUMN=NAME --save-profile NAME")


@command.command()
@click.argument("deck_version")
@_brand
@_name
@click.option("--effective-from", default="", help="A day (its midnight in the brand's zone) or an instant; else now.")
@click.option("--dry-run", is_flag=True, help="Check, and change nothing.")
@_json
def activate(deck_version: str, brand: str, name: str, effective_from: str, dry_run: bool, as_json: bool) -> None:
    """Let the draft DECK_VERSION price calls from a date on."""
    from cadran.catalog import operations, queries

    at = asking.now()
    found = queries.deck(brand, name, deck_version)
    since = asking.instant(effective_from, brand) if effective_from else at
    activated = operations.activate_deck(deck=found, effective_from=since, at=at, dry_run=dry_run)
    taken_up = not dry_run and _reload()
    if as_json:
        click.echo(json.dumps({**activated.as_dict(), "dry_run": dry_run, "taken_up": taken_up}, ensure_ascii=False))
    else:
        would = "would price" if dry_run else "prices"
        click.echo(f"{brand} {name} {deck_version} {would} calls from {since:%Y-%m-%d %H:%M} UTC on")
        if not dry_run:
            click.echo("the charging process has taken it up" if taken_up else "charging takes it up when it starts")


@command.command("list")
@click.option("--brand", default=None, help="Key of the brand; all brands where not given.")
@_json
def list_(brand: str | None, as_json: bool) -> None:
    """All versions of all decks, drafts included."""
    from cadran.catalog import queries
    from cadran.policy import queries as policy

    found = queries.decks(policy.brand(brand).key if brand else None)
    if as_json:
        click.echo(json.dumps([deck.as_dict() for deck in found], ensure_ascii=False))
        return
    for deck in found:
        click.echo(_deck_line(deck))
    if not found:
        click.echo("no decks yet: cadran deck load-reference, or cadran deck import FILE")


@command.command()
@click.argument("number")
@_brand
@_name
@click.option("--at", "at_text", default="", help="Start of the call: a day or an instant; else now.")
@_json
def find(number: str, brand: str, name: str, at_text: str, as_json: bool) -> None:
    """The price of a call to NUMBER (E.164, such as +33142000001). Exit code 1: no price."""
    from cadran.catalog import queries
    from cadran.units.e164 import E164

    e164 = E164(number if number.startswith("+") else f"+{number}")
    at = asking.instant(at_text, brand) if at_text else asking.now()
    price = queries.price_of(brand, e164.digits, at, name)
    if as_json:
        click.echo(json.dumps(_price_dict(price) if price else None, ensure_ascii=False))
    elif price is None:
        click.echo(f"no price for {e164} at {at:%Y-%m-%dT%H:%M:%SZ} in the deck {name} of {brand}")
    else:
        _tell_price(price)
    if price is None:
        sys.exit(1)


@command.command("load-reference")
@_json
def load_reference(as_json: bool) -> None:
    """Import and activate the decks that the brands' folders ship. Safe to repeat, and quick then."""
    from cadran.catalog import operations

    with _bar(as_json) as progress:
        fresh = operations.load_reference(at=asking.now(), progress=progress)
    if as_json:
        click.echo(json.dumps([deck.as_dict() for deck in fresh], ensure_ascii=False))
    elif not fresh:
        click.echo("the reference decks are loaded already")
    for deck in () if as_json else fresh:
        click.echo(_deck_line(deck))


for _report in deck_reports.COMMANDS:
    command.add_command(_report)


def _reload() -> bool:
    """Ask the charging process, if one runs, to take up what was activated."""
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import ChargingUnavailable

    if not settings.CHARGING_SOCKET.exists():
        return False
    try:
        SocketCharging(settings.CHARGING_SOCKET).reload_decks()
    except ChargingUnavailable:
        return False
    return True


def _tell_price(price: Price) -> None:
    rate = price.rate
    unit_s = (rate.tariff or PLAIN).unit_s
    click.echo(
        f"{rate.destination}: {_amount(rate.price_nanos)} {rate.currency} {words.unit(unit_s, 1)}, tax {price.tax}"
    )
    click.echo(f"  by {rate.first_s} s, then {rate.next_s} s; prefix {rate.prefix}")
    for condition in words.conditions(rate, "en", _Amounts()):
        click.echo(f"  {condition}")
    click.echo(f"  deck {rate.deck} {rate.version}, line {rate.line}")


class _Amounts:
    """Amounts as plain decimals."""

    def price(self, nanos: int) -> str:
        return _amount(nanos)

    def money(self, micros: int) -> str:
        return money.decimal_text(micros)


def _price_dict(price: Price) -> dict[str, object]:
    rate = price.rate
    return {
        "prefix": rate.prefix,
        "destination": rate.destination,
        "destination_en": rate.destination_en or rate.destination,
        "currency": rate.currency,
        "tax": price.tax,
        "price_nanos": rate.price_nanos,
        "price": _amount(rate.price_nanos),
        "first_s": rate.first_s,
        "next_s": rate.next_s,
        "connection_micros": rate.connection_micros,
        "minimum_micros": rate.minimum_micros,
        "bands": [{"name": band.name, "zone": band.zone, "price": _amount(band.price_nanos)} for band in rate.bands],
        "tariff": msgspec.to_builtins(rate.tariff),
        "deck": rate.deck,
        "version": rate.version,
        "line": rate.line,
    }


def _deck_line(deck: DeckVersion) -> str:
    since = f"from {deck.effective_from:%Y-%m-%d %H:%M} UTC" if deck.effective_from else ""
    return f"{deck.brand:10} {deck.name} {deck.version} {deck.state} {since} {deck.lines} lines {deck.currency} tax {deck.tax}"


def _amount(nanos: int) -> str:
    """Nanos as an exact decimal: 12000000 -> 0.012."""
    whole, part = divmod(nanos, 10**9)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress | None]:
    """A progress bar on a terminal; nothing where a program listens."""
    from rich import console, progress

    screen = console.Console(stderr=True)
    if quiet or not screen.is_terminal:
        yield None
        return
    with progress.Progress(console=screen, transient=True) as bars:
        tasks: dict[tuple[str, int], progress.TaskID] = {}

        def told(stage: str, done: int, total: int) -> None:
            if (stage, total) not in tasks:
                tasks[stage, total] = bars.add_task(
                    {"translate": "translating", "read": "reading", "write": "writing"}.get(stage, stage), total=total
                )
            bars.update(tasks[stage, total], completed=done)

        yield told
