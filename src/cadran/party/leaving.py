"""The end of a contract: nothing works any more, and the rows that others point to bear a pseudonym."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction

from cadran.party import models, queries, sign_ins
from cadran.policy import operations as policy_operations
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.period import utc


@carries("KRY-4.2.3-erasure")
def end_customer(*, user_id: int, at: datetime) -> None:
    """End the contract: sign-ins, SIP users and factors go, names and address give way to a pseudonym, user name and address are
    free again. What the law asks to keep was sealed apart before. Again changes nothing. Raises UnknownCustomer."""
    with transaction.atomic():
        found = models.Customer.objects.select_for_update().select_related("user").filter(user_id=user_id).first()
        if found is None:
            raise queries.UnknownCustomer("no customer signs in so")
        if found.state == models.CustomerState.ENDED:
            return
        account = found.accounts.order_by("id")[0]
        pseudonym = f"closed-{found.pk}"
        sign_ins.end_all(user_id=user_id)
        for name in models.SipUser.objects.filter(account__customer=found).values_list("username", flat=True):
            policy_operations.record_event(
                kind="party.sip-user-ended",
                key=f"{name}:{ids.new_id('evt')}",
                body={"sip_user": name, "account": account.number},
                at=at,
            )
        for rows in (
            models.SipUser.objects.filter(account__customer=found),
            models.ConnectionCheck.objects.filter(user_id=user_id),
            models.StaffNote.objects.filter(customer=found),
            EmailAddress.objects.filter(user_id=user_id),
            Authenticator.objects.filter(user_id=user_id),
        ):
            rows.delete()
        user = found.user
        user.is_active, user.username, user.email = False, pseudonym, f"{pseudonym}@cadran.invalid"
        user.set_unusable_password()
        user.save(update_fields=["is_active", "username", "email", "password"])
        found.state, found.state_reason = models.CustomerState.ENDED, "closed by the customer"
        found.first_names, found.name, found.company = "", pseudonym, ""
        found.save(update_fields=["state", "state_reason", "first_names", "name", "company"])
        found.accounts.update(state="closed")
        policy_operations.record_event(
            kind="party.customer-ended",
            key=account.number,
            body={"account": account.number, "brand": account.brand, "at": utc(at).isoformat()},
            at=at,
        )
