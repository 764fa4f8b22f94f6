"""The JSON of the back office's desks: documents under review, cases, the log of staff, search, evidence."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Strict, StringConstraints

from cadran.compliance.rules import MAX_TEXT
from cadran.party.documents.rules import MAX_NOTE
from cadran.party.documents.rules import Reason as RefusalReason
from cadran.web.api.shapes import Asked, Instant, Shape

WRITTEN = r"^[^\u0000-\u0008\u000b-\u001f\u007f]*$"
Written = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=WRITTEN)]


class IdentityDocumentFile(Shape):
    """One side as it is kept."""

    side: str
    media_type: str
    pages: int
    size: int


class IdentityDocument(Shape):
    """An identity document: both sides, and how it stands. `reason` and `note` are what the customer reads of a refusal."""

    id: str
    account: str
    kind: str
    expires_on: date
    state: str
    reason: str
    note: str
    submitted_at: Instant
    reviewed_at: Instant | None
    reviewed_by: str
    erase_on: date | None
    erased_at: Instant | None
    files: list[IdentityDocumentFile]


class IdentityDocuments(Shape):
    """The identity documents."""

    documents: list[IdentityDocument]


class IdentityDocumentSide(Shape):
    """One side in clear: `content` is the picture or PDF in base64. Who opened it is logged."""

    media_type: str
    content: str


class RefusalAsked(Asked):
    """Why a document is refused: the customer reads the reason in words, and the note."""

    reason: Annotated[RefusalReason, Strict(False)]
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE, pattern=WRITTEN)] = ""


class StaffCase(Shape):
    """A case as staff sees it. `late`: it waits past its deadline."""

    number: str
    kind: str
    state: str
    account: str
    brand: str
    channel: str
    blocked: list[str]
    clause: str
    opened_at: Instant
    due_at: Instant
    closed_at: Instant | None
    late: bool


class StaffCases(Shape):
    """The cases."""

    cases: list[StaffCase]


class CaseEntry(Shape):
    """One thing said in a case, by the customer, the operator (`by` names the person) or the system."""

    author: str
    by: str
    text: str
    at: Instant


class CasePage(Shape):
    """A case, and what was said in it."""

    case: StaffCase
    entries: list[CaseEntry]


class AnswerAsked(Asked):
    """What the customer reads."""

    text: Written


class ClosingAsked(Asked):
    """A last word, if there is one."""

    text: Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=WRITTEN)] = ""


class Act(Shape):
    """Something that staff saw or did."""

    id: int
    staff: str
    role: str
    kind: str
    account: str
    subject: str
    page: str
    reason: str
    at: Instant
    ip: str


class Acts(Shape):
    """A page of the log."""

    acts: list[Act]
    next: str | None


class Member(Shape):
    """A member of staff. `brands` empty: all of them."""

    user_name: str
    email: str
    role: str
    permissions: list[str]
    brands: list[str]
    active: bool
    second_factor: bool
    created_at: Instant


class Members(Shape):
    """The staff."""

    members: list[Member]


class Found(Shape):
    """One thing that fits: `ref` is the account, the digits or the id by which it is read."""

    kind: str
    ref: str
    words: str
    more: str
    account: str
    exact: bool
    how: str


class FoundList(Shape):
    """What was found."""

    found: list[Found]


class Fault(Shape):
    """One thing that is not as it was put on record."""

    code: str
    where: str
    what: str


class VerificationReport(Shape):
    """What the verification of all evidence counted, and each fault by name. `ok`: it is whole."""

    ok: bool
    entries: int
    readable: int
    erased: int
    unsealed: int
    seals: int
    unwitnessed: int
    witnessed_at: Instant | None
    faults: list[Fault]


class EvidenceFile(Shape):
    """Entries with their proof, as the stand-alone check reads them: save `file` as JSON, and run the check on it."""

    file: dict[str, Any]
    check: str


class NoteAsked(Asked):
    """A note for colleagues."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=WRITTEN)]
