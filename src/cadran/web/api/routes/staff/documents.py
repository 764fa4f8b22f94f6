"""Identity documents that wait for a decision: both sides, accepted or refused with a reason that the customer reads."""

from __future__ import annotations

import base64
from typing import Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path

from cadran.party.documents import operations, queries
from cadran.party.keys.rules import Scope
from cadran.web.api import shapes
from cadran.web.api import shapes_desk as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

REVIEW = Scope.STAFF_REVIEW_DOCUMENTS
_UNKNOWN = ("party-document-unknown",)


@operation(desk.router, "GET", "/staff/documents", scope=REVIEW, answers_with=seen.IdentityDocuments)
def list_documents_to_review(request: HttpRequest, limit: shapes.Limit = 50) -> seen.IdentityDocuments:
    """The identity documents that wait for a decision, oldest first."""
    caller = desk.caller(request)
    desk.log(request, "documents", kind="list")
    found = () if caller.test else queries.awaiting_review(brand=caller.brand, limit=limit)
    return seen.IdentityDocuments(documents=[document(one) for one in found])


@operation(
    desk.router,
    "GET",
    "/staff/documents/{document_id}",
    scope=REVIEW,
    answers_with=seen.IdentityDocument,
    may_fail=_UNKNOWN,
)
def read_document(request: HttpRequest, document_id: Path[shapes.Identifier]) -> seen.IdentityDocument:
    """One identity document, and how it stands."""
    found = _within(request, document_id)
    desk.log(request, "document", account=found.account, subject=document_id)
    return document(found)


@operation(
    desk.router,
    "GET",
    "/staff/documents/{document_id}/sides/{side}",
    scope=REVIEW,
    answers_with=seen.IdentityDocumentSide,
    may_fail=(*_UNKNOWN, "party-document-staff-only", "party-document-unreadable"),
)
def open_document_side(
    request: HttpRequest, document_id: Path[shapes.Identifier], side: Path[Literal["front", "back"]]
) -> seen.IdentityDocumentSide:
    """One side of an identity document, in clear for this answer alone.

    Keep it nowhere: who opened it and when is logged.
    """
    found = _within(request, document_id)
    desk.log(request, "document", kind="document", account=found.account, subject=f"{document_id} {side}")
    opened = queries.open_file(document_id=document_id, side=side, by=desk.caller(request).staff_id)
    return seen.IdentityDocumentSide(media_type=opened.media_type, content=base64.b64encode(opened.content).decode())


@operation(
    desk.router,
    "POST",
    "/staff/documents/{document_id}/acceptance",
    scope=REVIEW,
    answers_with=seen.IdentityDocument,
    may_fail=(*_UNKNOWN, "party-document-decided", "party-document-expired"),
)
def accept_document(request: HttpRequest, document_id: Path[shapes.Identifier]) -> seen.IdentityDocument:
    """Accept an identity document: the account opens if nothing else is awaited."""
    found = _within(request, document_id)
    desk.log(request, "document", kind="accept-document", account=found.account, subject=document_id)
    by = desk.person(request).name
    return document(operations.accept(document_id=document_id, by=by, at=settings.CIVIL_CLOCK.now()))


@operation(
    desk.router,
    "POST",
    "/staff/documents/{document_id}/refusal",
    scope=REVIEW,
    answers_with=seen.IdentityDocument,
    may_fail=(*_UNKNOWN, "party-document-decided"),
)
def refuse_document(
    request: HttpRequest, document_id: Path[shapes.Identifier], asked: Body[seen.RefusalAsked]
) -> seen.IdentityDocument:
    """Refuse an identity document, for a reason that the customer reads; it may give another."""
    found = _within(request, document_id)
    reason = asked.reason.value
    desk.log(request, "document", kind="refuse-document", account=found.account, subject=document_id, reason=reason)
    done = operations.refuse(
        document_id=document_id,
        reason=reason,
        by=desk.person(request).name,
        at=settings.CIVIL_CLOCK.now(),
        note=asked.note,
    )
    return document(done)


def document(found: queries.Document) -> seen.IdentityDocument:
    files = [shapes.of(seen.IdentityDocumentFile, one) for one in found.files]
    return shapes.of(seen.IdentityDocument, found, id=found.document_id, files=files)


def _within(request: HttpRequest, document_id: str) -> queries.Document:
    caller = desk.caller(request)
    found = queries.document(document_id)
    if caller.test or found.brand != caller.brand:
        raise queries.UnknownDocument("no such document")
    return found
