"""The JSON of calling by access numbers: the numbers, contacts and their keys, the PIN, prepared calls, the choice of the minute."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints

from cadran.web.api.shapes import CONTROL_FREE, Asked, Instant, Shape
from cadran.web.api.shapes_customer import PasswordAsked

Typed = Annotated[
    str,
    StringConstraints(min_length=2, max_length=40, pattern=CONTROL_FREE),
    Field(examples=["+33612345678"]),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=CONTROL_FREE)]
Note = Annotated[str, StringConstraints(max_length=200, pattern=CONTROL_FREE)]
SpeedKey = Annotated[int, Ge(1), Le(99), Strict()]
SpokenDigits = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["135790"], json_schema_extra={"writeOnly": True})
]
PinDigits = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4,8}$"), Field(examples=["7305"], json_schema_extra={"writeOnly": True})
]
Book = Annotated[str, StringConstraints(min_length=1, max_length=1_500_000)]


class AccessNumber(Shape):
    """A number to dial before the correspondent's. `opens_at` may be still to come; `closes_at` is null while no end is known."""

    number: str
    country: str
    place: str
    language: str
    service: str
    opens_at: Instant
    closes_at: Instant | None


class AccessNumbers(Shape):
    """The access numbers of the brand. `notice` is to be shown before a customer calls one: the operator of the telephone may bill
    that call; null where the terms ask for no notice. `notice_clause` is its clause."""

    access_numbers: list[AccessNumber]
    notice: str | None
    notice_clause: str | None


class CallingNumber(Shape):
    """A number by which the account is recognised on access numbers."""

    number: str
    verified_at: Instant


class CallingNumbers(Shape):
    """The numbers by which the account is recognised, the first registered first."""

    calling_numbers: list[CallingNumber]


class CallingNumberAsked(Asked):
    """A telephone to be proved: a code is spoken on it. `language` of the voice."""

    number: Typed
    language: Literal["fr", "en"] = "fr"


class NumberProof(Shape):
    """A code that was spoken on a number. `state`: waiting, proved (another account has the number: claim it), used, tried-out,
    expired. `heard`: what became of the call that spoke it (rings, speaks, spoken, busy, no-answer, unreachable); null where nothing
    is known."""

    id: str
    number: str
    means: str
    state: str
    heard: str | None
    tries_left: int
    asked_at: Instant
    expires_at: Instant


class SpokenCodeAsked(Asked):
    """The six digits that were heard."""

    code: SpokenDigits


class Contact(Shape):
    """Somebody whom the account calls. `key`: speed dial on access numbers, null without one."""

    id: str
    name: str
    number: str
    note: str
    key: int | None
    created_at: Instant
    changed_at: Instant


class Contacts(Shape):
    """Contacts by name."""

    contacts: list[Contact]
    next: str | None = None


class ContactAsked(Asked):
    """A contact as it is to be. `number` as dialled in the customer's country, or with +."""

    name: Name
    number: Typed
    note: Note = ""
    key: SpeedKey | None = None


class ContactUse(Shape):
    """What the calls to a contact came to: the newest 20 000 calls of the account are counted."""

    calls: int
    answered: int
    seconds: int
    micros: int
    currency: str


class BookAsked(Asked):
    """An address book: the text of a vCard file, or of a CSV file whose first line names the columns."""

    content: Book


class BookTaken(Shape):
    """What became of an address book. `unread`: what could not be read, the first of them."""

    added: int
    there: int
    unread_count: int
    unread: list[str]


class SpeedDialKey(Shape):
    """A speed-dial key and who stands behind it."""

    key: int
    contact: Contact


class SpeedDial(Shape):
    """The keys that call somebody, in order."""

    keys: list[SpeedDialKey]


class SpeedDialAsked(Asked):
    """Who is to stand behind a key, in place of who stood there."""

    contact: Annotated[str, StringConstraints(pattern=r"^con_[a-z0-9]{1,40}$")]


class PinState(Shape):
    """Whether the account has a PIN. `state`: none, set or locked."""

    state: str
    changed_at: Instant | None
    locked_at: Instant | None


class PinAsked(PasswordAsked):
    """A new PIN, which also opens a locked one."""

    pin: PinDigits


class MinuteChoice(Shape):
    """How calls to national numbers are counted: by the second for consumers, unless they asked for the minute. `offered` is false
    where there is no such choice."""

    by_minute: bool
    offered: bool
    chosen_at: Instant | None


class MinuteAsked(Asked):
    """The minute, or the second."""

    by_minute: Annotated[bool, Strict()]


class PreparedCallAsked(Asked):
    """Whom the next call goes to. `calling`: from which of the account's calling numbers; may be left out where there is one alone."""

    destination: Typed
    calling: Typed | None = None


class PreparedCall(Shape):
    """A call that is prepared: call an access number from `calling` before `expires_at`, and it goes straight to `destination`."""

    id: str
    calling: str
    destination: str
    prepared_at: Instant
    expires_at: Instant


class PreparedCalls(Shape):
    """The calls that are prepared now."""

    prepared_calls: list[PreparedCall]
