"""When an account opens: as soon as everything that its accepted terms ask to be proved is proved, and not before."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress

from cadran.party import models
from cadran.policy import accounts as policy_accounts
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.policy.rules import Decision
from cadran.units.clause import carries
from cadran.units.period import utc


def proved(customer: models.Customer) -> frozenset[str]:
    """What the customer proved so far, in the words of `account.validated_by`."""
    found = set()
    if EmailAddress.objects.filter(user_id=customer.user_id, email=customer.user.email, verified=True).exists():
        found.add("email")
    if customer.identity_documents.filter(state="accepted").exists():
        found.add("identity-document")
    return frozenset(found)


@carries("IPP-5.2-validation", "KRY-4.1-registration")
def decision(customer: models.Customer) -> Decision:
    """Whether the services open, and what is missing, by the terms that the customer accepted."""
    account = customer.accounts.order_by("id")[0]
    return policy_accounts.access_decision(policy.terms(account.terms_ref), validated=proved(customer))


@carries("IPP-5.2-validation", "IPP-5.1-activation", "KRY-4.1-registration")
def open_if_validated(*, customer: models.Customer, at: datetime) -> bool:
    """Open a registered customer's services if nothing is missing; whether that was done now. Call it inside a transaction."""
    if customer.state != models.CustomerState.REGISTERED or not decision(customer).allowed:
        return False
    customer.state, customer.validated_at = models.CustomerState.ACTIVE, utc(at)
    customer.save(update_fields=["state", "validated_at"])
    account = customer.accounts.order_by("id")[0]
    policy_operations.record_event(
        kind="party.customer-validated", key=account.number, body=told(customer, account), at=at
    )
    return True


def told(customer: models.Customer, account: models.BillingAccount) -> dict[str, object]:
    """What events say of a customer: no name and no address, which other rooms read from queries."""
    return {
        "account": account.number,
        "brand": account.brand,
        "currency": account.currency,
        "terms": account.terms_ref,
        "language": customer.language,
    }
