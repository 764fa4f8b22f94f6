"""A key change of the terms: who must approve it, and the approval."""

from __future__ import annotations

from datetime import datetime

from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError


class TermsMoved(CadranError):
    """What was approved is not what is in force: it must be read again."""

    error_id = "journeys-terms-moved"


@carries("KRY-2.2-new-terms")
def to_approve(*, accepted: str, at: datetime) -> Terms | None:
    """The version in force where a customer who last accepted `accepted` must approve it first: it, or one between the two, is a
    key change. None where nothing is asked. Raises policy.UnknownTerms."""
    brand = accepted.partition("/")[0]
    in_force = policy.terms_in_force(brand, at)
    if in_force.ref == accepted:
        return None
    since = policy.terms(accepted).effective_from
    newer = [policy.terms(f"{brand}/{version}") for version in policy.brand(brand).versions]
    changed = any(since < one.effective_from <= in_force.effective_from and one.key_change for one in newer)
    return in_force if changed else None


@carries("KRY-2.2-new-terms", "KRY-2.1-acceptance")
def approve(*, user_id: int, ref: str, text_sha256: str, language: str, ip: str, at: datetime) -> None:
    """The customer read the version in force, in that language, and approves it. Raises TermsMoved when it is another by now."""
    customer = party.customer(user_id=user_id)
    if customer is None:
        raise party.UnknownCustomer("only a customer approves terms")
    in_force = policy.terms_in_force(customer.brand, at)
    shown = policy.terms_text(in_force.ref, language)[1]
    if (ref, text_sha256) != (in_force.ref, shown):
        raise TermsMoved("the terms changed while you were reading: read them again")
    tick = party_rules.Accepted(
        document=party_rules.Document.TERMS, ref=ref, text_sha256=text_sha256, language=language
    )
    party_operations.accept_terms(customer_id=customer.id, accepted=[tick], ip=ip, at=at)
