"""What an identity document must be, why one is refused, how long it is kept: pure rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from cadran.units.clause import carries
from cadran.units.errors import InvalidInput

MAX_BYTES = 10 * 1024 * 1024  # of one file, as a phone's camera or a scanner makes it
MAX_PAGES = 4  # of one PDF
MAX_NOTE = 300


class DocumentExpired(InvalidInput):
    """An identity document that is no longer valid on the day of its deposit or of its review, or a date nobody can read."""

    error_id = "party-document-expired"


class SideMissing(InvalidInput):
    """Fewer sides than the terms ask for."""

    error_id = "party-document-side-missing"


class UnknownReason(InvalidInput):
    """A refusal without one of the reasons that a customer is told."""

    error_id = "party-document-reason-unknown"


class UnknownKind(InvalidInput):
    """Something that proves no identity here."""

    error_id = "party-document-kind-unknown"


class Kind(StrEnum):
    """What proves an identity here."""

    IDENTITY_CARD = "identity-card"
    PASSPORT = "passport"
    RESIDENCE_PERMIT = "residence-permit"


class State(StrEnum):
    """Of a submission. `superseded`: the customer's registration ended before anybody looked at it."""

    AWAITING = "awaiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class Reason(StrEnum):
    """Why a submission is refused; the customer reads it in words."""

    UNREADABLE = "unreadable"
    SIDE_MISSING = "side-missing"
    EXPIRED = "expired"
    NAME_DIFFERS = "name-differs"
    NOT_AN_IDENTITY_DOCUMENT = "not-an-identity-document"
    UNDER_AGE = "under-age"
    BAD_FAITH = "bad-faith"


@carries("KRY-4.1-registration")
def checked_sides(pages: Sequence[int], *, needed: int) -> None:
    """`pages`: how many pages each file holds, a photo one. Both sides may lie in one PDF. Raises SideMissing."""
    if sum(pages) < needed:
        raise SideMissing(f"give {needed} sides: one photo of each, or one PDF that holds both", needed=needed)


@carries("KRY-4.1-registration")
def checked_expiry(expires_on: date, *, today: date) -> date:
    """The last day of validity itself, today or later and at most 60 years ahead. Raises DocumentExpired."""
    if expires_on < today:
        raise DocumentExpired("this document is no longer valid: give another", rule="past")
    if expires_on.year > today.year + 60:
        raise DocumentExpired("read the date of the end of validity again", rule="far")
    return expires_on


def checked_reason(reason: str) -> Reason:
    """One of Reason. Raises UnknownReason."""
    try:
        return Reason(reason)
    except ValueError:
        raise UnknownReason(f"a refusal says why: one of {', '.join(Reason)}") from None


def checked_kind(kind: str) -> Kind:
    """One of Kind. Raises UnknownKind."""
    try:
        return Kind(kind)
    except ValueError:
        raise UnknownKind(f"an identity document is one of {', '.join(Kind)}") from None


def years_after(day: date, years: int) -> date:
    """The same day that many years later; 29 February becomes 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
