"""The JSON of registration, sign-in and codes, reports and cases, terms to approve, closing."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, Strict, StringConstraints

from cadran.compliance.rules import MAX_TEXT, Lost
from cadran.party.documents.rules import Kind as DocumentKind
from cadran.party.rules import CustomerKind, Document
from cadran.web.api.shapes import CONTROL_FREE, Asked, FormAsked, Instant, Language, Shape
from cadran.web.api.shapes_desk import WRITTEN, Written
from cadran.web.api.shapes_papers import Case
from cadran.web.api.shapes_setup import Hash, TextChange, ValueChange

Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=CONTROL_FREE),
    Field(examples=["vent-du-large-29"], json_schema_extra={"writeOnly": True}),
]
Email = Annotated[str, StringConstraints(min_length=3, max_length=254, pattern=CONTROL_FREE)]
Short = Annotated[str, StringConstraints(max_length=80, pattern=CONTROL_FREE)]
Ref = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}/[A-Za-z0-9._-]{1,60}$")]
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._=-]{20,400}$")]
LinkToken = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:=-]{1,600}$")]
UserName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=CONTROL_FREE)]


class Needs(Shape):
    """What the brand asks of a new customer, besides names, address, codes and country. `sides`: of an identity document, after the
    registration itself; the documents to accept are read at `/documents`."""

    open: bool
    phone: bool
    sip_line: bool
    companies: bool
    sides: int
    minimum_age: int
    company_certifies: list[str]
    closed_countries: list[str]
    accepts: list[str]


class AcceptedDocument(Asked):
    """A document that was read and ticked: its version and the hash of exactly the text that was shown."""

    document: Annotated[Document, Strict(False)]
    ref: Ref
    sha256: Hash


class RegistrationAsked(Asked):
    """A whole registration. `adult`: whoever registers certifies the age, or for a company the capacity to bind it."""

    email: Email
    user_name: UserName
    password: Password
    sip_password: Annotated[
        str, StringConstraints(max_length=64, pattern=CONTROL_FREE), Field(json_schema_extra={"writeOnly": True})
    ] = ""
    kind: Annotated[CustomerKind, Strict(False)] = CustomerKind.PERSON
    name: Short
    first_names: Short
    company: Short = ""
    siren: Short = ""
    vat_number: Short = ""
    phone: Short = ""
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "FR"
    language: Language = "fr"
    adult: bool
    solvent: bool = False
    accepted: Annotated[list[AcceptedDocument], Field(max_length=10)]


class OnboardingAsked(RegistrationAsked):
    """A registration that a site of the operator's own took; `ip`: where the customer was, which is kept with what was accepted."""

    ip: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:]{3,45}$")]


class RegistrationMade(Shape):
    """The registration is taken: a link was sent to the address. `registration` names it from now on: keep it as a password. It says
    the same whether the address was free or not."""

    registration: str


class RegistrationRead(Asked):
    """Which registration it is."""

    registration: Token


class GivenDocument(Shape):
    """An identity document that was given. Refused: `reason` is one of a list, `note` what the operator wrote."""

    id: str
    kind: str
    state: str
    reason: str
    note: str
    expires_on: date
    submitted_at: Instant
    reviewed_at: Instant | None
    erased_at: Instant | None


class GivenDocuments(Shape):
    """The identity documents that were given."""

    documents: list[GivenDocument]


class RegistrationState(Shape):
    """Where a registration stands: registered, active or ended; what is still missing, and the last identity document given.
    `account` is null before the services are open."""

    state: str
    missing: list[str]
    sides: int
    document: GivenDocument | None
    account: str | None


class DocumentForm(FormAsked):
    """Which document the files are, and its last day."""

    registration: Token
    kind: DocumentKind
    expires_on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class ConfirmationAsked(Asked):
    """The last part of the link that was sent."""

    key: LinkToken


class Confirmed(Shape):
    """The address is proved; `state` of the account follows from it."""

    email: str
    state: str


class PasswordAsked(Asked):
    """The site password, which proves that it is the customer in person."""

    password: Password


class EmailAsked(PasswordAsked):
    """The new address; the link that is sent there makes it the account's."""

    email: Email


class NewPasswordAsked(PasswordAsked):
    """The password of now, and the one from now on."""

    new_password: Password


class SignIn(Shape):
    """A browser in which the customer is signed in: as it names itself, and the beginning of its address."""

    id: int
    agent: str
    address: str
    opened_at: Instant
    seen_at: Instant


class SignIns(Shape):
    """The browsers signed in."""

    sign_ins: list[SignIn]


class Keeping(Shape):
    """What is kept after the closing for one purpose, under which clause and source, and until when."""

    purpose: str
    clause: str
    source: str
    delete_at: Instant


class Closing(Shape):
    """What closing the account means today. `lost_micros`: the credit that is lost and not paid back, as the terms say; `in_the_way`:
    call or order, while one is open."""

    lost_micros: int
    currency: str
    numbers: list[str]
    sip_users: list[str]
    in_the_way: list[str]
    keeping: list[Keeping]


class ClosingWish(PasswordAsked):
    """The word that confirms: FERMER or CLOSE."""

    word: Literal["FERMER", "CLOSE"]


class Closed(Shape):
    """The account is closed: nothing of it works any more, this key included."""

    keeping: list[Keeping]


class ReportAsked(Asked):
    """Codes lost or stolen (`lost` says which), or the account used by somebody else, which blocks all."""

    kind: Literal["lost-codes", "abuse"]
    lost: Annotated[list[Annotated[Lost, Strict(False)]], Field(max_length=3)] = []
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=WRITTEN)] = ""


class OutsideReportAsked(ReportAsked):
    """The same by somebody who cannot sign in: nothing is blocked unless both belong to one account."""

    user_name: UserName
    email: Email


class CaseAsked(Asked):
    """A question or a request to the operator."""

    kind: Literal["data-access", "data-erasure", "billing", "other"]
    text: Written


class Message(Asked):
    """What the customer writes further."""

    text: Written


class OwnEntry(Shape):
    """One thing said in a case, by the customer, the operator or the system."""

    author: str
    text: str
    at: Instant


class OwnCase(Shape):
    """A case, and all that was said in it."""

    case: Case
    blocked: list[str]
    entries: list[OwnEntry]


class Followed(Shape):
    """How a case stands, and nothing of what was said in it."""

    number: str
    kind: str
    state: str
    due_at: Instant
    closed_at: Instant | None


class CaseNumberAsked(Asked):
    """Which case it is."""

    number: Annotated[str, StringConstraints(min_length=12, max_length=40, pattern=CONTROL_FREE)]


class TermsLine(Shape):
    """A version of the terms."""

    ref: str
    version: str
    title: str
    effective_from: date
    key_change: bool
    in_force: bool
    languages: list[str]


class TermsLines(Shape):
    """The versions of the terms."""

    versions: list[TermsLine]


class TermsDifference(Shape):
    """What a version of the terms changes in another: values by name, texts by line."""

    old: str
    new: str
    values: list[ValueChange]
    texts: list[TextChange]


class TermsToApprove(Shape):
    """The version that waits for the customer's approval, with the hash of its text; `asked` is false where none does."""

    asked: bool
    ref: str | None
    language: str | None
    text: str | None
    sha256: str | None
    difference: TermsDifference | None


class TermsApprovalAsked(Asked):
    """Exactly what was read: version, hash, language."""

    ref: Ref
    sha256: Hash
    language: Language
