"""The JSON of receipts, mails, cases, calls in progress, devices and automatic top-up."""

from __future__ import annotations

from cadran.web.api.shapes import Instant, Shape


class Receipt(Shape):
    """A receipt. Amounts include VAT; those of a refund are less than zero, and `corrects` is the receipt that it answers to."""

    number: str
    kind: str
    order: str
    corrects: str | None
    amount_micros: int
    vat_micros: int
    currency: str
    means: str
    paid_at: Instant
    issued_at: Instant


class Receipts(Shape):
    """The receipts."""

    receipts: list[Receipt]


class ReceiptFile(Shape):
    """The receipt as a file: `content` is PDF in base64."""

    file_name: str
    media_type: str
    content: str


class Mail(Shape):
    """A mail that was sent to the customer, without its words."""

    id: str
    kind: str
    subject: str
    language: str
    state: str
    queued_at: Instant
    ended_at: Instant | None


class Mails(Shape):
    """The mails."""

    mails: list[Mail]


class Case(Shape):
    """A report of abuse or of lost codes, with its tracking number and the instant by which the operator answers."""

    number: str
    kind: str
    state: str
    clause: str
    opened_at: Instant
    due_at: Instant
    closed_at: Instant | None


class Cases(Shape):
    """The cases."""

    cases: list[Case]


class CallInProgress(Shape):
    """A call in progress, with what it costs so far."""

    session: str
    destination: str
    number_class: str
    answered: bool
    seconds: int
    cost_micros: int
    currency: str
    granted_s: int | None


class CallsInProgress(Shape):
    """The calls in progress."""

    calls: list[CallInProgress]


class Device(Shape):
    """A device that is registered: what it said of itself, and until when."""

    id: int
    username: str
    agent: str
    since: Instant | None
    expires_at: Instant


class Devices(Shape):
    """The devices that are registered."""

    devices: list[Device]


class AutomaticTopUp(Shape):
    """Credit bought by itself: when less than `threshold_micros` is left, `amount_micros`, at most `cap_micros` a month. `state` is
    `none` where it was never agreed."""

    state: str
    threshold_micros: int
    amount_micros: int
    cap_micros: int
    card: str
    agreed_at: Instant | None
