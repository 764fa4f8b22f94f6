"""A refund from the decision to the card: credit held, provider asked, credit taken; or released where the provider says no.

Every step is idempotent and written down before the next, so that a death in between is taken up again by `carry_refunds`.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.conf import settings

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.ports import ChargingRefused, ChargingUnavailable, Withdrawals, WithdrawCredit
from cadran.journeys import credit
from cadran.payment import refunds
from cadran.payment.ports import CardProvider, ProviderRefused, ProviderUncertain
from cadran.payment.rules import OPEN_REFUNDS, RefundState
from cadran.units.errors import CadranError

log = structlog.get_logger()

TOWARDS = "payments/card"


def refund_payment(
    *,
    order_id: str,
    amount_micros: int,
    key: str,
    reason: str,
    by: str,
    at: datetime,
    provider: CardProvider | None = None,
    charging: Withdrawals | None = None,
) -> refunds.RefundView:
    """Pay back part or all of a paid order to its card; its unused credit is taken back first.

    The same key gives the same refund. A refund that is still open when this returns goes on by itself. Raises UnknownOrder,
    RefundRefused, KeyReused; a refund refused later, because the credit is spent or by the provider, says so in its note.
    """
    placed = refunds.place(key=key, order_id=order_id, amount_micros=amount_micros, reason=reason, by=by, at=at)
    return _carry(
        placed,
        provider=provider or credit.card_provider(),
        charging=charging or SocketCharging(settings.CHARGING_SOCKET),
        at=at,
    )


def carry_refunds(*, provider: CardProvider, charging: Withdrawals, at: datetime) -> int:
    """Go on with the refunds that are not over; returns how many ended."""
    ended = 0
    for refund in refunds.waiting(at=at):
        try:
            ended += _carry(refund, provider=provider, charging=charging, at=at).state not in OPEN_REFUNDS
        except CadranError:  # one that is stuck must not keep the others from going on
            log.exception("refund-stuck", refund=refund.refund_id)
    return ended


def _carry(
    refund: refunds.RefundView, *, provider: CardProvider, charging: Withdrawals, at: datetime
) -> refunds.RefundView:
    try:
        if refund.state is RefundState.PLACED:
            charging.withdraw(_step(refund, "hold", at))
            refund = refunds.step(refund_id=refund.refund_id, state=RefundState.HELD, at=at)
        if refund.state in (RefundState.HELD, RefundState.ASKED):
            refund = _ask(refund, provider, charging, at)
    except ChargingRefused as error:
        if refund.state is not RefundState.PLACED:
            raise
        return refunds.step(refund_id=refund.refund_id, state=RefundState.REFUSED, at=at, note=error.message)
    except (ChargingUnavailable, ProviderUncertain) as error:
        log.warning("refund-waits", refund=refund.refund_id, state=str(refund.state), error=error.error_id)
        return refunds.tried(refund_id=refund.refund_id, at=at)
    return refund


def _ask(refund: refunds.RefundView, provider: CardProvider, charging: Withdrawals, at: datetime) -> refunds.RefundView:
    refund = refunds.step(refund_id=refund.refund_id, state=RefundState.ASKED, at=at)
    try:
        answer = (
            provider.refund_status(refund.provider_ref)
            if refund.provider_ref
            else provider.refund(
                key=refund.refund_id, provider_ref=refund.order_ref, amount_micros=refund.amount_micros
            )
        )
    except ProviderRefused as error:
        charging.withdraw(_step(refund, "release", at))
        return refunds.step(refund_id=refund.refund_id, state=RefundState.REFUSED, at=at, note=error.message)
    if answer.state == "pending":
        return refunds.step(
            refund_id=refund.refund_id, state=RefundState.ASKED, at=at, provider_ref=answer.provider_ref
        )
    done = answer.state == "done"
    charging.withdraw(_step(refund, "take" if done else "release", at))
    return refunds.step(
        refund_id=refund.refund_id,
        state=RefundState.DONE if done else RefundState.REFUSED,
        at=at,
        provider_ref=answer.provider_ref,
        note="" if done else "the bank refused the refund",
    )


def _step(refund: refunds.RefundView, step: str, at: datetime) -> WithdrawCredit:
    return WithdrawCredit(
        key=refund.refund_id,
        account=refund.account,
        step=step,
        at=at,
        amount_micros=refund.amount_micros if step == "hold" else 0,
        bucket=refund.order_id,
        towards=TOWARDS,
    )
