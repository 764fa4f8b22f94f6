"""No order without a recorded acceptance: the terms that the account stands under, and the legal notice."""

from __future__ import annotations

from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.units.clause import carries
from cadran.units.errors import CadranError


class NotAccepted(CadranError):
    """An order for an account whose holder has not accepted the terms, or the legal notice."""

    error_id = "journeys-not-accepted"


@carries("KRY-2.1-acceptance")
def require(*, account: str) -> None:
    """Raises NotAccepted where the acceptance of the account's version of the terms or of a legal notice is not on record."""
    try:
        customer = party.customer_of_account(account)
    except party.UnknownCustomer as error:
        raise NotAccepted("nobody accepted the terms for this account", account=account) from error
    kept = {(one.document, one.ref) for one in party.acceptances(customer_id=customer.id)}
    legal = any(document == party_rules.Document.LEGAL for document, _ in kept)
    if (party_rules.Document.TERMS.value, customer.terms) not in kept or not legal:
        raise NotAccepted("accept the terms and the legal notice before you order", account=account)
