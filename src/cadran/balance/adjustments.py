"""Credit that the operator gives without a payment. Runs inside the charging process's transaction; `withdrawals` takes back."""

from __future__ import annotations

from datetime import datetime

from cadran.balance import operations, ports, rules
from cadran.ledger import operations as ledger
from cadran.ledger.ports import Books
from cadran.ledger.rules import AccountRef
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
    before, until = operations.free_micros(store, books, owner=owner, at=at), rules.purchase_expiry(terms, at)
    credit = AccountRef(owner, operations.CREDIT + key)
    goodwill = operations.house(found.brand, GOODWILL, found.currency)
    ledger.open_account(books, ref=goodwill, currency=found.currency, at=at)
    ledger.open_account(
        books, ref=credit, currency=found.currency, at=at, floor_micros=terms.integer("credit.floor_micros")
    )
    ledger.post(
        books,
        owner=owner,
        transfer=f"goodwill/{key}",
        debit=goodwill,
        credit=credit,
        currency=found.currency,
        amount_micros=amount_micros,
        at=at,
        reason=GOODWILL,
    )
    dates = ports.BucketDates(
        owner=owner,
        bucket=key,
        currency=found.currency,
        brand=found.brand,
        terms=terms.ref,
        bought_micros=amount_micros,
        balance_after_micros=before + amount_micros,
        available_from=at,
        first_expires_at=until,
        expires_at=until,
    )
    store.insert_bucket(dates)
    return dates
