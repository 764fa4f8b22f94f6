"""Credit given, credit taken back and payments refunded by staff: proposed with a reason, approved by a second person above the
brand's limit, then carried out through charging and the card provider, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import structlog

from cadran.charging.ports import ChargingRefused, ChargingUnavailable, Gifts, GiveCredit, Withdrawals, WithdrawCredit
from cadran.journeys import refunds
from cadran.journeys.proposals import operations, queries, rules
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.proposals.rules import Person, ProposalKind, ProposalState
from cadran.party import queries as party
from cadran.party.staff import Permission
from cadran.payment import queries as payment
from cadran.payment.ports import ProviderUncertain
from cadran.payment.rules import RefundState
from cadran.policy.events import PendingEvent
from cadran.units.errors import CadranError

log = structlog.get_logger()
MONEY = (ProposalKind.GIVE_CREDIT, ProposalKind.TAKE_CREDIT, ProposalKind.REFUND)
# What whoever proposes must be permitted, by what is proposed.
ASKS: Mapping[ProposalKind, Permission] = {
    ProposalKind.GIVE_CREDIT: Permission.ADJUST_CREDIT,
    ProposalKind.TAKE_CREDIT: Permission.ADJUST_CREDIT,
    ProposalKind.REFUND: Permission.REFUND,
}
TOWARDS = "goodwill"


class UnableToRefund(CadranError):
    """The credit of that payment is spent, or the provider refuses."""

    error_id = "journeys-refund-unable"


class Till(Gifts, Withdrawals, Protocol):
    """What charging offers to staff."""


def propose(
    *,
    key: str,
    kind: ProposalKind,
    account: str,
    amount_micros: int,
    reason: str,
    by: Person,
    at: datetime,
    order_id: str = "",
) -> Shown:
    """Ask to move that much (above zero) for that customer; within the brand's limit it is approved at once. Idempotent by key.

    order_id: the payment, for a refund. Raises InvalidProposal, SamePerson (nobody moves money of their own), UnknownCustomer,
    UnknownOrder, ProposalConflict.
    """
    holder = party.customer_of_account(account)
    rules.checked_amount(queries.limits(holder.brand), amount_micros)
    _not_oneself(holder, by)
    if kind is ProposalKind.REFUND:
        order = payment.order(order_id, account=account)
        if amount_micros > order.amount_micros:
            raise rules.InvalidProposal("a refund is of the payment's amount at most")
    return operations.propose(
        key=key,
        kind=kind,
        brand=holder.brand,
        account=account,
        subject=order_id if kind is ProposalKind.REFUND else "",
        amount_micros=amount_micros if kind is ProposalKind.GIVE_CREDIT else -amount_micros,
        currency=holder.currency,
        reason=reason,
        by=by,
        at=at,
    )


def approve(*, proposal_id: str, by: Person, at: datetime) -> Shown:
    """A second person approves money moved; `carry_out` then moves it. Raises SamePerson, NotPending, UnknownProposal."""
    found = _money(proposal_id)
    _not_oneself(party.customer_of_account(found.account), by)
    return operations.approve(proposal_id=proposal_id, by=by, proposer=proposer(found), at=at)


def refuse(*, proposal_id: str, by: Person, reason: str, at: datetime) -> Shown:
    """A second person refuses, and says why. Raises as `approve`, and InvalidProposal."""
    found = _money(proposal_id)
    return operations.refuse(proposal_id=proposal_id, by=by, proposer=proposer(found), reason=reason, at=at)


def proposer(found: Shown) -> Person:
    """Who proposed, with the address that they have now."""
    member = party.staff(found.proposed_by)
    return Person(user_id=found.proposed_by, name=found.proposer, email=member.email if member else "")


def carry_out(*, proposal_id: str, till: Till, at: datetime) -> Shown:
    """Move what was approved, once, whatever is repeated: the proposal's id is the key of all that it moves.

    What cannot be done (too little credit, a refund that the provider refuses) ends the proposal as failed, with the reason. Raises
    ChargingUnavailable and the provider's uncertainty: nothing is known, and it is tried again.
    """
    found = _money(proposal_id)
    if found.state is not ProposalState.APPROVED:
        return found
    failed, note = False, ""
    try:
        note = _move(found, till, at)
    except ChargingUnavailable:
        raise
    except ChargingRefused as error:
        if error.details.get("reason") in ("internal", "busy"):
            raise
        failed, note = True, error.message
    except ProviderUncertain:
        raise
    except CadranError as error:
        failed, note = True, error.message
    return operations.finished(proposal_id=proposal_id, failed=failed, note=note[:400], at=at)


def follow(event: PendingEvent, charging: object) -> None:
    """An approved proposal is carried out by the jobs process, should the page that approved it not have done so."""
    if event.body["kind"] in {str(kind) for kind in MONEY}:
        carry_out(proposal_id=str(event.body["proposal"]), till=charging, at=event.at)  # type: ignore[arg-type]


def _move(found: Shown, till: Till, at: datetime) -> str:
    holder, key = party.customer_of_account(found.account), found.proposal_id
    approved_at = max(step.at for step in found.steps if step.state is ProposalState.APPROVED)
    if found.kind is ProposalKind.GIVE_CREDIT:
        given = till.give_credit(
            GiveCredit(
                key=key,
                account=found.account,
                terms=holder.terms,
                amount_micros=found.amount_micros,
                currency=found.currency,
                at=approved_at,
            )
        )
        return f"bucket {given.bucket} until {given.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    if found.kind is ProposalKind.TAKE_CREDIT:
        wanted = WithdrawCredit(
            key=key,
            account=found.account,
            step="hold",
            at=approved_at,
            amount_micros=-found.amount_micros,
            towards=TOWARDS,
        )
        till.withdraw(wanted)
        till.withdraw(WithdrawCredit(key=key, account=found.account, step="take", at=approved_at))
        return "taken back"
    refund = refunds.refund_payment(
        order_id=found.subject,
        amount_micros=-found.amount_micros,
        key=key,
        reason=found.reason,
        by=found.proposer,
        at=at,
        charging=till,
    )
    if refund.state is RefundState.REFUSED:
        raise UnableToRefund(refund.note)
    return f"{refund.refund_id}: {refund.state}"


def _money(proposal_id: str) -> Shown:
    found = queries.proposal(proposal_id)
    if found.kind not in MONEY:
        raise queries.UnknownProposal(f"{proposal_id[:40]!r} moves no money")
    return found


def _not_oneself(holder: party.Customer, by: Person) -> None:
    if rules.same_person(by, Person(user_id=holder.user_id, name=holder.username, email=holder.email)):
        raise rules.SamePerson("nobody moves money of their own account: ask a colleague")
