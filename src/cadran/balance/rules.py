"""When credit is valid, which credit is used first, and why it is not paid back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units import period
from cadran.units.clause import carries
from cadran.units.errors import CadranError


class UnknownExtension(CadranError):
    """`credit.extension_from` of the terms is neither purchase nor expiry."""

    error_id = "balance-extension-unknown"


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Credit of one purchase. Valid from available_from (included) to expires_at (excluded), aware UTC.

    balance_micros: not yet consumed; held_micros: of that, what calls in progress hold.
    """

    owner: str
    bucket: str
    currency: str
    available_from: datetime
    expires_at: datetime
    balance_micros: int
    held_micros: int = 0

    @property
    def free_micros(self) -> int:
        """What is neither consumed nor held."""
        return self.balance_micros - self.held_micros

    def valid(self, at: datetime) -> bool:
        return self.available_from <= at < self.expires_at


class Part(msgspec.Struct, frozen=True):
    """How much of one bucket a hold takes."""

    bucket: str
    micros: int


@carries("IPP-9.2-180-days")
def purchase_expiry(terms: Terms, available_from: datetime) -> datetime:
    """The first instant at which credit bought then is no longer valid: 24:00, in the terms' civil zone, of the day that lies
    `credit.validity_days` after the day of its availability."""
    return _end_of_day_after(terms, available_from)


@carries("IPP-9.2-180-days")
def extended_expiry(terms: Terms, bucket: Bucket, purchased_at: datetime) -> datetime:
    """Until when a bucket is valid after a further purchase at that instant.

    Credit that is consumed, or expired at that instant, keeps its end. The rest is extended from the purchase, or from its old end, as
    `credit.extension_from` says; never shortened. Raises UnknownExtension.
    """
    if bucket.balance_micros <= 0 or bucket.expires_at <= purchased_at:
        return bucket.expires_at
    start = terms.text("credit.extension_from")
    if start == "purchase":
        return max(bucket.expires_at, _end_of_day_after(terms, purchased_at))
    if start == "expiry":
        return max(bucket.expires_at, _end_of_day_after(terms, bucket.expires_at - timedelta(microseconds=1)))
    source = terms.value("credit.extension_from").source
    raise UnknownExtension(f"credit.extension_from of {terms.ref} is purchase or expiry, not {start!r} ({source})")


def in_order_of_use(buckets: Sequence[Bucket], at: datetime) -> tuple[Bucket, ...]:
    """The buckets valid at that instant with something free: what expires first is used first, then what was bought first."""
    usable = [bucket for bucket in buckets if bucket.valid(at) and bucket.free_micros > 0]
    if len(usable) > 1:
        usable.sort(key=lambda bucket: (bucket.expires_at, bucket.available_from, bucket.bucket))
    return tuple(usable)


def spread(amount_micros: int, buckets: Sequence[Bucket]) -> tuple[Part, ...]:
    """Take an amount from the buckets in the order given; empty when together they have less."""
    parts, left = [], amount_micros
    for bucket in buckets:
        if left <= 0:
            break
        part = min(left, bucket.free_micros)
        parts.append(Part(bucket.bucket, part))
        left -= part
    return () if left > 0 else tuple(parts)


@carries("IPP-9.2-no-refund")
def refund_decision(terms: Terms, amount_micros: int) -> Decision:
    """Whether prepaid credit is paid back on request. Withdrawal within its legal period is another right."""
    refundable = terms.flag("credit.refundable")
    return Decision(
        allowed=refundable,
        clause=terms.clause("credit.refundable"),
        terms=terms.ref,
        code="credit-refundable" if refundable else "credit-not-refundable",
        fr=(
            "Le crédit prépayé peut être remboursé."
            if refundable
            else "Le crédit prépayé n'est pas remboursable, quel qu'en soit le motif, hors droit légal de rétractation."
        ),
        en=(
            "Prepaid credit can be refunded."
            if refundable
            else "Prepaid credit is not refundable for any reason, the statutory right of withdrawal aside."
        ),
        inputs={"amount_micros": amount_micros},
    )


def _end_of_day_after(terms: Terms, at: datetime) -> datetime:
    zone = terms.text("credit.zone")
    return period.end_of_civil_day(
        period.civil_day(at, zone) + timedelta(days=terms.integer("credit.validity_days")), zone
    )
