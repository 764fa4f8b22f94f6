"""What balance needs from whatever keeps the dates of the credit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Whose credit, of which brand, in which currency."""

    owner: str
    brand: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketDates:
    """What is kept of a bucket beside its account in the ledger.

    balance_after_micros, first_expires_at: free credit and end of validity as the purchase left them, so that a repeated purchase is
    answered alike; expires_at: the end as later purchases extended it. expired_at: when that end was carried out.
    """

    owner: str
    bucket: str
    currency: str
    brand: str
    terms: str
    bought_micros: int
    balance_after_micros: int
    available_from: datetime
    first_expires_at: datetime
    expires_at: datetime
    expired_at: datetime | None = None


class Buckets(Protocol):
    """Wallets and buckets, inside the caller's transaction."""

    def wallet(self, owner: str) -> Wallet | None: ...
    def insert_wallet(self, wallet: Wallet, at: datetime) -> None: ...
    def bucket(self, owner: str, bucket: str) -> BucketDates | None: ...
    def ever_bought(self, owner: str) -> bool:
        """Whether the owner has or had a bucket."""
        ...

    def of(self, owner: str) -> tuple[BucketDates, ...]:
        """The owner's buckets that have not been expired."""
        ...

    def due(self, at: datetime, limit: int) -> tuple[BucketDates, ...]:
        """Buckets whose validity is over at that instant and that have not been expired, the oldest first."""
        ...

    def insert_bucket(self, dates: BucketDates) -> None: ...
    def extend(
        self, owner: str, bucket: str, *, expires_at: datetime, purchase: str, clause: str, terms: str, at: datetime
    ) -> None:
        """Set the new end and add a row to the bucket's history."""
        ...

    def mark_expired(self, owner: str, bucket: str, at: datetime) -> None: ...
