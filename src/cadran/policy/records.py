"""What the terms say of call records once written. Pure."""

from __future__ import annotations

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.clause import carries

ALTERATION = "alteration"
FURTHER_RECORD = "further-record"


@carries("IPP-10.1-cdr")
def correction_decision(terms: Terms, *, way: str, cdr_id: str) -> Decision:
    """Whether a call record may be corrected that way: by a further record that names it (`further-record`), or by changing it
    (`alteration`). Only the way that the terms state is allowed; the code is `cdr-correction-allowed` or `-refused`."""
    allowed = way == terms.text("cdr.correction")
    if allowed:
        fr = "Le ticket d'appel reste tel quel ; un nouvel enregistrement le corrige."
        en = "The call ticket stays as it is; a further record corrects it."
    else:
        fr = "Un ticket d'appel n'est jamais modifié : il fait preuve en cas de réclamation."
        en = "A call ticket is never altered: it is the proof in a complaint."
    return Decision(
        allowed=allowed,
        clause=terms.clause("cdr.correction"),
        terms=terms.ref,
        code="cdr-correction-allowed" if allowed else "cdr-correction-refused",
        fr=fr,
        en=en,
        inputs={"way": way, "cdr": cdr_id},
    )
