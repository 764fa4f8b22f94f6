"""How receipts are numbered, and what they say of VAT. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from cadran.policy.brands import Brand
from cadran.units.errors import InvalidInput
from cadran.units.money import round_half_up

BASIS_POINTS = 10_000
MOST_IN_A_YEAR = 999_999_999


class InvalidReceipt(InvalidInput):
    """A receipt that cannot be issued: no amount, an unknown kind, a refund of nothing."""

    error_id = "invoicing-receipt-invalid"


class ReceiptKind(StrEnum):
    """payment: money was received; refund: money was given back (a credit receipt, its amount negative)."""

    PAYMENT = "payment"
    REFUND = "refund"


class VatDue(StrEnum):
    """When prepaid credit bears VAT. use: credit that buys services of several rates or places (a multi-purpose voucher) bears it
    when it is used; sale: credit for one rate in one place bears it when it is sold."""

    USE = "use"
    SALE = "sale"


@dataclass(frozen=True, slots=True)
class Vat:
    """The VAT of an amount that includes it: rate in basis points, and both parts in micros."""

    rate_basis_points: int
    net_micros: int
    vat_micros: int


def number(prefix: str, year: int, sequence: int) -> str:
    """The number of a receipt: `IPPI-2026-000042`."""
    return f"{prefix}-{year:04d}-{sequence:06d}"


def prefix(brand: Brand) -> str:
    """What the numbers of a brand begin with: as brand.toml says, else its key in capitals."""
    return brand.operator.receipt_prefix or brand.key.upper()[:15]


def vat_included(amount_micros: int, rate_basis_points: int) -> Vat:
    """Carve the VAT out of an amount that includes it, to the cent, half up: 10 EUR at 20 % hold 1.67 of VAT."""
    cents = round_half_up(Fraction(amount_micros * rate_basis_points, (BASIS_POINTS + rate_basis_points) * 10_000))
    return Vat(rate_basis_points, amount_micros - cents * 10_000, cents * 10_000)
