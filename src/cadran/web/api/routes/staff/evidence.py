"""What proves: how far it is sealed, the entries of a customer, the verification of all, the export with its proof."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest
from ninja import Path

from cadran.journeys import proving
from cadran.party.keys.rules import Scope
from cadran.policy.proof import export
from cadran.policy.proof import queries as proof
from cadran.web.api import cursors, shapes
from cadran.web.api import shapes_desk as desks
from cadran.web.api import shapes_staff as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

MOST_IN_ANSWER = 5_000
_NO_FILE = ("evidence-nothing-to-export", "evidence-not-sealed-yet", "evidence-too-much", "journeys-evidence-too-much")


@operation(desk.router, "GET", "/staff/evidence", scope=Scope.STAFF_READ_EVIDENCE, answers_with=seen.EvidenceStatus)
def read_evidence_status(request: HttpRequest) -> seen.EvidenceStatus:
    """How far what moves money or decides is sealed, and witnessed from outside."""
    found = proof.status()
    return seen.EvidenceStatus(
        entries=found.entries,
        seals=found.seals,
        head=found.head,
        sealed_at=found.sealed_at,
        unsealed=found.unsealed,
        unwitnessed=found.unwitnessed,
        witnessed_at=found.witnessed_at,
    )


@operation(
    desk.router,
    "GET",
    "/staff/customers/{account}/evidence",
    scope=Scope.STAFF_READ_EVIDENCE,
    answers_with=seen.Entries,
    may_fail=(*desk.CUSTOMER, "api-cursor-invalid"),
)
def list_evidence(
    request: HttpRequest,
    account: Path[shapes.Account],
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> seen.Entries:
    """The decisions and movements on record of one customer, newest first, each with its seal."""
    caller, where = desk.caller(request), f"evidence {account}"
    desk.customer(request, account)
    after = str(cursors.read(where, cursor, (str,))[0]) if cursor else ""
    desk.log(request, "evidence", account=account)
    found = () if caller.test else proof.entries(subject=account, limit=limit + 1, after=after)
    personal = caller.may(Scope.STAFF_READ_PERSONAL)
    return seen.Entries(
        entries=[
            seen.Entry(
                id=one.id,
                at=one.at,
                kind=one.kind,
                subject=one.subject,
                ref=one.ref,
                state=str(one.state),
                text=one.text if personal else "",
                seal=one.seal,
                witnessed_at=one.witnessed_at,
            )
            for one in found[:limit]
        ],
        next=cursors.write(where, (found[limit - 1].cursor,)) if len(found) > limit else None,
    )


@operation(
    desk.router,
    "GET",
    "/staff/evidence/verification",
    scope=Scope.STAFF_EXPORT_EVIDENCE,
    also=(Scope.STAFF_READ_EVIDENCE,),
    answers_with=desks.VerificationReport,
    may_fail=("journeys-evidence-too-much",),
)
def verify_evidence(request: HttpRequest) -> desks.VerificationReport:
    """Verify everything on record from end to end, and name each fault.

    What was altered, removed, reordered or cut off; it takes as long as there are entries.
    """
    desk.log(request, "evidence", kind="deed", subject="verification")
    found = proving.verify(now=datetime.now(UTC))
    faults = [shapes.of(desks.Fault, one) for one in found.faults]
    return shapes.of(desks.VerificationReport, found, faults=faults)


@operation(
    desk.router,
    "GET",
    "/staff/customers/{account}/evidence/file",
    scope=Scope.STAFF_EXPORT_EVIDENCE,
    also=(Scope.STAFF_READ_EVIDENCE, Scope.STAFF_READ_PERSONAL),
    answers_with=desks.EvidenceFile,
    may_fail=(*desk.CUSTOMER, *_NO_FILE),
)
def export_customer_evidence(request: HttpRequest, account: Path[shapes.Account]) -> desks.EvidenceFile:
    """All that is on record of a customer as one file with its proof, and the check that reads it."""
    desk.customer(request, account)
    desk.log(request, "evidence", kind="download", account=account)
    if desk.caller(request).test:
        raise export.NothingToExport("a test key's customer is nobody: nothing is on record of it")
    made = proving.export_account(account=account, at=datetime.now(UTC), most=MOST_IN_ANSWER)
    return desks.EvidenceFile(file=made, check=export.CHECK.read_text(encoding="utf-8"))


@operation(
    desk.router,
    "GET",
    "/staff/customers/{account}/evidence/file/{ref}",
    scope=Scope.STAFF_EXPORT_EVIDENCE,
    also=(Scope.STAFF_READ_EVIDENCE, Scope.STAFF_READ_PERSONAL),
    answers_with=desks.EvidenceFile,
    may_fail=(*desk.CUSTOMER, *_NO_FILE),
)
def export_evidence(
    request: HttpRequest, account: Path[shapes.Account], ref: Path[shapes.Identifier]
) -> desks.EvidenceFile:
    """What is on record of a customer under one id, as one file with its proof: a call, an order, or `acceptance:12`."""
    desk.customer(request, account)
    desk.log(request, "evidence", kind="download", account=account, subject=ref)
    if desk.caller(request).test:
        raise export.NothingToExport("a test key's customer is nobody: nothing is on record of it")
    made = proving.export_key(what="key", key=ref, account=account, at=datetime.now(UTC))
    return desks.EvidenceFile(file=made, check=export.CHECK.read_text(encoding="utf-8"))
