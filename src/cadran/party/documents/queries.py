"""Reads of identity documents: plain frozen values, and the content of a file for staff alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import structlog
from django.db.models import QuerySet

from cadran.party import staff_queries
from cadran.party.documents import rules, strongbox
from cadran.party.documents.models import IdentityDocument, IdentityFile
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import midnight

log = structlog.get_logger()
PROOF = "identity-document"


class UnknownDocument(CadranError):
    """No document, or no file of one, under that id; or its files were erased."""

    error_id = "party-document-unknown"


class NotForYou(CadranError):
    """Somebody who is no member of staff asked to see an identity document."""

    error_id = "party-document-staff-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One side as it is kept: `side` is front or back, `media_type` image/jpeg or application/pdf, `size` in bytes."""

    side: str
    media_type: str
    pages: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One submission. `state`: awaiting, accepted, refused, superseded. `reason`: one of rules.Reason once refused, with the staff's
    `note`. `files` is empty once erased."""

    document_id: str
    customer_id: int
    account: str
    brand: str
    kind: str
    expires_on: date
    state: str
    reason: str
    note: str
    submitted_at: datetime
    reviewed_at: datetime | None
    reviewed_by: str
    erase_on: date | None
    erased_at: datetime | None
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A side in clear, for the member of staff who asked: give it with its type, never with a name of the customer's."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A document whose files go at that instant: the start of its day in the brand's zone."""

    document_id: str
    due_at: datetime


@carries("KRY-4.1-registration")
def sides_needed(terms: str) -> int:
    """How many sides of an identity document these terms ask for; 0 where they ask for none. Raises policy's UnknownTerms."""
    held = policy.terms(terms)
    asked = "account.validated_by" in held.values and PROOF in held.texts("account.validated_by")
    return held.integer("account.identity_sides") if asked else 0


def document(document_id: str) -> Document:
    """The document of that id. Raises UnknownDocument."""
    row = _rows().filter(public_id=document_id).first()
    if row is None:
        raise UnknownDocument("no such document")
    return _document(row)


def documents_of(*, customer_id: int) -> tuple[Document, ...]:
    """All that a customer gave, newest first."""
    return tuple(_document(row) for row in _rows().filter(customer_id=customer_id).order_by("-submitted_at", "-id"))


def awaiting_review(*, brand: str = "", limit: int = 100) -> tuple[Document, ...]:
    """What waits for a decision, oldest first."""
    rows = _rows().filter(state=rules.State.AWAITING.value, erased_at=None)
    rows = rows.filter(customer__brand=brand) if brand else rows
    return tuple(_document(row) for row in rows.order_by("submitted_at", "id")[:limit])


def awaiting_count(*, brand: str = "") -> int:
    """How many wait for a decision."""
    rows = IdentityDocument.objects.filter(state=rules.State.AWAITING.value, erased_at=None)
    return (rows.filter(customer__brand=brand) if brand else rows).count()


@carries("KRY-4.1-registration")
def open_file(*, document_id: str, side: str, by: int) -> Opened:
    """One side in clear, for the member of staff whose user id `by` is; every opening is logged.

    Raises NotForYou, UnknownDocument, strongbox.DocumentUnreadable.
    """
    staff = staff_queries.staff(by)
    if staff is None or not staff.may(Permission.REVIEW_DOCUMENTS):
        raise NotForYou("identity documents are opened by staff who review them")
    row = (
        IdentityFile.objects.select_related("document__customer")
        .filter(document__public_id=document_id, side=side)
        .first()
    )
    if row is None or not staff.serves(row.document.customer.brand):
        raise UnknownDocument("no such file, or it was erased")
    log.info("identity-document-opened", document=document_id, side=side, by=staff.user_name)
    held = row.document
    key = strongbox.unwrap(held.sealed_key, held.master, held.public_id)
    content = strongbox.read(row.stored, key=key, document=held.public_id, side=row.side)
    return Opened(media_type=row.media_type, content=content)


def next_erasure() -> datetime | None:
    """When the next files are erased; None when no day is set."""
    return min((one.due_at for one in due_for_erasure()), default=None)


def due_for_erasure(*, limit: int = 500) -> tuple[Erasure, ...]:
    """The documents whose day of erasure is set, earliest first."""
    rows = IdentityDocument.objects.filter(erased_at=None, erase_on__isnull=False).order_by("erase_on", "id")
    found = [
        Erasure(
            document_id=public_id,
            due_at=midnight(day, policy.brand(brand).zone),
        )
        for public_id, day, brand in rows.values_list("public_id", "erase_on", "customer__brand")[:limit]
        if day is not None
    ]
    return tuple(sorted(found, key=lambda one: one.due_at))


def _rows() -> QuerySet[IdentityDocument]:
    return IdentityDocument.objects.select_related("customer").prefetch_related("files", "customer__accounts")


def _document(row: IdentityDocument) -> Document:
    account = min(row.customer.accounts.all(), key=lambda account: account.pk)
    return Document(
        document_id=row.public_id,
        customer_id=row.customer_id,
        account=account.number,
        brand=row.customer.brand,
        kind=row.kind,
        expires_on=row.expires_on,
        state=row.state,
        reason=row.reason,
        note=row.note,
        submitted_at=row.submitted_at,
        reviewed_at=row.reviewed_at,
        reviewed_by=row.reviewed_by,
        erase_on=row.erase_on,
        erased_at=row.erased_at,
        files=tuple(
            File(side=one.side, media_type=one.media_type, pages=one.pages, size=one.size)
            for one in sorted(row.files.all(), key=lambda one: one.side == "back")
        ),
    )
