"""Failures as RFC 9457 problems: a status, a title and a sentence for each stable id. Every failure of the API is made here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from cadran.catalog.operations import DeckRefused
from cadran.journeys.publications import DraftWrong
from cadran.policy.rules import Decision
from cadran.units.errors import CadranError, InvalidInput
from cadran.web.forms import client_network

MOST_NAMED = 100
MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger()


class ApiError(CadranError):
    """A failure of the request itself, before any room was asked."""

    error_id = "api-request-malformed"


class Malformed(ApiError):
    """The request cannot be read: its JSON is broken, or a header has not the form it must have."""

    error_id = "api-request-malformed"


class CursorInvalid(ApiError):
    """A cursor that this list did not give: begin again without one."""

    error_id = "api-cursor-invalid"


class IdempotencyKeyMissing(ApiError):
    """A request that writes bears an Idempotency-Key: a fresh one for each wish, the same one when it is tried again."""

    error_id = "api-idempotency-key-missing"


class KeyMissing(ApiError):
    """No key was sent: `Authorization: Bearer ck_…`. Cookies of the site open nothing here."""

    error_id = "api-key-missing"


class ScopeMissing(ApiError):
    """The key is good, and may not do this: make one that has the scope."""

    error_id = "api-scope-missing"


class PermissionMissing(ApiError):
    """The key has the scope, and the member of staff who made it has no longer the role that it needs."""

    error_id = "api-permission-missing"


class PasswordWrong(ApiError):
    """This asks for the site password as well, as the page does, and it is not the right one."""

    error_id = "api-password-wrong"


class WrongBrand(ApiError):
    """The key belongs to another brand than the host that was called."""

    error_id = "api-wrong-brand"


class NotFound(ApiError):
    """There is nothing at this address, or nothing that this key may know of."""

    error_id = "api-not-found"


class MethodNotAllowed(ApiError):
    """This address does not take that method: see the Allow header."""

    error_id = "api-method-not-allowed"


class NotAcceptable(ApiError):
    """Answers are application/json: accept it."""

    error_id = "api-not-acceptable"


class InProgress(ApiError):
    """A request with this Idempotency-Key is being answered: send it again in a moment."""

    error_id = "api-idempotency-in-progress"


class TooLarge(ApiError):
    """The body is larger than any request needs."""

    error_id = "api-request-too-large"


class ContentTypeUnsupported(ApiError):
    """Bodies are application/json in UTF-8."""

    error_id = "api-content-type-unsupported"


class InputInvalid(ApiError):
    """Fields are missing, unknown or of a wrong form; `errors` names each."""

    error_id = "api-input-invalid"


class KeyReused(ApiError):
    """The Idempotency-Key was used for another request: take a fresh one for another wish."""

    error_id = "idempotency-key-reused"


class RateLimited(ApiError):
    """Too many requests: wait as long as Retry-After says."""

    error_id = "api-rate-limited"


class Failed(ApiError):
    """A failure of ours. It is logged under the request's id."""

    error_id = "api-failed"


# The status of each failure whose status does not follow from its kind: input that cannot be read is 422, any other refusal 409.
STATUS: Mapping[str, int] = {
    "api-request-malformed": 400,
    "api-cursor-invalid": 400,
    "api-idempotency-key-missing": 400,
    "api-key-missing": 401,
    "keys-unknown": 401,
    "keys-expired": 401,
    "keys-revoked": 401,
    "keys-owner-not-active": 403,
    "api-scope-missing": 403,
    "api-permission-missing": 403,
    "api-wrong-brand": 403,
    "api-password-wrong": 403,
    "web-registration-unknown": 404,
    "journeys-device-unknown": 404,
    "party-sign-in-unknown": 404,
    "voice-device-not-removed": 503,
    "api-not-found": 404,
    "keys-not-found": 404,
    "party-customer-unknown": 404,
    "party-sip-user-unknown": 404,
    "payment-order-unknown": 404,
    "charging-cdr-unknown": 404,
    "ledger-movement-unknown": 404,
    "policy-terms-unknown": 404,
    "invoicing-receipt-unknown": 404,
    "webhooks-not-found": 404,
    "party-document-unknown": 404,
    "messaging-mail-unknown": 404,
    "party-staff-unknown": 404,
    "compliance-case-unknown": 404,
    "journeys-proposal-unknown": 404,
    "journeys-draft-unknown": 404,
    "journeys-rerating-unknown": 404,
    "journeys-carrier-deck-unknown": 404,
    "catalog-deck-unknown": 404,
    "vouchers-batch-unknown": 404,
    "vouchers-voucher-unknown": 404,
    "vouchers-locked": 429,
    "proofs-unknown": 404,
    "proofs-too-many": 429,
    "proofs-code-wrong": 422,
    "proofs-code-untold": 503,
    "calling-contact-unknown": 404,
    "calling-prepared-unknown": 404,
    "voice-callback-unknown": 404,
    "numbering-not-held": 404,
    "evidence-nothing-to-export": 404,
    "partners-not-set-up": 404,
    "voice-prompt-unknown": 404,
    "voice-menu-table-unknown": 404,
    "voice-prompt-not-operators": 409,
    "party-staff-not-permitted": 403,
    "party-document-staff-only": 403,
    "journeys-draft-wrong": 422,
    "policy-files-wrong": 422,
    "api-method-not-allowed": 405,
    "api-not-acceptable": 406,
    "api-idempotency-in-progress": 409,
    "api-request-too-large": 413,
    "api-content-type-unsupported": 415,
    "api-input-invalid": 422,
    "idempotency-key-reused": 422,
    "payment-key-reused": 422,
    "api-rate-limited": 429,
    "api-failed": 500,
    "voice-calls-unreachable": 503,
    "charging-unavailable": 503,
    "payment-provider-uncertain": 503,
    "payment-provider-refused": 503,
    "voice-carrier-silent": 503,
    "messaging-server-away": 503,
    "messaging-mail-not-taken-now": 503,
}


@dataclass(frozen=True, slots=True)
class Invalid:
    """One field that is wrong: where (`body.amount_micros`, `query.limit`), and what to write there."""

    field: str
    message: str


def status_of(error: CadranError | type[CadranError]) -> int:
    """The HTTP status that goes with a failure."""
    if (known := STATUS.get(error.error_id)) is not None:
        return known
    return (
        422 if isinstance(error, InvalidInput) or (isinstance(error, type) and issubclass(error, InvalidInput)) else 409
    )


def title_of(kind: type[CadranError]) -> str:
    """The first sentence of what the failure's class says of itself: the same for every occurrence."""
    text = " ".join((kind.__doc__ or kind.__name__).split())
    return text.partition(". ")[0].rstrip(".")


def type_uri(error_id: str) -> str:
    """Where the failure is explained."""
    return f"{settings.PUBLIC_URL}/api/problems/#{error_id}"


def _named_by(error: CadranError) -> list[Invalid]:
    """The faults that a failure names one by one: those of a draft of terms, those of the lines of a price list."""
    if isinstance(error, DraftWrong):
        return [Invalid(field=f"draft.{name}"[:200], message=text[:300]) for name, text in error.problems.items()]
    if isinstance(error, DeckRefused):
        rows = error.report.problems[:MOST_NAMED]
        return [Invalid(field=f"line {one.line} {one.column}".strip(), message=one.message[:300]) for one in rows]
    return []


def answer(
    request: HttpRequest,
    error: CadranError,
    *,
    invalid: Iterable[Invalid] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The problem as an answer."""
    status = status_of(error)
    if status in {401, 403, 429}:
        told = {"request_id": getattr(request, "api_request_id", ""), "network": client_network(request)}
        log.warning("api-refused", error=error.error_id, **told)
    body: dict[str, object] = {
        "type": type_uri(error.error_id),
        "title": title_of(type(error)),
        "status": status,
        "detail": error.message,
        "error_id": error.error_id,
        "request_id": getattr(request, "api_request_id", ""),
    }
    if not invalid:
        invalid = _named_by(error)
    if found := [{"field": one.field, "message": one.message} for one in invalid]:
        body["errors"] = found
    if isinstance(decision := error.details.get("decision"), Decision):
        body["decision"] = decision.as_dict()
    if isinstance(field := error.details.get("field"), str) and "errors" not in body:
        body["errors"] = [{"field": field if "." in field else f"body.{field}", "message": error.message}]
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    response = HttpResponse(text, status=status, content_type=MEDIA_TYPE)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="cadran"'
    return response
