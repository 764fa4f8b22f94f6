"""Credit that staff give without a payment."""

from __future__ import annotations

from cadran.balance import adjustments
from cadran.balance.ports import Buckets
from cadran.charging import checks, needs
from cadran.charging.calls import refused
from cadran.charging.ports import Bought, GiveCredit
from cadran.ledger.ports import Books
from cadran.units.errors import CadranError


def give(request: GiveCredit, *, buckets: Buckets, books: Books, contracts: needs.Contracts) -> Bought:
    """See `ports.GiveCredit`. Raises ChargingRefused: account-unknown, currency-differs, terms-unknown, key-reused, invalid."""
    checks.gift(request)
    wallet = buckets.wallet(request.account)
    if wallet is None:
        raise refused("account-unknown", f"{request.account} has no wallet: open one first")
    if wallet.currency != request.currency:
        raise refused(
            "currency-differs", f"{request.account} has its credit in {wallet.currency}, not {request.currency}"
        )
    try:
        terms = contracts.terms(request.terms)
    except (CadranError, KeyError) as error:
        raise refused("terms-unknown", f"no terms {request.terms!r}: give brand/version as accepted") from error
    try:
        given = adjustments.give(
            buckets,
            books,
            owner=request.account,
            key=request.key,
            amount_micros=request.amount_micros,
            terms=terms,
            at=request.at,
        )
    except adjustments.AdjustmentDiffers as error:
        raise refused("key-reused", error.message) from error
    return Bought(
        key=request.key,
        bucket=given.bucket,
        expires_at=given.first_expires_at,
        balance_micros=given.balance_after_micros,
    )
