"""What an account may owe: set, and repaid."""

from __future__ import annotations

from cadran.balance import lines
from cadran.balance.ports import Buckets
from cadran.charging import checks
from cadran.charging.calls import refused
from cadran.charging.ports import CreditLine, Line
from cadran.ledger.ports import Books


def change(request: CreditLine, *, buckets: Buckets, books: Books) -> Line:
    """See `ports.CreditLine`. Raises ChargingRefused account-unknown and invalid, and the errors of balance.lines."""
    checks.line(request)
    if buckets.wallet(request.account) is None:
        raise refused("account-unknown", f"{request.account} has no wallet: open one first")
    if request.step == "limit":
        found = lines.set_limit(
            buckets,
            books,
            owner=request.account,
            key=request.key,
            limit_micros=request.amount_micros,
            at=request.at,
        )
    else:
        found = lines.repay(
            buckets,
            books,
            owner=request.account,
            key=request.key,
            amount_micros=request.amount_micros,
            means=request.means,
            at=request.at,
        )
    return Line(
        key=request.key,
        limit_micros=found.limit_micros,
        owed_micros=found.owed_micros,
        held_micros=found.held_micros,
    )
