"""When the operator must have answered a case: what the brand's terms promise, else what the law asks for."""

from __future__ import annotations

from datetime import datetime

from cadran.compliance import rules
from cadran.policy import queries as policy
from cadran.units.clause import carries

OF_LAW = frozenset({rules.Kind.DATA_ACCESS, rules.Kind.DATA_ERASURE})
PROMISE = "report.answer_days"


@carries("IPP-5.3-codes", "KRY-4.2.2-session-safety", "KRY-2.5-privacy")
def deadline(*, kind: rules.Kind, brand: str, at: datetime) -> rules.Deadline:
    """Requests about one's data within the law's months; the rest within the terms' days, and the law's months where the terms
    promise nothing. Raises policy.UnknownTerms, UnknownLaw."""
    if kind not in OF_LAW:
        terms = policy.terms_in_force(brand, at)
        if PROMISE in terms.values:
            return rules.after_days(at, terms.integer(PROMISE), terms.clause(PROMISE))
    months = policy.law("data_subject.answer_months", at)
    assert isinstance(months.content, int)
    return rules.after_months(at, months.content, policy.brand(brand).zone, months.clause)
