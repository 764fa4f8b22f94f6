"""Vouchers across the rooms: a batch proposed and approved, a code that becomes credit, what the books and the customer hear of it."""

from __future__ import annotations

from datetime import datetime

import phonenumbers
from django.db import transaction

from cadran.balance import operations as balance
from cadran.charging import vouchers as charging_vouchers
from cadran.charging.ports import Charging, MoveVouchers, Vouchers
from cadran.journeys import adjustments, mails
from cadran.journeys.proposals import operations as proposals
from cadran.journeys.proposals import queries as proposal_queries
from cadran.journeys.proposals import rules as proposal_rules
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.proposals.rules import Person, ProposalKind, ProposalState
from cadran.ledger import queries as ledger
from cadran.numbering.access import queries as access
from cadran.party import queries as party
from cadran.payment.vouchers import operations, queries, redemption, rules, sheets, tries
from cadran.payment.vouchers.operations import Hand
from cadran.payment.vouchers.queries import Batch
from cadran.payment.vouchers.redemption import Origin, Redeemed
from cadran.payment.vouchers.rules import Wish
from cadran.policy import queries as policy
from cadran.policy.events import PendingEvent
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError

__all__ = ["Origin", "Redeemed", "redeem"]


class AccountClosed(CadranError):
    """Only an account that is open redeems vouchers; the voucher stays good."""

    error_id = "vouchers-account-closed"


def terms_of(brand: str, at: datetime) -> Terms:
    """The terms by which a brand makes vouchers now."""
    return policy.terms_in_force(brand, at)


def governing(account: str, at: datetime) -> Terms:
    """The terms that govern an account's use now. Raises party.UnknownCustomer."""
    return policy.governing_terms(party.customer_of_account(account).terms, at)


def offered(account: str, at: datetime) -> bool:
    """Whether this account's brand sells vouchers."""
    return rules.offers_vouchers(governing(account, at))


@carries("KRY-2.4-coupons")
def redeem(*, account: str, code: str, key: str, at: datetime, origin: Origin, charging: Charging) -> Redeemed:
    """Give an account the credit of the voucher of that code, once. See charging.vouchers.redeem, which the SIP process calls.

    Raises AccountClosed, redemption.NoVouchers, NotCredited and KeyReused; party.UnknownCustomer.
    """
    customer = party.customer_of_account(account)
    if not customer.active:
        raise AccountClosed("your account is not open: its credit cannot be topped up")
    return charging_vouchers.redeem(
        account=account,
        terms=policy.governing_terms(customer.terms, at),
        code=code,
        key=key,
        at=at,
        origin=origin,
        charging=charging,
    )


def resume(*, at: datetime, charging: Charging) -> int:
    """Go on with vouchers that were claimed and whose credit was never heard of."""
    return redemption.resume(at=at, credits_=charging_vouchers.ChargingCredits(charging))


@carries("KRY-2.4-coupons")
def propose_batch(
    *, key: str, brand: str, wish: Wish, reason: str, by: Person, at: datetime, replaces: str = ""
) -> Shown:
    """Ask for a batch of vouchers. Within what one person may do alone it is approved at once, else a second person approves
    it, as for other money. Idempotent by key. Raises InvalidBatch, InvalidProposal, ProposalConflict."""
    house = policy.brand(brand)
    with transaction.atomic():
        if known := proposal_queries.of_key(key):
            return known
        batch = operations.draft(
            brand=brand,
            currency=house.currency,
            terms=terms_of(brand, at),
            wish=wish,
            reason=proposal_rules.checked_reason(reason),
            by=Hand(user_id=by.user_id, name=by.name),
            at=at,
            replaces=replaces,
        )
        made = proposals.propose(
            key=key,
            kind=ProposalKind.VOUCHERS,
            brand=brand,
            subject=batch.batch_id,
            amount_micros=batch.worth_micros,
            currency=batch.currency,
            reason=reason,
            by=by,
            at=at,
            body={"series": batch.name, "face_micros": batch.face_micros, "count": batch.count},
        )
        if made.state is ProposalState.APPROVED:
            operations.approved(batch_id=batch.batch_id, at=at)
        return made


@carries("KRY-2.4-coupons")
def approve(*, proposal_id: str, by: Person, at: datetime) -> Shown:
    """A second person agrees: the batch is made from now on. Raises SamePerson, NotPending, UnknownProposal."""
    found = batch_proposal(proposal_id)
    with transaction.atomic():
        approved = proposals.approve(proposal_id=proposal_id, by=by, proposer=adjustments.proposer(found), at=at)
        operations.approved(batch_id=found.subject, at=at)
    return approved


def refuse(*, proposal_id: str, by: Person, reason: str, at: datetime) -> Shown:
    """A second person refuses, and says why. Raises as `approve`, and InvalidProposal."""
    found = batch_proposal(proposal_id)
    with transaction.atomic():
        proposer = adjustments.proposer(found)
        refused = proposals.refuse(proposal_id=proposal_id, by=by, proposer=proposer, reason=reason, at=at)
        operations.dropped(batch_id=found.subject, at=at)
    return refused


def batch_proposal(proposal_id: str) -> Shown:
    """The proposal of that id, if it is for vouchers. Raises UnknownProposal."""
    found = proposal_queries.proposal(proposal_id)
    if found.kind is not ProposalKind.VOUCHERS:
        raise proposal_queries.UnknownProposal(f"{proposal_id[:40]!r} is not for vouchers")
    return found


def proposal_of(batch_id: str) -> str:
    """The id of the proposal by which a batch was asked for. Raises UnknownProposal."""
    found = proposal_queries.proposals(kinds=(ProposalKind.VOUCHERS,), subject=batch_id, limit=1)
    if not found:
        raise proposal_queries.UnknownProposal(f"no proposal asked for the batch {batch_id[:40]!r}")
    return found[0].proposal_id


def print_sheets(*, batch_id: str, form: str, by: Hand, at: datetime) -> tuple[str, bytes]:
    """The sheets of a batch, once: as `pdf` to print, or as `csv` for a printing house. Returns a file name and the file, which is
    kept nowhere. Raises BatchNotReady, SheetsTaken."""
    printed = operations.read_sheets(batch_id=batch_id)
    house = policy.brand(printed.batch.brand)
    numbers = access.access_numbers(house.key, at)
    look = sheets.Look(
        brand=house.name,
        colours=house.colours,
        zone=house.zone,
        site=house.site.removeprefix("https://").strip("/"),
        access=tuple(_readable(one.digits) for one in numbers[:1]),
    )
    file = sheets.pdf(printed, look) if form == "pdf" else sheets.spreadsheet(printed)
    operations.take_sheets(batch_id=batch_id, form=form, by=by, at=at)
    return f"{printed.batch.name.replace(' ', '-')}.{form}", file


def _readable(digits: str) -> str:
    number = phonenumbers.parse(f"+{digits}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def decided(event: PendingEvent, charging: Charging) -> None:
    """What became of a proposal for a batch: approved, it is made; refused, withdrawn or expired, it is dropped."""
    if event.body["kind"] != ProposalKind.VOUCHERS:
        return
    proposal, batch_id = proposal_queries.proposal(str(event.body["proposal"])), str(event.body["subject"])
    if event.kind == proposals.APPROVED:
        operations.approved(batch_id=batch_id, at=event.at)
        proposals.finished(proposal_id=proposal.proposal_id, failed=False, note="", at=event.at)
    else:
        operations.dropped(batch_id=batch_id, at=event.at)


def booked_micros(brand: str) -> int:
    """What the books say is owed to holders of a brand's vouchers: what the vouchers themselves say, once every deed is carried."""
    return ledger.posted(balance.house(brand, balance.VOUCHERS, policy.brand(brand).currency))


def make(*, at: datetime) -> int:
    """Make the next vouchers of what was approved; returns how many."""
    return operations.make(at=at)


def forget_tries(*, at: datetime) -> int:
    """Delete codes tried more than a year ago; returns how many."""
    return tries.forget(at=at)


def keep_books(event: PendingEvent, charging: Charging) -> None:
    """Vouchers issued, blocked or expired move what is owed to their holders, once each deed."""
    body = event.body
    micros = int(str(body["micros"]))
    if not micros:
        return
    books: Vouchers = charging  # type: ignore[assignment]
    books.move_vouchers(
        MoveVouchers(
            key=str(body["deed"]),
            brand=str(body["brand"]),
            step=event.kind.removeprefix("payment.vouchers-"),
            amount_micros=micros,
            currency=str(body["currency"]),
            at=event.at,
        )
    )


def replace_lost(*, batch_id: str, key: str, reason: str, by: Person, at: datetime) -> Shown:
    """The sheets of a batch were lost: what is left of it is blocked, and as many new vouchers are asked for. Idempotent by key.

    Raises as `propose_batch`, and BatchNotReady, UnknownBatch."""
    lost: Batch = queries.batch(batch_id)
    with transaction.atomic():
        if known := proposal_queries.of_key(key):
            return known
        blocked = operations.block(
            batch_id=batch_id,
            first=1,
            last=lost.count,
            reason=proposal_rules.checked_reason(reason),
            key=f"{key}/block",
            by=Hand(user_id=by.user_id, name=by.name),
            at=at,
        )
        wish = Wish(series=lost.series, face_micros=lost.face_micros, count=blocked.count, valid_days=lost.valid_days)
        return propose_batch(key=key, brand=lost.brand, wish=wish, reason=reason, by=by, at=at, replaces=lost.batch_id)


def told(event: PendingEvent, charging: Charging) -> None:
    """The customer hears by mail that a voucher became credit: serial, credit before and after, until when."""
    if (customer := mails.reader(event)) is None:
        return
    found = queries.redemption(str(event.body["redemption"]))
    after = found.balance_micros or 0
    mails.write(
        "voucher-redeemed",
        key=f"voucher-redeemed:{found.redemption_id}",
        customer=customer,
        at=event.at,
        context={
            "serial": rules.shown_serial(found.serial),
            "amount_micros": found.amount_micros,
            "before_micros": after - found.amount_micros,
            "balance_micros": after,
            "valid_until": found.expires_at,
            "terms": str(event.body["terms"]),
            "voucher_url": f"{mails.site_url(customer.brand)}/topup/voucher/{found.redemption_id}/",
        },
    )
