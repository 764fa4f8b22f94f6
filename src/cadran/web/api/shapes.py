"""The JSON that goes in and out. What comes in is strict: no unknown field, no number as text, no character of control."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Le
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import CoreSchema

MOST_LIMIT = 100
MOST_MICROS = 10**13
CONTROL_FREE = r"^[^\u0000-\u001f\u007f]*$"

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


def _read_instant(text: object) -> object:
    if isinstance(text, datetime):
        return text
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise ValueError("write an instant as 2026-03-01T10:00:00Z")
    try:
        found = datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text.upper()))
    except ValueError as error:
        raise ValueError("write an instant as 2026-03-01T10:00:00Z") from error
    if found.year < 1970:  # nothing was before, and nothing is counted after: the edges stand for what lies beyond
        return datetime(1970, 1, 1, tzinfo=UTC)
    return found.astimezone(UTC) if found.year <= 9000 else datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Says:
    """What the document adds to a type. (pydantic's Field would do, were it not for ninja, which takes it for the whole parameter.)"""

    more: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), **self.more}


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_read_instant, json_schema_input_type=str),
    Says({"format": "date-time", "examples": ["2026-03-01T10:00:00Z"]}),
]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", max_length=64)]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")]
Account = Annotated[str, StringConstraints(pattern=r"^A[0-9]{6,12}$")]
Cursor = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_:.-]*$", max_length=400),
    Says({"format": "cadran-cursor", "description": "`next` of the page before."}),
]
Limit = Annotated[int, Ge(1), Le(MOST_LIMIT), Says({"description": "At most so many rows."})]
RowId = Annotated[int, Ge(1), Le(2**53)]
Language = Literal["fr", "en"]
S = TypeVar("S", bound="Shape")


class Shape(BaseModel):
    """Something that goes out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def of(kind: type[S], found: object, /, **more: Any) -> S:
    """A room's value as that shape: its fields of the same names, and `more` for those that are called otherwise."""
    return kind(**{name: more[name] if name in more else getattr(found, name) for name in kind.model_fields})


class Asked(BaseModel):
    """Something that comes in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FormAsked(BaseModel):
    """The fields of a form that comes with files: text, as forms have it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Brand(Shape):
    """The brand that this host serves."""

    key: str
    name: str
    legal_name: str
    currency: str
    zone: str
    languages: list[str]
    registration_open: bool
    terms: str


class OfferedDocument(Shape):
    """A document in force: what a customer ticks. `sha256` is the hash of exactly the text that is shown."""

    document: str
    ref: str
    sha256: str
    language: str


class Documents(Shape):
    """The documents in force."""

    documents: list[OfferedDocument]


class TermsText(Shape):
    """One version of the terms: its text in Markdown, and its hash."""

    ref: str
    effective_from: str
    language: str
    text: str
    sha256: str


class Price(Shape):
    """What a call costs. `price_nanos_per_minute`: billionths of the currency."""

    prefix: str
    destination: str
    price_nanos_per_minute: int
    first_s: int
    next_s: int
    connection_micros: int
    minimum_micros: int
    currency: str
    tax: str
    deck: str
    deck_version: str


class Prices(Shape):
    """Prices, at an instant."""

    prices: list[Price]
    at: Instant


class Me(Shape):
    """The customer that the key acts for."""

    account: str
    brand: str
    kind: str
    display_name: str
    username: str
    email: str
    language: str
    country: str
    state: str
    currency: str
    terms: str
    customer_since: Instant | None
    raised_duration: bool


class ThisKey(Shape):
    """The key of this very request."""

    prefix: str
    label: str
    test: bool
    brand: str
    account: str | None
    staff: str | None
    scopes: list[str]
    expires_at: Instant


class Bucket(Shape):
    """Credit of one purchase, with the instant at which it ends."""

    id: str
    balance_micros: int
    held_micros: int
    currency: str
    available_from: Instant
    expires_at: Instant


class Owing(Shape):
    """What a postpaid account may owe at most, owes, and what calls in progress hold beyond that."""

    limit_micros: int
    owed_micros: int
    held_micros: int


class Balance(Shape):
    """What can be used, what calls hold of it, and the buckets in order of use. `credit_line`: null for who pays before."""

    account: str
    currency: str
    balance_micros: int
    held_micros: int
    free_micros: int
    buckets: list[Bucket]
    credit_line: Owing | None


class Minutes(Shape):
    """How long the free credit lasts to a destination, by today's price; `seconds` is what one call may last at most."""

    number: str
    number_class: str
    free: bool
    seconds: int | None
    price: Price | None


class Decision(Shape):
    """An answer of the contract, with its clause and the version of the terms."""

    allowed: bool
    clause: str
    terms: str
    code: str
    fr: str
    en: str
    inputs: dict[str, str | int | bool | None]


class Call(Shape):
    """One call detail record."""

    id: str
    account: str
    direction: str
    number_class: str
    destination: str
    shown: str
    authorised_at: Instant
    answered_at: Instant | None
    ended_at: Instant
    disposition: str
    ended_by: str
    charged_s: int
    charge_micros: int
    currency: str
    clause: str
    terms: str
    corrects: str | None
    family: str | None
    via: str
    increments: str | None


class Calls(Shape):
    """A page of calls."""

    calls: list[Call]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class LedgerLeg(Shape):
    """An entry of the ledger."""

    transfer: str
    kind: str
    account: str
    amount_micros: int
    currency: str
    at: Instant


class Correction(Shape):
    """A record that corrects another."""

    id: str
    charge_micros: int
    reason: str


class Why(Shape):
    """Why a call was allowed, cut and charged as it was: decision, rate, arithmetic, clause, entries; in words as well."""

    call: Call
    decision: dict[str, object]
    price: dict[str, object]
    measured_ms: int
    granted_s: int | None
    limit_s: int | None
    limit_clause: str
    loss_s: int
    loss_micros: int
    ledger: list[LedgerLeg]
    corrections: list[Correction]
    lines_fr: list[str]
    lines_en: list[str]


class Movement(Shape):
    """What the credit gained, or paid where it is less than zero."""

    transfer: str
    at: Instant
    amount_micros: int
    currency: str
    reason: str


class Movements(Shape):
    """A page of movements."""

    movements: list[Movement]
    next: str | None


class Transfer(Shape):
    """Where to send a bank transfer, and the reference that it must bear."""

    holder: str
    iban: str
    bic: str
    reference: str


class Order(Shape):
    """An order of credit. `checkout_url`: the card provider's page, while it is open; `transfer`: where a bank transfer goes."""

    id: str
    account: str
    amount_micros: int
    currency: str
    means: str
    state: str
    decision: Decision
    placed_at: Instant
    paid_at: Instant | None
    checkout_url: str | None
    transfer: Transfer | None


class Orders(Shape):
    """A page of orders."""

    orders: list[Order]
    next: str | None


class OrderAsked(Asked):
    """A wish to buy credit: one of the amounts that the terms offer."""

    amount_micros: Annotated[int, Field(ge=1, le=MOST_MICROS, examples=[10_000_000])]


class TopUpChoice(Shape):
    """An amount on offer, and how it would be paid."""

    amount_micros: int
    means: str


class TopUpChoices(Shape):
    """The amounts on offer now, and how each would be paid."""

    currency: str
    choices: list[TopUpChoice]
    validity_days: int
    monthly_card_limit_micros: int


class SipIdentity(Shape):
    """A SIP user."""

    username: str
    state: str
    changed_at: Instant


class SipIdentities(Shape):
    """The SIP users of the account, and where their phones register."""

    identities: list[SipIdentity]
    server: str
    realm: str


class SipPasswordAsked(Asked):
    """The SIP password from now on."""

    password: Annotated[
        str,
        StringConstraints(min_length=1, max_length=64, pattern=CONTROL_FREE),
        Field(examples=["k7mq-x3dw-p9ra-t4hv"], json_schema_extra={"writeOnly": True}),
    ]


class Number(Shape):
    """A number of the account, or one that it verified."""

    digits: str
    kind: str
    country: str
    sip_username: str
    from_at: Instant
    shown: bool


class Numbers(Shape):
    """The numbers."""

    numbers: list[Number]


class Preferences(Shape):
    """`raised_duration`: calls may last longer than an hour; `longest_call_s` is what follows from it. Below `low_credit_micros` of
    credit a mail warns, 0 for never; `low_credit_choices` are those on offer."""

    raised_duration: bool
    longest_call_s: int | None
    language: str
    low_credit_micros: int
    low_credit_choices: list[int]


class PreferencesAsked(Asked):
    """What is left out stays as it is."""

    raised_duration: bool | None = None
    language: Language | None = None
    low_credit_micros: Annotated[int, Field(ge=0, le=MOST_MICROS)] | None = None


class Acceptance(Shape):
    """A document that the customer accepted, in its version."""

    document: str
    ref: str
    sha256: str
    language: str
    at: Instant
    ip: str


class Acceptances(Shape):
    """The documents that were accepted."""

    acceptances: list[Acceptance]
