"""What the operator owes to holders of vouchers. Runs inside the charging process's transaction.

`vouchers/issued` is the liability: it rises when vouchers are issued, against `vouchers/sold` (what their sale brings in, or is to
bring in), and falls when one becomes credit (`operations.buy` with the means `voucher`), is blocked (the sale is undone) or expires
(`vouchers/expired`: kept for good). No VAT moves here: credit spent across services and territories bears it when it is used.
"""

from __future__ import annotations

from datetime import datetime

from cadran.balance import operations
from cadran.ledger import operations as ledger
from cadran.ledger.ports import Books
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key
from cadran.units.money import Money

SOLD, EXPIRED = "vouchers/sold", "vouchers/expired"
# step -> from which of the brand's accounts to which
STEPS = {
    "issued": (SOLD, operations.VOUCHERS),
    "blocked": (operations.VOUCHERS, SOLD),
    "expired": (operations.VOUCHERS, EXPIRED),
}


class VoucherMoveDiffers(CadranError):
    """The key moved another amount."""

    error_id = "balance-voucher-move-differs"


def move(books: Books, *, key: str, brand: str, step: str, amount_micros: int, currency: str, at: datetime) -> str:
    """Book that vouchers worth that much were issued, blocked or expired; returns the transfer's id. Idempotent by step and key.

    Raises VoucherMoveDiffers, InvalidMoney.
    """
    debit, credit = (operations.house(checked_key(brand), name, currency) for name in STEPS[step])
    owner, transfer = debit.owner, f"vouchers/{step}/{checked_key(key)}"
    if (made := books.amount(owner, transfer)) is not None:
        if made != amount_micros:
            raise VoucherMoveDiffers(f"{key} moved {made} micros: use a new key for another amount")
        return transfer
    if Money(amount_micros, currency).micros <= 0:
        raise VoucherMoveDiffers(f"vouchers are worth more than nothing, not {amount_micros} micros")
    for ref in (debit, credit):
        ledger.open_account(books, ref=ref, currency=currency, at=at)
    return ledger.post(
        books,
        owner=owner,
        transfer=transfer,
        debit=debit,
        credit=credit,
        currency=currency,
        amount_micros=amount_micros,
        at=at,
        reason="vouchers",
    )
