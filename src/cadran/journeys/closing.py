"""Closing an account: what it means, and doing it. Services stop at once, personal data is pseudonymised, and what the law asks to
keep is sealed apart, each purpose with its own deletion date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cadran.balance import queries as balance
from cadran.charging import queries as charging
from cadran.charging.ports import Charging
from cadran.compliance import operations as compliance_operations
from cadran.compliance import queries as compliance
from cadran.compliance import rules as compliance_rules
from cadran.journeys.callback_orders import operations as callback_orders
from cadran.messaging import operations as messaging
from cadran.numbering import operations as numbering_operations
from cadran.numbering import queries as numbering
from cadran.numbering.proofs import operations as proofs
from cadran.party import leaving
from cadran.party import queries as party
from cadran.party.calling import operations as calling
from cadran.party.documents import operations as documents
from cadran.party.keys import operations as key_operations
from cadran.party.keys import queries as keys
from cadran.payment import automatic
from cadran.payment import queries as payment
from cadran.payment import rules as payment_rules
from cadran.payment.vouchers import queries as vouchers
from cadran.payment.vouchers import tries
from cadran.policy import queries as policy
from cadran.policy.events import PendingEvent
from cadran.policy.proof import operations as proof
from cadran.units.clause import carries
from cadran.units.errors import CadranError

IDENTITY, SUBSCRIPTION, TRAFFIC = "civil-identity", "subscription", "traffic"
INVOICES, EVIDENCE = "invoices", "evidence"
PURPOSES = (
    (IDENTITY, "retention.civil_identity_years"),
    (SUBSCRIPTION, "retention.subscription_years"),
    (TRAFFIC, "retention.technical_years"),
    (INVOICES, "invoice.retention_years"),
    (EVIDENCE, "invoice.retention_years"),
)
OPEN_ORDERS = frozenset(
    {payment_rules.OrderState.AT_PROVIDER, payment_rules.OrderState.AWAITING_TRANSFER, payment_rules.OrderState.REVIEW}
)


class UnableToClose(CadranError):
    """A call or an order is still open: details name which."""

    error_id = "journeys-close-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept after the closing for one purpose, under which clause and source, and until when."""

    purpose: str
    clause: str
    source: str
    delete_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What closing means today. Money in micro-units of the account's currency; `in_the_way`: call or order."""

    lost_micros: int
    currency: str
    numbers: tuple[str, ...]
    sip_users: tuple[str, ...]
    in_the_way: tuple[str, ...]
    keeping: tuple[Keeping, ...]


def consequences(*, customer: party.Customer, at: datetime) -> Consequences:
    """What the customer loses, what is kept, and what stands in the way."""
    held = balance.balance(customer.account, at)
    waiting = [one for one in payment.orders(customer.account, limit=200) if one.state in OPEN_ORDERS]
    waits = bool(waiting) or vouchers.waiting(customer.account)
    in_the_way = [name for name, open_ in (("call", charging.open_calls(customer.account)), ("order", waits)) if open_]
    return Consequences(
        lost_micros=held.free_micros,
        currency=customer.currency,
        numbers=tuple(one.digits for one in numbering.numbers_of(customer.account) if one.until_at is None),
        sip_users=tuple(one.username for one in party.sip_identities(account=customer.account)),
        in_the_way=tuple(in_the_way),
        keeping=keeping(customer=customer, at=at),
    )


@carries("LAW-retention", "KRY-4.2.3-erasure")
def keeping(*, customer: party.Customer, at: datetime) -> tuple[Keeping, ...]:
    """Each purpose that the law makes us keep data for, and the instant of its deletion if the account closes at `at`."""
    zone, found = policy.brand(customer.brand).zone, []
    for purpose, name in PURPOSES:
        value = policy.law(name, at)
        assert isinstance(value.content, int)
        until = compliance_rules.years_later(at, value.content, zone)
        found.append(Keeping(purpose=purpose, clause=value.clause, source=value.source, delete_at=until))
    return tuple(found)


@carries("KRY-4.2.3-erasure", "LAW-retention")
def close(*, user_id: int, at: datetime) -> tuple[Keeping, ...]:
    """Close the account of that customer at `at`: nothing of it works any more. Raises UnableToClose, and then nothing changed."""
    with transaction.atomic():
        customer = party.customer(user_id=user_id)
        if customer is None:
            raise party.UnknownCustomer("only a customer closes an account")
        what = consequences(customer=customer, at=at)
        if what.in_the_way:
            raise UnableToClose("a call or an order is still open: end it first", open=list(what.in_the_way))
        for one in numbering.numbers_of(customer.account):
            if one.until_at is None:
                end = (
                    numbering_operations.release_number
                    if one.kind == "assigned"
                    else numbering_operations.withdraw_verified_number
                )
                end(e164=f"+{one.digits}", account=customer.account, at=at)
        for kept in what.keeping:
            compliance_operations.retain(
                account=customer.account,
                purpose=kept.purpose,
                content=_content(kept.purpose, customer),
                clause=kept.clause,
                source=kept.source,
                delete_at=kept.delete_at,
                at=at,
            )
        for case in compliance.cases(account=customer.account):
            if case.state is not compliance_rules.State.CLOSED:
                compliance_operations.close(number=case.number, by="", at=at)
        for key in keys.keys_of(customer.account):
            key_operations.revoke_key(
                prefix=key.prefix, account=customer.account, because="account closed", by=customer.username, at=at
            )
        automatic.end(account=customer.account, at=at)
        calling.forget(account=customer.account)
        tries.forget_sources(account=customer.account)
        proofs.forget(account=customer.account)
        documents.contract_ended(customer_id=customer.id, at=at)
        leaving.end_customer(user_id=user_id, at=at)
    return what.keeping


def _content(purpose: str, customer: party.Customer) -> dict[str, object]:
    """What one purpose needs, and nothing else: who it was; what was subscribed; the account that calls and invoices bear."""
    if purpose == IDENTITY:
        return {
            "first_names": customer.first_names,
            "name": customer.name,
            "company": customer.company,
            "kind": customer.kind,
            "country": customer.country,
            "user_name": customer.username,
            "email": customer.email,
        }
    if purpose == EVIDENCE:
        return {"account": customer.account}
    if purpose == INVOICES:
        return {"display_name": customer.display_name, "country": customer.country}
    if purpose == SUBSCRIPTION:
        accepted = [
            [one.document, one.ref, one.text_sha256, one.at] for one in party.acceptances(customer_id=customer.id)
        ]
        return {"created_at": customer.created_at, "validated_at": customer.validated_at, "accepted": accepted}
    return {
        "account": customer.account,
        "sip_users": [one.username for one in party.sip_identities(account=customer.account)],
    }


@carries("KRY-4.2.3-erasure", "LAW-retention")
def erase_evidence(event: PendingEvent, charging_service: Charging) -> None:
    """The last purpose is over: what mails and evidence still held of the account goes; the proof tells erased from missing."""
    if event.body["purpose"] == EVIDENCE:
        account = str(event.body["account"])
        messaging.forget(account=account)
        callback_orders.forget(account=account)
        proof.erase(subject=account, at=event.at, reason="the law's years are over")
