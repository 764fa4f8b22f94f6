"""Credit that the operator gives without a payment. Runs inside the charging process's transaction; `withdrawals` takes back."""

from __future__ import annotations

from datetime import datetime

from cadran.balance import operations, ports
from cadran.ledger import operations as ledger
from cadran.ledger.ports import Books
from cadran.policy.terms import Terms
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key

GOODWILL = "goodwill"


class AdjustmentDiffers(CadranError):
    """The key was used for another adjustment."""

    error_id = "balance-adjustment-differs"


def give(
    store: ports.Buckets, books: Books, *, owner: str, key: str, amount_micros: int, terms: Terms, at: datetime
) -> ports.BucketDates:
    """Open a bucket that nobody paid for, against the operator's account of goodwill: valid as if bought now, but it extends
    nothing, since nothing was bought. Idempotent by key. Raises WalletUnknown, AdjustmentDiffers."""
    found = operations.wallet(store, owner)
    if known := store.bucket(owner, checked_key(key)):
        if known.bought_micros != amount_micros:
            raise AdjustmentDiffers(f"{key} gave {known.bought_micros} micros: use a new key for another amount")
        return known
    goodwill = operations.house(found.brand, GOODWILL, found.currency)
    ledger.open_account(books, ref=goodwill, currency=found.currency, at=at)
    return operations.fill_bucket(
        store,
        books,
        wallet=found,
        key=key,
        amount_micros=amount_micros,
        source=goodwill,
        transfer=f"goodwill/{key}",
        reason=GOODWILL,
        terms=terms,
        at=at,
    )
