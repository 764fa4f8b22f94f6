"""`cadran quote`: what one call would cost, by the installation's prices or by a plan that is only looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cadran.commands import main, price_options, quote_lines
from cadran.units import errors

if TYPE_CHECKING:
    from cadran.catalog.price_files import Plan

FORMATS = ("cgrates", "csv", "xlsx", "astpp", "magnusbilling", "a2billing")
NO_CURRENCY = "XXX"  # ISO 4217: no currency involved
NO_PRICE = "call-no-price"
WAYS = ("phone", "access-number", "mobility", "callback")
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class WrongInstant(errors.InvalidInput):
    """The instant of the call cannot be read."""

    error_id = "commands-quote-instant"


class NotANumber(errors.InvalidInput):
    """What was given as the number called is no number."""

    error_id = "commands-quote-number"


class NoPublishedPrice(errors.CadranError):
    """The brand has no price for that number at that instant: the call would not go out."""

    error_id = "commands-quote-no-price"


class CallRefused(errors.CadranError):
    """The terms do not allow that call, whatever its price."""

    error_id = "commands-quote-refused"


@click.command(name="quote")
@click.option("--to", "number", required=True, help="The number called, as +33612345678.")
@click.option("--at", "at_text", default="", help="When the call is answered, as 2026-11-22T10:00:00Z; else now.")
@click.option("--seconds", type=int, default=60, show_default=True, help="How long it lasts.")
@click.option("--brand", default="", help="Key of the brand; that of the account, or ippi, where not given.")
@click.option("--account", default="", help="An account, as A000001: its brand, its country and its terms.")
@click.option(
    "--via",
    type=click.Choice(WAYS),
    help="How the call is set up; by an access number for a calling card, else from a phone.",
)
@click.option(
    "--company", is_flag=True, help="A company pays: the law on consumers' calls to national numbers does not hold."
)
@click.option("--by-minute", is_flag=True, help="The consumer asked to pay national calls by the minute.")
@click.option("--plan", type=click.Path(path_type=Path), help="Folder or file of a plan: the installation is not read.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of the plan; told from its files where not given.")
@click.option("--tenant", default="cgrates.org", show_default=True, help="Of a CGRateS plan.")
@click.option("--category", default="call", show_default=True, help="Of a CGRateS plan.")
@click.option("--subject", default="*any", show_default=True, help="Of a CGRateS plan.")
@click.option("--zone", default="UTC", show_default=True, help="Civil time of the plan's timings.")
@click.option("--currency", default=NO_CURRENCY, show_default=True, help="Of the plan.")
@price_options.table_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--lang", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Language of the answer."
)
def command(
    *,
    number: str,
    at_text: str,
    seconds: int,
    brand: str,
    account: str,
    via: str | None,
    company: bool,
    by_minute: bool,
    plan: Path | None,
    form: str | None,
    tenant: str,
    category: str,
    subject: str,
    zone: str,
    currency: str,
    as_json: bool,
    lang: str,
    **table: Any,
) -> None:
    """The price of one call, exactly and step by step: by the installation's prices, or by those of --plan."""
    at = instant(at_text) if at_text else None
    if plan is None:
        told = _installed(number, at, seconds, brand, account, (via, company, by_minute))
    else:
        profile = {"tenant": tenant, "category": category, "subject": subject}
        told = _planned(plan, form, profile, number, at or datetime.now(UTC), seconds, zone, currency, table)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(quote_lines.lines(told, lang)))


def instant(text: str) -> datetime:
    """An instant with its offset, from 1970 until 2200. Raises WrongInstant."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None or len(text) < 16 or not FIRST <= found < LAST:
            raise ValueError
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongInstant(f"write the instant with its offset, as 2026-11-22T10:00:00Z, not {text[:40]!r}") from None


def _planned(
    path: Path,
    form: str | None,
    profile: Mapping[str, str],
    number: str,
    at: datetime,
    seconds: int,
    zone: str,
    currency: str,
    table: dict[str, Any],
) -> dict[str, object]:
    """Reads no database."""
    from cadran.catalog import bands, price_files

    zone = bands.read_zone(zone)
    mapping = price_options.column_map(table)
    plan = price_files.plan(path, form or "", mapping=mapping, zone=zone, currency=currency)
    return {
        "to": number,
        "at": _text(at),
        **_plan_charge(plan, profile, number, at, seconds, zone),
        "currency": currency,
        "format": plan.form,
        **(profile if plan.tariff else {}),
        "problems": plan.problems,
        "notes": list(plan.notes),
    }


def _plan_charge(
    plan: Plan, profile: Mapping[str, str], number: str, at: datetime, seconds: int, zone: str
) -> dict[str, object]:
    from cadran.rating import plans, prefix_plans, quoting, rules

    if plan.tariff is not None:
        return plans.charge(plan.tariff, **profile, destination=number, at=at, seconds=seconds, zone=zone).as_dict()
    if plan.prefixes is not None:
        return prefix_plans.charge(plan.prefixes, destination=number, at=at, seconds=seconds).as_dict()
    rules.check_seconds(seconds)
    main.django_ready()
    from cadran.rating import decks

    rate = decks.of_rates(plan.rates).find(number.removeprefix("+").removeprefix("00"), at)
    if rate is None:
        raise NoPublishedPrice(f"the plan has no price for {number[:40]} at {_text(at)}")
    return quoting.told(rules.charge(rate, seconds, at), at)


def _installed(
    number: str,
    at: datetime | None,
    seconds: int,
    brand: str,
    account: str,
    asked: tuple[str | None, bool, bool],
) -> dict[str, object]:
    main.django_ready()
    from django.conf import settings

    from cadran.journeys import quote
    from cadran.party import queries as party
    from cadran.policy import queries as policy

    at = at or settings.CIVIL_CLOCK.now()
    customer = party.customer_of_account(account.upper()) if account else None
    if customer and brand not in ("", customer.brand):
        raise click.UsageError(f"{account} is a customer of {customer.brand}, not of {brand}")
    key = customer.brand if customer else brand or settings.BRAND
    terms = policy.governing_terms(customer.terms, at) if customer else policy.terms_in_force(key, at)
    country = customer.country if customer else policy.brand(key).country
    way, (via, company, by_minute) = quote.way_of(key, customer), asked
    way = quote.Way(
        way.via if via is None else via.removeprefix("phone"),
        way.consumer and not company,
        way.by_minute or by_minute,
    )
    told = quote.quote(text=number, brand=key, country=country, terms=terms, seconds=seconds, at=at, way=way)
    if told is None:
        raise _unquoted(number, country, key, at)
    if told.decision.code == NO_PRICE:
        raise NoPublishedPrice(f"{key} has no price for {told.number} at {_text(at)}: the call would not go out")
    if not told.decision.allowed:
        raise CallRefused(f"a call to {told.number} would be refused: {told.decision.code} ({told.decision.clause})")
    return {
        **told.as_dict(seconds),
        "currency": told.rate.currency if told.rate else policy.brand(key).currency,
        "brand": key,
        "account": customer.account if customer else None,
        "terms": terms.ref,
    }


def _unquoted(number: str, country: str, key: str, at: datetime) -> errors.CadranError:
    """No number, or none that the brand sells calls to."""
    from cadran.numbering import queries as numbering
    from cadran.numbering.rules import NumberClass
    from cadran.units import e164

    try:
        known = numbering.called(number, country).number_class is not NumberClass.UNKNOWN
    except e164.InvalidNumber:
        known = False
    if known:
        return NoPublishedPrice(f"{key} has no price for {number} at {_text(at)}: the call would not go out")
    return NotANumber(f"{number[:40]!r} is no number: write it as +33612345678")


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
