"""Final responses: which of several is passed on (RFC 3261 16.7), which let the next carrier be tried, and what each means
on a CDR."""

from __future__ import annotations

from collections.abc import Sequence

# Among 4xx, those that tell the caller most come first (RFC 3261 16.7 step 6 leaves the choice within a class).
_TELLING = (486, 484, 415, 488, 404, 410, 403, 480, 408)
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    429: "Too Many Requests",
    480: "Temporarily Unavailable",
    481: "Call Leg/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}


def reason(code: int) -> str:
    """The reason phrase of a final response."""
    return REASONS.get(code, "Failure")


def best(codes: Sequence[int]) -> int:
    """The one response for the caller from those of all branches: a 6xx wins, else the lowest class, and within 4xx the
    most telling. No code at all is 480. What only concerns us and the next hop (401, 407, 503, redirects) becomes ours."""
    passed = [_ours(code) for code in codes]
    if not passed:
        return 480
    if final := [code for code in passed if code >= 600]:
        return final[0]
    lowest = [code for code in passed if code // 100 == min(passed) // 100]
    return min(lowest, key=lambda code: (_TELLING.index(code) if code in _TELLING else len(_TELLING), code))


def _ours(code: int) -> int:
    if 300 <= code < 400:
        return 480
    return {401: 500, 407: 500, 503: 500, 481: 480, 482: 480, 483: 480}.get(code, code)


def next_may_answer(code: int) -> bool:
    """Whether another carrier is worth trying: this one is overloaded, silent, broken, or does not know us."""
    return code in (401, 403, 407, 408) or 500 <= code < 600


def disposition(code: int) -> str:
    """The word of a CDR for a call that ended with this final response."""
    if code in (486, 600):
        return "busy"
    if code == 603:
        return "declined"
    if code in (408, 480):
        return "no-answer"
    if code == 487:
        return "cancelled"
    return "failed"
