"""`cadran credit`: what a customer has, and credit that staff give for a stated reason."""

from __future__ import annotations

import json
from dataclasses import asdict

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
        line = asdict(found.line) if found.line else None
        click.echo(json.dumps(answer | {"held_micros": found.held_micros, "buckets": buckets, "line": line}))
        return
    click.echo(
        f"{found.account}: {decimal_text(found.micros)} {found.currency}, {decimal_text(found.held_micros)} held by calls"
    )
    for one in found.buckets:
        click.echo(f"  {decimal_text(one.balance_micros)} until {one.expires_at:%Y-%m-%dT%H:%M:%SZ} ({one.bucket})")
    if found.line:
        owed, limit = decimal_text(found.line.owed_micros), decimal_text(found.line.limit_micros)
        click.echo(f"  owes {owed} of at most {limit} {found.currency}")


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


@command.command()
@click.argument("customer")
@click.option("--limit", default="", help="The most that may be owed from now on, such as 50; 0 for nothing more.")
@click.option("--repay", default="", help="What was paid of the debt, such as 12.30.")
@click.option("--means", default="transfer", help="By which means it was paid.")
@click.option("--reason", required=True, help="Why; kept beside who and how much.")
@click.option("--by", "staff", required=True, help="Who decides it.")
@click.option("--key", default="", help="Makes a repeat harmless: the same key changes the line once.")
@click.option("--json", "as_json", is_flag=True)
def line(
    *, customer: str, limit: str, repay: str, means: str, reason: str, staff: str, key: str, as_json: bool
) -> None:
    """Let CUSTOMER owe up to a limit beside its credit (postpaid, or a limit of security), or take a payment of what it owes.

    Credit bought is used first; a call that would exceed the limit is refused, and cut where it reaches it. Cadran must run.
    """
    main.django_ready()
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import CreditLine
    from cadran.party import queries as party
    from cadran.policy import operations as policy
    from cadran.units import ids, money
    from cadran.units.errors import InvalidInput

    if bool(limit) == bool(repay):
        raise InvalidInput("give --limit, or --repay, and not both")
    if not reason.strip() or not staff.strip():
        raise InvalidInput("a credit line has a reason, and the name of who decides it")
    holder = party.customer_of_account(_account(customer))
    amount = money.money(limit or repay, holder.currency)
    at, key = settings.CIVIL_CLOCK.now(), ids.checked_key(f"line:{key}") if key else ids.new_id("line")
    found = SocketCharging(settings.CHARGING_SOCKET).credit_line(
        CreditLine(
            key=key,
            account=holder.account,
            step="limit" if limit else "repay",
            amount_micros=amount.micros,
            at=at,
            means=means,
        )
    )
    what = {"account": holder.account, "micros": amount.micros, "reason": reason[:400], "staff": staff[:80]}
    policy.record_event(kind=f"credit.line-{'set' if limit else 'repaid'}", key=key, body=what, at=at)
    if as_json:
        click.echo(json.dumps({"account": holder.account, **asdict(found)}))
        return
    owed, most = money.decimal_text(found.owed_micros), money.decimal_text(found.limit_micros)
    click.echo(f"{holder.account} owes {owed} of at most {most} {holder.currency}")


def _account(text: str) -> str:
    from cadran.party import queries as party

    try:
        return party.customer_named(text).account
    except party.UnknownCustomer:
        return party.customer_of_account(text.strip()).account
