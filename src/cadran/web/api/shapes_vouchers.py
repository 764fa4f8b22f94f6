"""The JSON of vouchers: redeemed by customers, made and blocked by staff. No code of a voucher ever goes out."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints

from cadran.payment.vouchers.rules import MOST_IN_BATCH
from cadran.web.api.shapes import CONTROL_FREE, MOST_MICROS, Asked, Instant, Shape
from cadran.web.api.shapes_staff import Reason

Code = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=CONTROL_FREE),
    Field(examples=["0610 6699 2028 3170"], json_schema_extra={"writeOnly": True}),
]
Serial = Annotated[str, StringConstraints(min_length=8, max_length=30, pattern=CONTROL_FREE)]
Place = Annotated[int, Ge(1), Le(MOST_IN_BATCH), Strict()]


class CodeAsked(Asked):
    """The code of a voucher: sixteen digits, however they are spaced."""

    code: Code


class VoucherRedemption(Shape):
    """A voucher that the account redeemed. `state`: credited, or claimed while the credit is on its way. `balance_micros` (the whole
    credit then) and `expires_at` are null until it is there."""

    id: str
    serial: str
    amount_micros: int
    currency: str
    state: str
    redeemed_at: Instant
    balance_micros: int | None
    expires_at: Instant | None


class VoucherRedemptions(Shape):
    """The vouchers of the account, newest first."""

    vouchers: list[VoucherRedemption]


class VoucherCount(Shape):
    """How many vouchers are in a state: made, issued, claimed, redeemed, blocked, expired."""

    state: str
    count: int


class VoucherBatch(Shape):
    """A batch of vouchers. `state`: proposed, making, ready (its sheets wait to be taken), taken, dropped."""

    id: str
    brand: str
    series: str
    number: int
    face_micros: int
    currency: str
    count: int
    made: int
    state: str
    expires_at: Instant
    terms: str
    reason: str
    replaces: str | None
    proposal: str | None
    proposed_by: str
    proposed_at: Instant
    taken_by: str | None
    taken_at: Instant | None
    states: list[VoucherCount]


class VoucherBatches(Shape):
    """The batches, newest first."""

    batches: list[VoucherBatch]
    next: str | None


class VoucherBatchAsked(Asked):
    """A batch to make. `face_micros`: one of the values that the terms offer; `valid_days`: 0 for as long as the terms allow."""

    series: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,6}$")]
    face_micros: Annotated[int, Ge(1), Le(MOST_MICROS), Strict()]
    count: Annotated[int, Ge(1), Le(MOST_IN_BATCH), Strict()]
    valid_days: Annotated[int, Ge(0), Le(3650), Strict()] = 0
    reason: Reason


class VoucherRangeAsked(Asked):
    """Vouchers of a batch from one place in it to another, and why."""

    first: Place
    last: Place
    reason: Reason


class VoucherDeed(Shape):
    """What was done to vouchers of a batch. `kind`: issued, blocked, expired; `micros`: what is owed to holders moved by so much."""

    id: str
    batch: str
    kind: str
    first: int
    last: int
    count: int
    micros: int
    reason: str
    by: str
    at: Instant


class Voucher(Shape):
    """One voucher, by its serial. `account`: who redeemed it."""

    serial: str
    batch: str
    place: int
    state: str
    account: str | None
    face_micros: int
    currency: str
    expires_at: Instant
    deeds: list[VoucherDeed]


class VoucherFigures(Shape):
    """What vouchers were worth when issued, what of it was redeemed, what ended, and what is still owed to holders."""

    currency: str
    issued_micros: int
    redeemed_micros: int
    ended_micros: int
    outstanding_micros: int
    states: list[VoucherCount]
