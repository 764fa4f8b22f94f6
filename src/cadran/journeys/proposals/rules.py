"""Who may propose and approve what, and when a second person is needed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cadran.units.errors import CadranError, InvalidInput

MAX_REASON = 400
MIN_REASON = 8


class ProposalKind(StrEnum):
    GIVE_CREDIT = "give-credit"
    TAKE_CREDIT = "take-credit"
    REFUND = "refund"
    TERMS = "terms"
    RE_RATING = "re-rating"
    VOUCHERS = "vouchers"


class ProposalState(StrEnum):
    """`approved` was decided and is being done; `failed` says in its last step why it could not be."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DONE = "done"
    FAILED = "failed"


FOLLOWS: Mapping[ProposalState, frozenset[ProposalState]] = {
    ProposalState.PROPOSED: frozenset(
        {ProposalState.APPROVED, ProposalState.REFUSED, ProposalState.WITHDRAWN, ProposalState.EXPIRED}
    ),
    ProposalState.APPROVED: frozenset({ProposalState.DONE, ProposalState.FAILED}),
    ProposalState.REFUSED: frozenset(),
    ProposalState.WITHDRAWN: frozenset(),
    ProposalState.EXPIRED: frozenset(),
    ProposalState.DONE: frozenset(),
    ProposalState.FAILED: frozenset(),
}


class InvalidProposal(InvalidInput):
    """A proposal without a reason, of nothing, or of more than the brand allows at once."""

    error_id = "journeys-proposal-invalid"


class SamePerson(CadranError):
    """Nobody approves what they proposed, nor decides on money of their own."""

    error_id = "journeys-proposal-same-person"


class NotPending(CadranError):
    """The proposal was decided before, or its time is over."""

    error_id = "journeys-proposal-not-pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of staff who acts: user id of who signed in, user name, e-mail address."""

    user_id: int
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a brand lets one person do alone within a day, how much may be moved at once, and for how long a proposal waits."""

    alone_micros: int
    most_micros: int
    proposal_days: int


def same_person(one: Person, other: Person) -> bool:
    """Whether two accounts are one person: the same user, or the same mailbox however its address is written
    (`Claire+staff@example.org` is `claire@example.org`)."""
    return one.user_id == other.user_id or bool(one.email and _mailbox(one.email) == _mailbox(other.email))


def _mailbox(email: str) -> str:
    name, _, host = email.strip().casefold().rpartition("@")
    return f"{name.partition('+')[0]}@{host}"


def needs_second(limits: Limits, *, amount_micros: int, alone_today_micros: int) -> bool:
    """Whether a second person must approve: the amount, with what the first one moved alone in the last 24 hours, passes the
    limit. So many small ones are no way around it."""
    return abs(amount_micros) + alone_today_micros > limits.alone_micros


def checked_reason(reason: str) -> str:
    """The reason, tidied. Raises InvalidProposal for one that says nothing or too much."""
    tidy = " ".join(reason.split())
    if not MIN_REASON <= len(tidy) <= MAX_REASON or any(not c.isprintable() for c in tidy):
        raise InvalidProposal(f"state the reason in {MIN_REASON} to {MAX_REASON} characters: it is kept as evidence")
    return tidy


def checked_amount(limits: Limits, amount_micros: int) -> int:
    """An amount above zero that may be moved at once. Raises InvalidProposal."""
    if not 0 < amount_micros <= limits.most_micros:
        raise InvalidProposal(f"an amount lies above zero and up to {limits.most_micros} micros, not {amount_micros}")
    return amount_micros


def check_decider(proposer: Person, decider: Person) -> None:
    """Raises SamePerson where who decides is who proposed."""
    if same_person(proposer, decider):
        raise SamePerson("somebody else approves: nobody decides on what they proposed themselves")


def check_pending(state: ProposalState, *, expires_at: datetime, at: datetime) -> None:
    """Raises NotPending unless the proposal still waits at that instant."""
    if state is not ProposalState.PROPOSED:
        raise NotPending(f"this proposal is {state}: reload the page to see what became of it")
    if at >= expires_at:
        raise NotPending("this proposal has expired: propose it again")


def expiry(limits: Limits, at: datetime) -> datetime:
    """When a proposal made at that instant stops waiting."""
    return at + timedelta(days=limits.proposal_days)
