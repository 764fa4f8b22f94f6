"""Reading receipts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cadran.invoicing.models import Receipt as Row
from cadran.invoicing.models import ReceiptSeries
from cadran.invoicing.rules import ReceiptKind, VatDue
from cadran.units.errors import CadranError

MOST = 1000


class UnknownReceipt(CadranError):
    """No such receipt, or not this account's."""

    error_id = "invoicing-receipt-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who issued a receipt, as it was then."""

    brand: str
    legal_name: str
    legal_form: str = ""
    share_capital: str = ""
    address: tuple[str, ...] = ()
    registry: str = ""
    siren: str = ""
    vat_number: str = ""
    email: str = ""
    phone: str = ""
    site: str = ""
    notice: str = ""
    colour: str = "#0b5fa5"
    zone: str = "Europe/Paris"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """To whom a receipt was issued, as it was then."""

    name: str
    company: str = ""
    country: str = ""
    account: str = ""
    siren: str = ""
    vat_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One receipt. Amounts are micros, VAT included; a refund's are negative. `corrects`: the number that a refund answers to."""

    number: str
    brand: str
    kind: ReceiptKind
    account: str
    order: str
    corrects: str
    amount_micros: int
    currency: str
    means: str
    reason: str
    terms: str
    language: str
    vat_due: VatDue
    vat_basis_points: int
    vat_micros: int
    ordered_at: datetime
    paid_at: datetime
    issued_at: datetime
    seller: Seller = field(repr=False)
    buyer: Buyer = field(repr=False)

    @property
    def net_micros(self) -> int:
        return self.amount_micros - self.vat_micros

    @property
    def file_name(self) -> str:
        return f"{self.number}.pdf"


def as_receipt(row: Row) -> Receipt:
    return Receipt(
        number=row.number,
        brand=row.brand,
        kind=ReceiptKind(row.kind),
        account=row.account,
        order=row.order,
        corrects=row.corrects,
        amount_micros=row.amount_micros,
        currency=row.currency,
        means=row.means,
        reason=row.reason,
        terms=row.terms,
        language=row.language,
        vat_due=VatDue(row.vat_due),
        vat_basis_points=row.vat_basis_points,
        vat_micros=row.vat_micros,
        ordered_at=row.ordered_at,
        paid_at=row.paid_at,
        issued_at=row.issued_at,
        seller=Seller(**{**row.seller, "address": tuple(row.seller.get("address", ()))}),
        buyer=Buyer(**row.buyer),
    )


def receipts(*, account: str, limit: int = 100) -> tuple[Receipt, ...]:
    """The account's receipts, newest first, at most `limit` (1000)."""
    rows = Row.objects.filter(account=account).order_by("-id")[: min(limit, MOST)]
    return tuple(as_receipt(row) for row in rows)


def receipt(number: str, *, account: str | None = None) -> Receipt:
    """The receipt of that number; with `account`, only if it is that account's. Raises UnknownReceipt."""
    found = Row.objects.filter(number=number)
    if account is not None:
        found = found.filter(account=account)
    if (row := found.first()) is None:
        raise UnknownReceipt("there is no such receipt: look at the list of receipts")
    return as_receipt(row)


def receipt_of_order(order: str) -> Receipt | None:
    """The receipt of an order's payment, or None while it is not paid."""
    row = Row.objects.filter(order=order, kind=ReceiptKind.PAYMENT).first()
    return None if row is None else as_receipt(row)


def receipt_of_key(key: str) -> Receipt | None:
    """The receipt that was issued under that idempotency key, or None."""
    row = Row.objects.filter(key=key).first()
    return None if row is None else as_receipt(row)


def gaps(brand: str, year: int) -> tuple[int, ...]:
    """The sequence numbers of a brand and year that no receipt bears: always none. At most 1000 are named."""
    series = ReceiptSeries.objects.filter(brand=brand, year=year).first()
    held = set(Row.objects.filter(brand=brand, year=year).values_list("sequence", flat=True))
    last = max([series.last if series else 0, *held]) if held or series else 0
    return tuple([sequence for sequence in range(1, last + 1) if sequence not in held][:MOST])
