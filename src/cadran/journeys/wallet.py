"""A validated customer gets a wallet."""

from __future__ import annotations

from cadran.charging.ports import Charging
from cadran.policy.events import PendingEvent
from cadran.units.clause import carries


@carries("IPP-9.1-free", "IPP-5.2-validation")
def open_wallet(event: PendingEvent, charging: Charging) -> None:
    """Open the account's wallet once its customer is validated, at no price; the account's number is the key."""
    charging.open_wallet(
        account=str(event.body["account"]),
        brand=str(event.body["brand"]),
        currency=str(event.body["currency"]),
        at=event.at,
    )
