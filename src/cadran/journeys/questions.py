"""A customer who does not agree with a corrected price opens a case about it."""

from __future__ import annotations

from datetime import datetime

from cadran.charging import queries as charging
from cadran.compliance import operations as compliance
from cadran.compliance import queries as cases
from cadran.compliance.rules import Kind, checked_text
from cadran.party.queries import Customer
from cadran.units.clause import carries
from cadran.units.ids import checked_key


@carries("IPP-10.1-re-rating")
def question(*, customer: Customer, subject: str, text: str, key: str, at: datetime) -> cases.Case:
    """Open a case about a corrected call (`subject` is the id of its record) or a whole re-rating, with its tracking number and
    deadline; the same key again gives the same case. Raises InvalidCase, UnknownCdr for a call of somebody else."""
    said = checked_text(text)
    if subject.startswith(("cdr_", "cor_")):
        charging.cdr(subject, account=customer.account)
    return compliance.open_case(
        key=f"question:{customer.account}:{checked_key(key)[:40]}",
        kind=Kind.BILLING,
        account=customer.account,
        brand=customer.brand,
        text=f"{subject}\n{said}",
        at=at,
    )
