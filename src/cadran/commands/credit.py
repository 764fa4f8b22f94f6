"""`cadran credit`: what a customer has, and credit that staff give for a stated reason."""

from __future__ import annotations

import json

import click

from cadran.commands import main

GRANT_MEANS = "grant"


@click.group()
def command() -> None:
    """Credit of prepaid customers."""


@command.command()
@click.argument("customer")
@click.option("--json", "as_json", is_flag=True)
def show(*, customer: str, as_json: bool) -> None:
    """Show the credit of CUSTOMER (user name, e-mail address or account) with each bucket's end."""
    main.django_ready()
    from django.conf import settings

    from cadran.balance import queries
    from cadran.units.money import decimal_text

    found = queries.balance(_account(customer), settings.CIVIL_CLOCK.now())
    if as_json:
        buckets = [
            {"bucket": one.bucket, "balance_micros": one.balance_micros, "expires_at": one.expires_at.isoformat()}
            for one in found.buckets
        ]
        answer = {"account": found.account, "currency": found.currency, "balance_micros": found.micros}
        click.echo(json.dumps(answer | {"held_micros": found.held_micros, "buckets": buckets}))
        return
    click.echo(
        f"{found.account}: {decimal_text(found.micros)} {found.currency}, {decimal_text(found.held_micros)} held by calls"
    )
    for one in found.buckets:
        click.echo(f"  {decimal_text(one.balance_micros)} until {one.expires_at:%Y-%m-%dT%H:%M:%SZ} ({one.bucket})")


@command.command()
@click.argument("customer")
@click.argument("amount")
@click.option("--reason", required=True, help="Why; kept beside who and how much.")
@click.option("--by", "staff", required=True, help="Who gives it.")
@click.option("--key", default="", help="Makes a repeat harmless: the same key gives the same credit, once.")
@click.option("--json", "as_json", is_flag=True)
def grant(*, customer: str, amount: str, reason: str, staff: str, key: str, as_json: bool) -> None:
    """Give CUSTOMER an AMOUNT of credit (such as 1 or 0.50) without a payment: goodwill, a correction, a test.

    It is a bucket like a purchased one, valid as the customer's terms say, and stands in the ledger against an account of
    grants, apart from all payments. Cadran must run.
    """
    main.django_ready()
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import BuyCredit
    from cadran.party import queries as party
    from cadran.policy import operations as policy
    from cadran.policy import queries as policies
    from cadran.units import ids, money
    from cadran.units.errors import InvalidInput

    holder = party.customer_of_account(_account(customer))
    given = money.money(amount, holder.currency)
    if given.micros <= 0 or not reason.strip() or not staff.strip():
        raise InvalidInput("a grant has an amount above zero, a reason, and the name of who gives it")
    at, key = settings.CIVIL_CLOCK.now(), ids.checked_key(f"grant:{key}") if key else ids.new_id("grant")
    charging = SocketCharging(settings.CHARGING_SOCKET)
    if holder.validated_at:  # the event that opens the wallet may still be on its way
        charging.open_wallet(account=holder.account, brand=holder.brand, currency=holder.currency, at=at)
    bought = charging.buy_credit(
        BuyCredit(
            key=key,
            account=holder.account,
            terms=policies.governing_terms(holder.terms, at).ref,
            amount_micros=given.micros,
            currency=given.currency,
            at=at,
            means=GRANT_MEANS,
        )
    )
    what = {"account": holder.account, "micros": given.micros, "reason": reason[:400], "staff": staff[:80]}
    policy.record_event(kind="credit.granted", key=key, body=what, at=at)
    if as_json:
        answer = {"account": holder.account, "bucket": bought.bucket, "balance_micros": bought.balance_micros}
        click.echo(json.dumps(answer | {"expires_at": bought.expires_at.isoformat()}))
    else:
        click.echo(f"{holder.account}: {given} given until {bought.expires_at:%Y-%m-%dT%H:%M:%SZ} ({bought.bucket})")


def _account(text: str) -> str:
    from cadran.party import queries as party

    try:
        return party.customer_named(text).account
    except party.UnknownCustomer:
        return party.customer_of_account(text.strip()).account
