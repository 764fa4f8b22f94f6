"""Issuing receipts: the number is given in the transaction that writes the receipt, so that none is ever missing."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max

from cadran.invoicing import queries, rules
from cadran.invoicing.models import Receipt, ReceiptSeries
from cadran.invoicing.rules import ReceiptKind, VatDue
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key
from cadran.units.period import utc

RATE = {"GP": "vat.guadeloupe_martinique_reunion", "MQ": "vat.guadeloupe_martinique_reunion"}
RATE["RE"] = RATE["GP"]


class RefundTooLarge(CadranError):
    """The credit receipts of a payment would add up to more than was paid."""

    error_id = "invoicing-refund-too-large"


def issue_payment_receipt(
    *,
    key: str,
    brand: str,
    buyer: queries.Buyer,
    order: str,
    amount_micros: int,
    currency: str,
    means: str,
    terms: str,
    language: str,
    ordered_at: datetime,
    at: datetime,
) -> queries.Receipt:
    """Issue the receipt of a payment received at `at`, once for each key. Raises InvalidReceipt, UnknownBrand."""
    if amount_micros <= 0:
        raise rules.InvalidReceipt("a payment's receipt states an amount above zero")
    due = VatDue(str(policy.law("vat.multi_purpose_voucher_due", at).content))
    rate = 0 if due is VatDue.USE else _rate(buyer.country, at)
    return _issue(
        key=key,
        brand=brand,
        buyer=buyer,
        at=at,
        kind=ReceiptKind.PAYMENT,
        order=order,
        corrects="",
        amount_micros=amount_micros,
        currency=currency,
        means=means,
        reason="",
        terms=terms,
        language=language,
        vat_due=due,
        vat_basis_points=rate,
        vat_micros=rules.vat_included(amount_micros, rate).vat_micros,
        ordered_at=utc(ordered_at),
    )


def issue_refund_receipt(*, key: str, order: str, amount_micros: int, reason: str, at: datetime) -> queries.Receipt:
    """Issue the credit receipt of money given back for an order at `at`, once for each key; `amount_micros` is above zero.

    Raises UnknownReceipt where the order's payment has none (yet), InvalidReceipt, RefundTooLarge.
    """
    if amount_micros <= 0:
        raise rules.InvalidReceipt("a refund states an amount above zero")
    with transaction.atomic():
        paid = queries.receipt_of_order(order)
        if paid is None:
            raise queries.UnknownReceipt(f"the payment of order {order} has no receipt yet")
        earlier = Receipt.objects.filter(order=order, kind=ReceiptKind.REFUND).exclude(key=key)
        given_back = -sum(earlier.values_list("amount_micros", flat=True))
        if given_back + amount_micros > paid.amount_micros:
            raise RefundTooLarge(f"{paid.number} was paid once: its refunds cannot add up to more")
        return _issue(
            key=key,
            brand=paid.brand,
            buyer=paid.buyer,
            at=at,
            kind=ReceiptKind.REFUND,
            order=order,
            corrects=paid.number,
            amount_micros=-amount_micros,
            currency=paid.currency,
            means=paid.means,
            reason=reason[:200],
            terms=paid.terms,
            language=paid.language,
            vat_due=paid.vat_due,
            vat_basis_points=paid.vat_basis_points,
            vat_micros=-rules.vat_included(amount_micros, paid.vat_basis_points).vat_micros,
            ordered_at=paid.ordered_at,
        )


def _issue(
    *, key: str, brand: str, buyer: queries.Buyer, at: datetime, kind: ReceiptKind, **facts: object
) -> queries.Receipt:
    checked_key(key)
    issuer = policy.brand(brand)
    with transaction.atomic():
        if known := Receipt.objects.filter(key=key).first():
            return queries.as_receipt(known)
        # Dates follow the numbers: a payment that is told late is dated no earlier than the receipt before it.
        newest = Receipt.objects.filter(brand=brand).aggregate(newest=Max("issued_at"))["newest"]
        issued_at = max(utc(at), newest) if newest else utc(at)
        year = issued_at.astimezone(ZoneInfo(issuer.zone)).year
        series, _ = ReceiptSeries.objects.select_for_update().get_or_create(brand=brand, year=year)
        series.last += 1
        series.save(update_fields=["last"])
        row = Receipt.objects.create(
            key=key,
            number=rules.number(rules.prefix(issuer), year, series.last),
            brand=brand,
            year=year,
            sequence=series.last,
            kind=kind,
            account=buyer.account,
            buyer=dataclasses.asdict(buyer),
            seller=dataclasses.asdict(_seller(brand)),
            paid_at=utc(at),
            issued_at=issued_at,
            **facts,
        )
        policy_operations.record_event(
            kind="invoicing.receipt-issued",
            key=row.number,
            body={
                "receipt": row.number,
                "kind": row.kind,
                "account": row.account,
                "order": row.order,
                "amount_micros": row.amount_micros,
                "currency": row.currency,
                "vat_micros": row.vat_micros,
                "vat_due": row.vat_due,
                "terms": row.terms,
            },
            at=issued_at,
        )
        return queries.as_receipt(row)


def _seller(key: str) -> queries.Seller:
    brand = policy.brand(key)
    operator = brand.operator
    return queries.Seller(
        brand=brand.name,
        legal_name=brand.legal_name,
        legal_form=operator.legal_form,
        share_capital=operator.share_capital,
        address=operator.address,
        registry=operator.registry,
        siren=operator.siren,
        vat_number=operator.vat_number,
        email=operator.email,
        phone=operator.phone,
        site=brand.site,
        notice=operator.notice,
        colour=brand.colours["primary"],
        zone=brand.zone,
    )


def _rate(country: str, at: datetime) -> int:
    """The rate of a sale to that place, in basis points."""
    outside = {str(c) for name in ("vat.not_applied", "vat.outside_territory") for c in policy.law(name, at).content}  # type: ignore[union-attr]
    if country in outside:
        return 0
    return int(str(policy.law(RATE.get(country, "vat.metropolitan"), at).content))
