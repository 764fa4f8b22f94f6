"""What the terms say of records once written: how a call record is corrected, and what is kept as evidence. Pure."""

from __future__ import annotations

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms, UnknownValue
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


# What the terms call a thing, and how the kinds of the entries that keep it begin.
KEPT_AS = {
    "order": ("payment.order-",),
    "payment": ("payment.received", "payment.refund", "charging.credit-"),
    "coupon": ("subscription.coupon-",),
    "gift-voucher": ("payment.voucher",),
    "loyalty": ("subscription.loyalty-",),
    "mail": ("messaging.mail-",),
}
ALWAYS = {"call": ("charging.cdr", "charging.correction"), "acceptance": ("party.acceptance",)}


@carries("KRY-2.4-evidence")
def kept_as_evidence(terms: Terms) -> dict[str, tuple[str, ...]]:
    """What a brand keeps as evidence, each with the beginnings of the kinds of its entries: calls and acceptances always, and what its
    terms name besides. Raises UnknownValue for a thing of which nobody keeps entries."""
    named = terms.texts("evidence.kept") if "evidence.kept" in terms.values else ()
    if unknown := [thing for thing in named if thing not in KEPT_AS]:
        raise UnknownValue(f"{terms.ref}: nobody keeps entries of {', '.join(unknown)}: one of {', '.join(KEPT_AS)}")
    return ALWAYS | {thing: KEPT_AS[thing] for thing in named}
