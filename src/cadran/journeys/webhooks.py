"""What the rooms record reaches the webhooks of those whom it concerns: events when they are carried, call records soon after."""

from __future__ import annotations

from datetime import datetime

from cadran.charging import queries as charging
from cadran.charging.records import Record
from cadran.messaging.webhooks import kinds, operations, queries
from cadran.party import queries as party
from cadran.policy.events import PendingEvent

CALLS = "calls"
AT_ONCE = 200


def announce(event: PendingEvent) -> int:
    """Tell an event to the endpoints that want its kind; returns to how many. Idempotent by the event's kind and key."""
    kind = kinds.BY_EVENT.get(event.kind)
    if kind is None:
        return 0
    try:
        brand, account = _whose(event)
    except party.UnknownCustomer:
        return 0
    return operations.announce(
        kind=kind,
        source=f"{event.kind}:{event.key}",
        brand=brand,
        account=account,
        body={**event.body, "account": account},
        at=event.at,
    )


def _whose(event: PendingEvent) -> tuple[str, str]:
    """The brand and the account that an event is about; events of a sign-in name its user. Raises UnknownCustomer."""
    account, brand = str(event.body.get("account") or ""), str(event.body.get("brand") or "")
    if not account and (user_name := str(event.body.get("user_name") or "")):
        account = party.customer_named(user_name).account
    return brand or (party.customer_of_account(account).brand if account else ""), account


def follow_calls(*, at: datetime) -> int:
    """Tell the call records written since the last time, at most AT_ONCE; returns how many were read. While nobody wants to know of
    calls, the records are passed over without being read."""
    last = operations.position(CALLS)
    if last is None or not queries.wants(("call.ended",)):
        if (newest := charging.last_position()) != last:
            operations.followed(name=CALLS, position=newest)
        return 0
    found = charging.cdrs_after(last, AT_ONCE)
    for position, record in found:
        operations.announce(
            kind="call.ended",
            source=f"cdr:{record.cdr_id}",
            brand=record.brand,
            account=record.account,
            body=_body(record),
            at=at,
        )
        operations.followed(name=CALLS, position=position)
    return len(found)


def _body(record: Record) -> dict[str, object]:
    """Whom was called is not told: the receiver reads the record with a key that may."""
    return {
        "call": record.cdr_id,
        "account": record.account,
        "direction": record.direction,
        "disposition": record.disposition,
        "charged_s": record.charged_s,
        "charge_micros": record.charge_micros,
        "currency": record.currency,
        "corrects": record.corrects or None,
    }
