"""Money received gets a receipt, money given back a credit receipt."""

from __future__ import annotations

from cadran.charging.ports import Charging
from cadran.invoicing import operations, queries
from cadran.party import queries as party
from cadran.payment import queries as payment
from cadran.policy.events import PendingEvent


def issue(event: PendingEvent, charging: Charging) -> None:
    """The receipt of a payment received, once for each order."""
    order = payment.order(str(event.body["order"]))
    buyer, language = buyer_of(order.account)
    operations.issue_payment_receipt(
        key=f"payment:{order.order_id}",
        brand=order.brand,
        buyer=buyer,
        order=order.order_id,
        amount_micros=int(str(event.body["amount_micros"])),
        currency=str(event.body["currency"]),
        means=str(event.body["means"]),
        terms=order.terms,
        language=language,
        ordered_at=order.placed_at,
        at=event.at,
    )


def refund(event: PendingEvent, charging: Charging) -> None:
    """The credit receipt of a refund, once for each refund; it waits until the payment has its receipt."""
    operations.issue_refund_receipt(
        key=refund_key(event),
        order=str(event.body["order"]),
        amount_micros=int(str(event.body["amount_micros"])),
        reason=str(event.body.get("reason", "")),
        at=event.at,
    )


def refund_key(event: PendingEvent) -> str:
    return f"refund:{event.body.get('refund') or event.key}"


def buyer_of(account: str) -> tuple[queries.Buyer, str]:
    """Who an account's receipts are for, as they are now, and in which language; an account that nobody holds is named alone."""
    try:
        customer = party.customer_of_account(account)
    except party.UnknownCustomer:
        return queries.Buyer(name="", account=account), "fr"
    person = f"{customer.first_names} {customer.name}".strip()
    buyer = queries.Buyer(
        name=person,
        company=customer.company,
        country=customer.country,
        account=account,
        siren=str(getattr(customer, "siren", "") or ""),
        vat_number=str(getattr(customer, "vat_number", "") or ""),
    )
    return buyer, customer.language
