"""Topping up by the code of a printed voucher."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router

from cadran.charging.adapters.client import SocketCharging
from cadran.journeys import vouchers as journey
from cadran.journeys.vouchers import Origin
from cadran.party.keys.rules import Scope
from cadran.payment.vouchers import queries, rules
from cadran.payment.vouchers.rules import Outcome
from cadran.units import clause
from cadran.units.errors import CadranError
from cadran.web.api import access, shapes
from cadran.web.api import shapes_vouchers as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of

router = Router(tags=["credit"])
SAMPLE = "0000000000000000"
CHARGING_TIMEOUT_S = 3


class VoucherRefused(CadranError):
    """This code gives no credit: `decision.code` says whether it is mistyped, unknown, used by this account, expired or blocked."""

    error_id = "vouchers-code-refused"


class VouchersLocked(CadranError):
    """Too many wrong codes came from this account or address: wait as long as Retry-After says."""

    error_id = "vouchers-locked"


@clause.carries("KRY-2.4-coupons")
@operation(
    router,
    "POST",
    "/vouchers",
    scope=Scope.WRITE_TOPUP,
    answers_with=seen.VoucherRedemption,
    status=201,
    may_fail=("vouchers-code-refused", "vouchers-locked", "vouchers-not-offered", "vouchers-not-credited"),
)
def redeem_voucher(request: HttpRequest, asked: Body[seen.CodeAsked]) -> seen.VoucherRedemption:
    """Redeem a voucher by its code.

    The credit is there when the answer comes, or follows within moments (`state` is claimed). A refusal is a problem with its
    `decision`. After several wrong codes an account waits, each time twice as long. A test key redeems sixteen zeros.
    """
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    source, at = account_of(request), settings.CIVIL_CLOCK.now()
    if caller.test:
        return _sample(asked.code)
    charging = SocketCharging(settings.CHARGING_SOCKET, timeout_s=CHARGING_TIMEOUT_S)
    try:
        found = journey.redeem(
            account=source.customer.account,
            code=asked.code,
            key=caller.deed,
            at=at,
            origin=Origin(channel="api", source=access.client_address(request)),
            charging=charging,
        )
    finally:
        charging.close()
    if found.outcome is Outcome.LOCKED:
        wait_s = int((found.wait_until - at).total_seconds()) + 1 if found.wait_until else 1
        raise VouchersLocked(found.decision.en, decision=found.decision, retry_s=wait_s)
    if found.outcome not in (Outcome.OK, Outcome.PENDING):
        raise VoucherRefused(found.decision.en, decision=found.decision)
    return told(queries.redemption(found.redemption_id))


@operation(router, "GET", "/vouchers", scope=Scope.READ_LEDGER, answers_with=seen.VoucherRedemptions)
def list_vouchers(request: HttpRequest, limit: shapes.Limit = 50) -> seen.VoucherRedemptions:
    """The vouchers that the account redeemed, newest first."""
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    source = account_of(request)
    if caller.test:
        return seen.VoucherRedemptions(vouchers=[_sample(SAMPLE)])
    found = queries.redemptions(account=source.customer.account, limit=limit)
    return seen.VoucherRedemptions(vouchers=[told(one) for one in found])


@operation(
    router,
    "GET",
    "/vouchers/{redemption_id}",
    scope=Scope.READ_LEDGER,
    answers_with=seen.VoucherRedemption,
    may_fail=("vouchers-voucher-unknown",),
)
def read_voucher(request: HttpRequest, redemption_id: Path[shapes.Identifier]) -> seen.VoucherRedemption:
    """How a voucher that the account redeemed stands."""
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    source = account_of(request)
    if caller.test:
        if redemption_id != "vou_sample":
            raise queries.UnknownVoucher(f"there is no redemption {redemption_id!r}")
        return _sample(SAMPLE)
    found = queries.redemption(redemption_id)
    if found.account != source.customer.account:
        raise queries.UnknownVoucher(f"there is no redemption {redemption_id!r}")
    return told(found)


def told(one: queries.Redemption) -> seen.VoucherRedemption:
    return seen.VoucherRedemption(
        id=one.redemption_id,
        serial=one.serial,
        amount_micros=one.amount_micros,
        currency=one.currency,
        state=one.state,
        redeemed_at=one.claimed_at,
        balance_micros=one.balance_micros,
        expires_at=one.expires_at,
    )


def _sample(code: str) -> seen.VoucherRedemption:
    """What a test key gets: nothing is redeemed."""
    if rules.read_code(code) != SAMPLE:
        raise VoucherRefused("A test key redeems sixteen zeros.")
    at = settings.CIVIL_CLOCK.now()
    return seen.VoucherRedemption(
        id="vou_sample",
        serial=rules.serial_of("TEST", 1, 1),
        amount_micros=10_000_000,
        currency="EUR",
        state="credited",
        redeemed_at=at,
        balance_micros=18_000_000,
        expires_at=at,
    )
