"""For how long the terms let a call be charged again at another price. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.clause import carries

DAYS = "invoice.rerating_days"
ALLOWED, OUT_OF_TIME, NOT_AGREED = "re-rating-allowed", "re-rating-out-of-time", "re-rating-not-agreed"


@carries("IPP-10.1-re-rating")
def rerating_decision(terms: Terms, *, counted_from: datetime, at: datetime, cdr_id: str) -> Decision:
    """Whether a call may be charged again at `at` (aware): within `invoice.rerating_days` times 24 hours of `counted_from`, the
    last instant included. counted_from: the call, where it was prepaid; else when its invoice was put online. Terms that do not
    speak of it allow it never. The code is one of ALLOWED, OUT_OF_TIME, NOT_AGREED."""
    if DAYS not in terms.values:
        return _decision(terms, NOT_AGREED, "", cdr_id, 0)
    days = terms.integer(DAYS)
    code = ALLOWED if at <= counted_from + timedelta(days=days) else OUT_OF_TIME
    return _decision(terms, code, terms.clause(DAYS), cdr_id, days)


def _decision(terms: Terms, code: str, clause: str, cdr_id: str, days: int) -> Decision:
    if code == ALLOWED:
        fr = f"Le prix de cet appel est corrigé, dans les {days} jours que prévoient les conditions ; la différence est visible."
        en = f"The price of this call is corrected, within the {days} days of the terms; the difference is visible."
    elif code == OUT_OF_TIME:
        fr = f"Les {days} jours que prévoient les conditions sont passés : le prix de cet appel ne change plus."
        en = f"The {days} days of the terms are over: the price of this call no longer changes."
    else:
        fr = "Les conditions acceptées ne prévoient pas de nouveau calcul du prix d'un appel."
        en = "The terms that were accepted do not provide for a new price of a call."
    return Decision(
        allowed=code == ALLOWED,
        clause=clause,
        terms=terms.ref,
        code=code,
        fr=fr,
        en=en,
        inputs={"cdr": cdr_id, "days": days},
    )
