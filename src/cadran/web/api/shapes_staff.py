"""The JSON of the back office."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cadran.web.api.shapes import (
    CONTROL_FREE,
    MOST_MICROS,
    Acceptance,
    Account,
    Asked,
    Balance,
    Call,
    Identifier,
    Instant,
    Number,
    Order,
    Shape,
    SipIdentity,
)

Reason = Annotated[str, StringConstraints(min_length=8, max_length=200, pattern=CONTROL_FREE)]


class Customer(Shape):
    """A customer. `personal` is false where the key may not see personal data: then names and address are masked."""

    account: str
    brand: str
    kind: str
    display_name: str
    username: str
    email: str
    language: str
    country: str
    state: str
    state_reason: str
    currency: str
    terms: str
    created_at: Instant
    validated_at: Instant | None
    personal: bool


class Customers(Shape):
    """A page of customers."""

    customers: list[Customer]
    next: str | None


class CustomerPage(Shape):
    """Everything about one customer on one page."""

    customer: Customer
    balance: Balance
    sip: list[SipIdentity]
    numbers: list[Number]
    acceptances: list[Acceptance]
    orders: list[Order]


class ChangeAsked(Asked):
    """Which codes the customer must change, and why."""

    site: bool
    sip: bool
    reason: Reason


class ReasonAsked(Asked):
    """Why."""

    reason: Reason


class StaffCalls(Shape):
    """A page of the brand's calls."""

    calls: list[Call]
    next: str | None


class LiveCall(Shape):
    """A call in progress. `used_s`: seconds measured at the last heartbeat, 0 before the answer."""

    session: str
    account: str
    direction: str
    number_class: str
    destination: str
    opened_at: Instant
    granted_s: int | None
    used_s: int
    held_micros: int
    currency: str


class LiveCalls(Shape):
    """The calls in progress."""

    calls: list[LiveCall]


class Sum(Shape):
    """The sum of one currency."""

    currency: str
    micros: int


class Books(Shape):
    """The sum of all postings of each currency: zero, always."""

    sums: list[Sum]
    balanced: bool


class UnmatchedReceipt(Shape):
    """Money that found no order."""

    bank_reference: str
    amount_micros: int
    currency: str
    remittance: str
    booked_at: Instant
    because: str


class UnmatchedReceipts(Shape):
    """Money that found no order."""

    receipts: list[UnmatchedReceipt]


class AdjustmentAsked(Asked):
    """Credit to give or to take back, with the reason. Above the brand's limit a second person approves."""

    kind: Literal["give-credit", "take-credit"]
    account: Account
    amount_micros: Annotated[int, Field(ge=1, le=MOST_MICROS)]
    reason: Reason


class RefundAsked(Asked):
    """A payment to refund, with the reason. Above the brand's limit a second person approves."""

    account: Account
    order: Identifier
    amount_micros: Annotated[int, Field(ge=1, le=MOST_MICROS)]
    reason: Reason


class Adjustment(Shape):
    """A proposal to move money, and how it stands."""

    id: str
    kind: str
    account: str
    order: str | None
    amount_micros: int
    currency: str
    reason: str
    state: str
    alone: bool
    proposed_at: Instant
    proposed_by: str
    note: str


class Adjustments(Shape):
    """The proposals."""

    adjustments: list[Adjustment]


class Entry(Shape):
    """An entry of the evidence. `state`: readable, erased, missing or altered; `seal` 0: not sealed yet."""

    id: str
    at: Instant
    kind: str
    subject: str
    ref: str
    state: str
    text: str
    seal: int
    witnessed_at: Instant | None


class Entries(Shape):
    """A page of entries."""

    entries: list[Entry]
    next: str | None


class EvidenceStatus(Shape):
    """How far what is on record is sealed and witnessed."""

    entries: int
    seals: int
    head: str
    sealed_at: Instant | None
    unsealed: int
    unwitnessed: int
    witnessed_at: Instant | None
