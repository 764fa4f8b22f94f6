"""Vouchers redeemed: what journeys and the SIP process call, each with a client of the charging service of its own."""

from __future__ import annotations

from datetime import datetime

from cadran.charging.ports import BuyCredit, Charging, ChargingRefused, ChargingUnavailable
from cadran.payment.vouchers import redemption
from cadran.payment.vouchers.ports import CreditRefused, CreditUnknown, Given, VoucherCredit
from cadran.payment.vouchers.redemption import Origin, Redeemed
from cadran.policy.terms import Terms

MEANS = "voucher"
UNKNOWN = frozenset({"internal", "busy"})


class ChargingCredits:
    """`payment.vouchers.ports.Credits` over the charging service."""

    def __init__(self, charging: Charging) -> None:
        self._charging = charging

    def credit_voucher(self, request: VoucherCredit) -> Given:
        try:
            bought = self._charging.buy_credit(
                BuyCredit(
                    key=request.key,
                    account=request.account,
                    terms=request.terms,
                    amount_micros=request.amount_micros,
                    currency=request.currency,
                    at=request.at,
                    means=MEANS,
                )
            )
        except ChargingUnavailable as error:
            raise CreditUnknown(error.message) from error
        except ChargingRefused as error:
            if error.details.get("reason") in UNKNOWN:
                raise CreditUnknown(error.message) from error
            raise CreditRefused(error.message, reason=error.details.get("reason")) from error
        return Given(expires_at=bought.expires_at, balance_micros=bought.balance_micros)


def redeem(
    *, account: str, terms: Terms, code: str, key: str, at: datetime, origin: Origin, charging: Charging
) -> Redeemed:
    """Give an account the credit of the voucher of that code, once, whatever is repeated or interrupted.

    For the voice menu's question `voucher` (on a database thread; it writes cadran.db shortly, and asks charging once):

        found = vouchers.redeem(
            account=caller.account,
            terms=policy.queries.terms(caller.terms),
            code=digits,
            key=key,                                    # one for each time that the menu asks
            at=at,
            origin=Origin(channel="phone", source=calling.digits),
            charging=charging_client,                   # a SocketCharging
        )
        found.outcome       # ok | pending | mistyped | unknown | used | expired | blocked | locked
        found.amount_micros, found.balance_micros       # of ok; balance_micros: the credit that is there now

    `pending`: the voucher is this account's and its credit follows within moments (charging did not answer): say so, or take it for
    `ok` without a new balance. `mistyped`: no code of ours (length or check digit), which counts as a slip and not as a guess: a menu
    that does not tell the two apart says `unknown`. `locked`: found.wait_until says until when. A stranger's used voucher and one that
    was never issued are `unknown`. Raises redemption.NoVouchers
    (the brand sells none), NotCredited (the voucher stays good), KeyReused.
    """
    return redemption.redeem(
        account=account,
        terms=terms,
        code=code,
        key=key,
        at=at,
        origin=origin,
        credits_=ChargingCredits(charging),
    )
