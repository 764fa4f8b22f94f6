"""What the terms say of an account: what must be validated before its services are accessible. Pure."""

from __future__ import annotations

from collections.abc import Collection

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.clause import carries


@carries("IPP-5.2-validation")
def access_decision(terms: Terms, *, validated: Collection[str]) -> Decision:
    """Whether an account's services are accessible.

    validated: what was proved so far, of the texts of `account.validated_by` (`email`, `bank-details`...). Everything that the
    terms name must be; the code is `account-validated` or `account-not-validated`, and the inputs name what is missing.
    """
    missing = [name for name in terms.texts("account.validated_by") if name not in validated]
    if missing:
        fr = "Le service n'est accessible qu'après validation de votre inscription."
        en = "The service opens once your registration is validated."
    else:
        fr, en = "Votre inscription est validée.", "Your registration is validated."
    return Decision(
        allowed=not missing,
        clause=terms.clause("account.validated_by"),
        terms=terms.ref,
        code="account-not-validated" if missing else "account-validated",
        fr=fr,
        en=en,
        inputs={"missing": ", ".join(missing)},
    )
