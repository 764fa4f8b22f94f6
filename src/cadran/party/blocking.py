"""Staff blocks a customer and lets it in again: while it is blocked, neither the site nor a phone opens anything."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from cadran.party import models, queries
from cadran.party.staff_operations import BadStaff
from cadran.policy import operations as policy_operations
from cadran.units import ids
from cadran.units.errors import CadranError


class UnableToBlock(CadranError):
    """The customer's state leaves nothing to block or to unblock."""

    error_id = "party-block-refused"


def block_customer(*, account: str, reason: str, by: str, at: datetime) -> None:
    """An active customer is blocked, for a reason that it reads. Raises UnableToBlock, BadStaff, queries.UnknownCustomer."""
    _turn(account, models.CustomerState.ACTIVE, models.CustomerState.BLOCKED, reason, by, at)


def unblock_customer(*, account: str, reason: str, by: str, at: datetime) -> None:
    """A blocked customer is active again. Raises UnableToBlock, BadStaff, queries.UnknownCustomer."""
    _turn(account, models.CustomerState.BLOCKED, models.CustomerState.ACTIVE, reason, by, at)


def _turn(
    account: str, before: models.CustomerState, after: models.CustomerState, reason: str, by: str, at: datetime
) -> None:
    kept = reason.replace("\x00", "").strip()
    if not 3 <= len(kept) <= 200:
        raise BadStaff("a reason has 3 to 200 characters")
    with transaction.atomic():
        customer_id = queries.customer_of_account(account).id
        row = models.Customer.objects.select_for_update().get(pk=customer_id)
        if row.state != before:
            raise UnableToBlock(
                f"this customer is {row.state}: only one that is {before.value} can become {after.value}"
            )
        row.state = after
        row.state_reason = kept if after == models.CustomerState.BLOCKED else ""
        row.save(update_fields=["state", "state_reason"])
        policy_operations.record_event(
            kind=f"party.customer-{'blocked' if after == models.CustomerState.BLOCKED else 'unblocked'}",
            key=f"{account}:{ids.new_id('evt')}",
            body={"account": account, "brand": row.brand, "reason": kept, "by": by},
            at=at,
        )
