"""Failures of the charging API as RFC 9457 problems: a status, a title and a sentence for each stable id."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cadran.units.errors import CadranError, InvalidInput

MEDIA_TYPE = b"application/problem+json"


class ApiError(CadranError):
    """A failure of the request itself, before charging was asked."""

    error_id = "switch-request-malformed"


class Malformed(ApiError):
    """The body is not the JSON that this operation takes."""

    error_id = "switch-request-malformed"


class InputInvalid(ApiError):
    """A field is missing, unknown, of a wrong type or out of its bounds."""

    error_id = "switch-input-invalid"


class KeyMissing(ApiError):
    """No key was sent: `Authorization: Bearer sk_…`."""

    error_id = "switch-key-missing"


class NotFound(ApiError):
    """There is nothing at this address."""

    error_id = "switch-not-found"


class MethodNotAllowed(ApiError):
    """This address does not take that method."""

    error_id = "switch-method-not-allowed"


class TooLarge(ApiError):
    """The body is larger than any request needs."""

    error_id = "switch-request-too-large"


class NotJson(ApiError):
    """Bodies are application/json in UTF-8."""

    error_id = "switch-content-type-unsupported"


class RateLimited(ApiError):
    """Too many requests: wait as long as Retry-After says."""

    error_id = "switch-rate-limited"


class Failed(ApiError):
    """A failure of ours; the log knows it by the request's id."""

    error_id = "switch-failed"


STATUS: Mapping[str, int] = {
    "switch-request-malformed": 400,
    "switch-input-invalid": 422,
    "switch-key-missing": 401,
    "switch-key-unknown": 401,
    "switch-scope-missing": 403,
    "switch-caller-not-active": 403,
    "switch-caller-unknown": 404,
    "switch-not-found": 404,
    "switch-method-not-allowed": 405,
    "switch-request-too-large": 413,
    "switch-content-type-unsupported": 415,
    "switch-rate-limited": 429,
    "switch-failed": 500,
    "switch-directory-busy": 503,
    "charging-unavailable": 503,
}
# Of charging's refusals, those that are no conflict with what was asked before.
OF_REASON: Mapping[str, int] = {
    "invalid": 422,
    "account-unknown": 404,
    "session-unknown": 404,
    "event-unknown": 404,
    "terms-unknown": 500,
    "internal": 500,
}
TITLES: Mapping[str, str] = {
    "account-unknown": "The account has no credit here",
    "session-unknown": "The session was never authorised",
    "session-settled": "The session is over",
    "seq-passed": "A later extension was asked for already",
    "key-reused": "The key was used for something else",
    "currency-differs": "The account's credit is in another currency",
    "event-unknown": "Nothing is held under that key",
    "event-refused": "The event was refused",
    "event-taken": "The event was taken already",
    "event-released": "The event was released already",
    "event-exceeds-hold": "More would be taken than is held",
}


class _Problem(msgspec.Struct, omit_defaults=True):
    type: str
    title: str
    status: int
    detail: str
    error_id: str
    request_id: str


_encode = msgspec.json.Encoder().encode


def told(error: CadranError, request_id: str) -> tuple[int, str, bytes]:
    """Status, stable id and body of a failure. A refusal of charging goes by its reason: `charging-session-unknown`."""
    error_id, title = error.error_id, _title(type(error))
    reason = str(error.details.get("reason", ""))
    if error_id == "charging-refused" and reason:
        status, error_id = OF_REASON.get(reason, 409), f"charging-{reason}"
        title = TITLES.get(reason, title)
    else:
        status = STATUS.get(error_id) or (422 if isinstance(error, InvalidInput) else 409)
    body = _Problem(f"urn:cadran:problem:{error_id}", title, status, error.message, error_id, request_id)
    return status, error_id, _encode(body)


def _title(kind: type[CadranError]) -> str:
    text = " ".join((kind.__doc__ or kind.__name__).split())
    return text.partition(". ")[0].rstrip(".")
