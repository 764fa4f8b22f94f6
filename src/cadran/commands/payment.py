"""`cadran payment`: what staff do with orders and receipts."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from cadran.commands import main


@click.group()
def command() -> None:
    """Orders waiting for a bank transfer, and money received."""


@command.command("receive")
@click.argument("reference")
@click.argument("amount")
@click.option(
    "--bank-reference", required=True, help="The bank's own reference of the entry; it makes a repeat harmless."
)
@click.option("--by", "staff", required=True, help="Who posts this receipt.")
@click.option("--json", "as_json", is_flag=True)
def receive(reference: str, amount: str, bank_reference: str, staff: str, as_json: bool) -> None:
    """Post the receipt of a bank transfer: AMOUNT in euros under the order's REFERENCE."""
    main.django_ready()
    from django.conf import settings

    from cadran.payment import operations
    from cadran.payment.ports import Receipt
    from cadran.units.errors import InvalidInput
    from cadran.units.ids import checked_key
    from cadran.units.money import money

    at = settings.CIVIL_CLOCK.now()
    sum_ = money(amount)
    if sum_.micros <= 0 or not staff.strip():
        raise InvalidInput("a receipt has an amount above zero and the name of who posts it")
    order = operations.receive_transfer(
        receipt=Receipt(checked_key(bank_reference), sum_.micros, sum_.currency, reference, "", at),
        recorded_by=f"staff:{staff.strip()}",
        at=at,
    )
    if as_json:
        print(
            json.dumps(
                {"order": order and order.order_id, "state": order and order.state, "matched": order is not None}
            )
        )
    elif order is None:
        print(
            "No waiting order has this reference and this amount: the receipt is kept. See `cadran payment unmatched`."
        )
    else:
        print(f"Order {order.order_id} of {order.account} is paid; its credit follows at once.")
    if order is None:
        raise SystemExit(1)


@command.command("unmatched")
@click.option("--json", "as_json", is_flag=True)
def unmatched(as_json: bool) -> None:
    """Money that found no order."""
    main.django_ready()
    from cadran.payment import queries
    from cadran.units.money import decimal_text

    found = queries.unmatched_receipts()
    if as_json:
        print(
            json.dumps(
                [
                    {
                        "bank_reference": item.bank_reference,
                        "amount_micros": item.amount_micros,
                        "currency": item.currency,
                        "remittance": item.remittance,
                        "because": item.because,
                    }
                    for item in found
                ]
            )
        )
        return
    table = Table("Bank reference", "Amount", "Text", "Why", title="Receipts without an order")
    for item in found:
        table.add_row(
            item.bank_reference, f"{decimal_text(item.amount_micros)} {item.currency}", item.remittance, item.because
        )
    Console().print(table)
