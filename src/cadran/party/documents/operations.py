"""Writes of identity documents: each call is one transaction, `at` is an aware UTC instant of the civil clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from django.db import transaction

from cadran.party import models, opening
from cadran.party.documents import inspection, inspector, queries, rules, strongbox
from cadran.party.documents.models import IdentityDocument, IdentityFile
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import civil_day, utc

log = structlog.get_logger()
SIDES = ("front", "back")
REFUSED_KEPT_DAYS = 15  # where the brand's terms do not say (account.erasure_days)


class UnableToSubmit(CadranError):
    """The brand asks for no identity document, one waits already or was accepted, or the registration is over."""

    error_id = "party-document-not-awaited"


class UnableToReview(CadranError):
    """The document was decided upon or erased already."""

    error_id = "party-document-decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a customer gives: `files` holds the raw content by side (front, back). `key` makes a repeated deposit one."""

    customer_id: int
    key: str
    kind: str
    expires_on: date
    files: Mapping[str, bytes]


@carries("KRY-4.1-registration")
def submit(*, submission: Submission, at: datetime) -> queries.Document:
    """Keep the sides of an identity document, checked and encrypted, for review. The same key again gives the same document.

    Raises UnableToSubmit, rules.DocumentExpired, rules.SideMissing, inspector.FileRefused; then nothing is kept.
    """
    given, at = submission, utc(at)
    key = ids.checked_key(given.key)
    if (found := _repeated(given.customer_id, key)) is not None:
        return found
    customer = _awaited(given.customer_id)
    zone = policy.brand(customer.brand).zone
    rules.checked_expiry(given.expires_on, today=civil_day(at, zone))
    kind, needed = rules.checked_kind(given.kind), queries.sides_needed(customer.accounts.order_by("id")[0].terms_ref)
    safe = {side: _inspected(side, given.files[side]) for side in SIDES if side in given.files}
    rules.checked_sides([one.pages for one in safe.values()], needed=needed)
    written: list[str] = []
    try:
        with transaction.atomic():
            customer = models.Customer.objects.select_for_update().get(pk=given.customer_id)
            if (found := _repeated(given.customer_id, key)) is not None:
                return found
            _awaited(given.customer_id)
            public_id = ids.new_id("idd")
            data_key, master, sealed_key = strongbox.new_key(public_id)
            row = IdentityDocument.objects.create(
                public_id=public_id,
                key=key,
                customer=customer,
                kind=kind.value,
                expires_on=given.expires_on,
                state=rules.State.AWAITING.value,
                submitted_at=at,
                master=master,
                sealed_key=sealed_key,
            )
            for side, one in safe.items():
                stored = strongbox.store(one.content, key=data_key, document=public_id, side=side)
                written.append(stored)
                IdentityFile.objects.create(
                    document=row,
                    side=side,
                    stored=stored,
                    media_type=one.media_type,
                    pages=one.pages,
                    size=len(one.content),
                )
            _tell("party.documents-submitted", row, at)
    except BaseException:
        for stored in written:
            strongbox.discard(stored)
        raise
    return queries.document(public_id)


@carries("KRY-4.1-registration")
def accept(*, document_id: str, by: str, at: datetime) -> queries.Document:
    """Staff saw a valid document of that customer: the account opens if nothing else is asked for. Files stay while the law says.

    `by` names the member of staff. Raises UnableToReview, queries.UnknownDocument, rules.DocumentExpired.
    """
    with transaction.atomic():
        row = _awaiting(document_id)
        rules.checked_expiry(row.expires_on, today=civil_day(at, policy.brand(row.customer.brand).zone))
        _decide(row, rules.State.ACCEPTED, by, at)
        _tell("party.documents-accepted", row, at)
        opening.open_if_validated(customer=row.customer, at=at)
    return queries.document(document_id)


@carries("KRY-4.1-registration")
def refuse(*, document_id: str, reason: str, by: str, at: datetime, note: str = "") -> queries.Document:
    """Staff refuses the document, with one of rules.Reason and a sentence of its own if need be; the customer reads both and may
    give another. Its files go after the days that the terms give. Raises UnableToReview, UnknownReason, UnknownDocument."""
    why = rules.checked_reason(reason)
    with transaction.atomic():
        row = _awaiting(document_id)
        row.reason, row.note = why.value, " ".join(note.split())[: rules.MAX_NOTE]
        row.erase_on = civil_day(utc(at), policy.brand(row.customer.brand).zone) + timedelta(days=_kept_days(row))
        _decide(row, rules.State.REFUSED, by, at)
        _tell("party.document-refused", row, at, reason=row.reason, note=row.note)
    return queries.document(document_id)


def erase(*, document_id: str, at: datetime) -> None:
    """Destroy the files of a document and their key; that it was given and decided upon stays. Again changes nothing."""
    with transaction.atomic():
        row = IdentityDocument.objects.select_for_update().filter(public_id=document_id).first()
        if row is None:
            raise queries.UnknownDocument("no such document")
        stored = list(row.files.values_list("stored", flat=True))
        row.files.all().delete()
        if row.erased_at is None:
            row.erased_at, row.sealed_key, row.master = utc(at), "", ""
            if row.state == rules.State.AWAITING:
                row.state = rules.State.SUPERSEDED.value
            row.save(update_fields=["erased_at", "sealed_key", "master", "state"])
    for (
        name
    ) in stored:  # after the transaction: a file without its row is swept, a row without its file would be a loss
        strongbox.discard(name)


@carries("LAW-retention")
def contract_ended(*, customer_id: int, at: datetime) -> None:
    """The contract ended: accepted documents are erased when the law's years of civil identity are over, the others at once. Again
    changes nothing."""
    with transaction.atomic():
        rows = IdentityDocument.objects.select_for_update().filter(customer_id=customer_id, erased_at=None)
        for row in rows.select_related("customer"):
            day = civil_day(utc(at), policy.brand(row.customer.brand).zone)
            if row.state == rules.State.ACCEPTED:
                years = policy.law("retention.civil_identity_years", at).integer()
                day = rules.years_after(day, years)
            elif row.state == rules.State.AWAITING:
                row.state = rules.State.SUPERSEDED.value
            row.erase_on = min(row.erase_on, day) if row.erase_on else day
            row.save(update_fields=["state", "erase_on"])


def erase_due(*, at: datetime, limit: int = 500) -> int:
    """Erase what its day has come for, at most `limit`; returns how many. Idempotent."""
    due = [one for one in queries.due_for_erasure(limit=limit) if one.due_at <= utc(at)]
    for one in due:
        erase(document_id=one.document_id, at=at)
    return len(due)


def sweep(*, older_than_s: int = 3600, now_s: float) -> int:
    """Remove files that no document names (a deposit that broke off), once they are older than that; returns how many. `now_s` is
    the wall clock, as the file system writes it."""
    gone = 0
    for name, written_s in list(strongbox.files()):
        stored = name.partition("/")[2]
        if now_s - written_s > older_than_s and not IdentityFile.objects.filter(stored=stored).exists():
            strongbox.discard_path(name)
            gone += 1
    return gone


def rotate_key(*, limit: int = 1_000_000) -> int:
    """Give the documents a fresh master key: it wraps every data key, then the old ones go. One that broke off goes on where it
    was: the key put in front then is taken up. Returns how many were wrapped anew, at most `limit`."""
    if len(strongbox.masters()) == 1 and not strongbox.in_environment():
        strongbox.add_master()
    newest, count = strongbox.masters()[0][0], 0
    held = IdentityDocument.objects.exclude(master="").exclude(master=newest)
    while count < limit and (public_id := held.values_list("public_id", flat=True).first()) is not None:
        with transaction.atomic():
            row = IdentityDocument.objects.select_for_update().get(public_id=public_id)
            if row.master not in {"", newest}:
                key = strongbox.unwrap(row.sealed_key, row.master, row.public_id)
                row.master, row.sealed_key = strongbox.wrap(key, row.public_id)
                row.save(update_fields=["master", "sealed_key"])
                count += 1
    if not strongbox.in_environment():
        with transaction.atomic():  # no deposit wraps a key with an old one meanwhile: writers wait
            if not held.exists():
                strongbox.keep_newest_master()
    return count


def _repeated(customer_id: int, key: str) -> queries.Document | None:
    row = IdentityDocument.objects.filter(customer_id=customer_id, key=key).first()
    return None if row is None else queries.document(row.public_id)


def _awaited(customer_id: int) -> models.Customer:
    """The customer, if a document may be given now. Raises UnableToSubmit."""
    customer = models.Customer.objects.filter(pk=customer_id).first()
    if customer is None or customer.state != models.CustomerState.REGISTERED:
        raise UnableToSubmit("no identity document is awaited for this account", rule="state")
    if queries.sides_needed(customer.accounts.order_by("id")[0].terms_ref) == 0:
        raise UnableToSubmit("these terms ask for no identity document", rule="terms")
    states = set(IdentityDocument.objects.filter(customer=customer).values_list("state", flat=True))
    if states & {rules.State.AWAITING.value, rules.State.ACCEPTED.value}:
        raise UnableToSubmit("a document waits for its review already", rule="awaiting")
    return customer


def _inspected(side: str, raw: bytes) -> inspection.Safe:
    try:
        return inspector.inspected(raw)
    except inspector.FileRefused as error:
        raise inspector.FileRefused(error.message, **(error.details | {"side": side})) from error


def _awaiting(document_id: str) -> IdentityDocument:
    row = (
        IdentityDocument.objects.select_for_update()
        .select_related("customer__user")
        .filter(public_id=document_id)
        .first()
    )
    if row is None:
        raise queries.UnknownDocument("no such document")
    if row.state != rules.State.AWAITING or row.erased_at is not None:
        raise UnableToReview("somebody decided upon this document already")
    return row


def _decide(row: IdentityDocument, state: rules.State, by: str, at: datetime) -> None:
    row.state, row.reviewed_by, row.reviewed_at = state.value, by[:64], utc(at)
    row.save(update_fields=["state", "reviewed_by", "reviewed_at", "reason", "note", "erase_on"])


def _kept_days(row: IdentityDocument) -> int:
    terms = policy.terms(row.customer.accounts.order_by("id")[0].terms_ref)
    return terms.integer("account.erasure_days") if "account.erasure_days" in terms.values else REFUSED_KEPT_DAYS


def _tell(kind: str, row: IdentityDocument, at: datetime, **more: str) -> None:
    account = row.customer.accounts.order_by("id")[0]
    body = {"account": account.number, "brand": account.brand, "terms": account.terms_ref, "document": row.public_id}
    policy_operations.record_event(kind=kind, key=row.public_id, body=body | more, at=at)
