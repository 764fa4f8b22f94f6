"""Carry events from the room that recorded them to those that subscribe: at least once, in order, each failure retried.

A subscriber is idempotent by the event's key, so that a repeat does nothing. One that fails is tried again after a pause;
the others do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from cadran.charging.ports import Charging
from cadran.journeys import (
    adjustments,
    calling_mails,
    case_mails,
    closing,
    credit,
    erasure,
    mails,
    prices,
    publications,
    receipts,
    vouchers,
    wallet,
    webhooks,
)
from cadran.journeys.rerating import operations as rerating
from cadran.policy import events, operations
from cadran.policy.events import PendingEvent
from cadran.units.errors import CadranError

log = structlog.get_logger()

Subscriber = Callable[[PendingEvent, Charging], None]

SUBSCRIBERS: Mapping[str, tuple[Subscriber, ...]] = {
    "compliance.retained-deleted": (closing.erase_evidence,),
    "catalog.deck-activated": (prices.take_up_deck,),
    "journeys.proposal-approved": (adjustments.follow, publications.follow, rerating.follow, vouchers.decided),
    "journeys.proposal-refused": (vouchers.decided,),
    "journeys.proposal-withdrawn": (vouchers.decided,),
    "journeys.proposal-expired": (vouchers.decided,),
    "payment.voucher-redeemed": (vouchers.told,),
    "payment.vouchers-issued": (vouchers.keep_books,),
    "payment.vouchers-blocked": (vouchers.keep_books,),
    "payment.vouchers-expired": (vouchers.keep_books,),
    "evidence.erased": (erasure.erase_in_charging,),
    "journeys.low-credit": (mails.low_credit,),
    "journeys.credit-expiring": (mails.credit_expiring,),
    "party.customer-validated": (wallet.open_wallet, mails.account_activated),
    "payment.received": (credit.buy_credit, receipts.issue, mails.confirm_order),
    "payment.refunded": (receipts.refund, mails.refunded),
    "payment.automatic-agreed": (mails.automatic_top_up,),
    "payment.automatic-refused": (mails.automatic_top_up,),
    "journeys.rerated": (mails.rerated,),
    "payment.automatic-held-back": (mails.automatic_top_up,),
    "payment.transfer-awaited": (mails.await_transfer,),
    "payment.transfer-lapsed": (mails.transfer_lapsed,),
    "party.document-refused": (mails.document_refused,),
    "party.documents-accepted": (mails.documents_accepted,),
    "party.sip-password-changed": (mails.sip_password_changed,),
    "numbering.calling-number-registered": (calling_mails.changed,),
    "numbering.calling-number-removed": (calling_mails.changed,),
    "numbering.calling-number-lost": (calling_mails.number_lost,),
    "party.pin-set": (calling_mails.changed,),
    "party.pin-removed": (calling_mails.changed,),
    "party.pin-locked": (calling_mails.pin_locked,),
    "compliance.case-opened": (mails.case_opened,),
    "compliance.case-answered": (case_mails.answered,),
    "compliance.case-closed": (case_mails.answered,),
}


def pending(*, charging: Charging, now: datetime, limit: int = 100) -> int:
    """Carry the events that wait, at most `limit`; returns how many were carried. Never raises for one event's failure."""
    carried = 0
    for event in events.pending_events(at=now, limit=limit):
        try:
            for subscriber in SUBSCRIBERS.get(event.kind, ()):
                subscriber(event, charging)
            webhooks.announce(event)
        except CadranError as error:
            log.warning(
                "event-postponed", kind=event.kind, key=event.key, attempts=event.attempts + 1, error=error.error_id
            )
            operations.postpone(event_id=event.event_id, error=str(error), at=now)
        except Exception as error:  # an edge: one broken event must not stop the others
            log.exception("event-broken", kind=event.kind, key=event.key)
            operations.postpone(event_id=event.event_id, error=f"{type(error).__name__}: {error}", at=now)
        else:
            operations.mark_carried(event_id=event.event_id, at=now)
            carried += 1
    return carried
