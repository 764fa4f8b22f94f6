"""What is owed to holders of vouchers, moved inside the charging process."""

from __future__ import annotations

from cadran.balance import vouchers
from cadran.charging import checks
from cadran.charging.calls import refused
from cadran.charging.ports import MovedVouchers, MoveVouchers
from cadran.ledger.ports import Books


def move(request: MoveVouchers, *, books: Books) -> MovedVouchers:
    """See `ports.MoveVouchers`; inside the charging process. Raises ChargingRefused: key-reused, invalid."""
    checks.voucher_move(request)
    try:
        transfer = vouchers.move(
            books,
            key=request.key,
            brand=request.brand,
            step=request.step,
            amount_micros=request.amount_micros,
            currency=request.currency,
            at=request.at,
        )
    except vouchers.VoucherMoveDiffers as error:
        raise refused("key-reused", error.message) from error
    return MovedVouchers(key=request.key, transfer=transfer)
