"""What the terms say of an account: what must be validated before its services are accessible. Pure."""

from __future__ import annotations

from collections.abc import Collection

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError

EMAIL = "email"


class UnknownChannel(CadranError):
    """The terms name a way of confirming orders that there is not."""

    error_id = "policy-confirmation-unknown"


@carries("KRY-4.1-order-confirmation")
def confirmation_channel(terms: Terms) -> str:
    """How a validated order is confirmed: by e-mail, unless the terms state another way. Raises UnknownChannel for any other."""
    stated = terms.text("order.confirmation_by") if "order.confirmation_by" in terms.values else EMAIL
    if stated != EMAIL:
        raise UnknownChannel(f"order.confirmation_by of {terms.ref} is {EMAIL}, not {stated!r}")
    return stated


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
