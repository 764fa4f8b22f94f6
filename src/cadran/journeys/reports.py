"""Reports of lost or stolen codes and of abuse: what was reported is blocked at once, and a case is opened."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.db import transaction

from cadran.compliance import operations, queries, rules
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import sign_ins
from cadran.policy import queries as policy
from cadran.units.clause import carries

PAUSE = "report.outside_pause_hours"


@carries("IPP-5.3-codes", "KRY-4.2.2-session-safety")
def report(
    *, customer: party.Customer, kind: rules.Kind, lost: Collection[rules.Lost], text: str, key: str, at: datetime
) -> queries.Case:
    """The customer, signed in, reports its codes lost or its account abused. What is named is blocked in the same transaction as
    the case is opened; abuse blocks everything. Raises InvalidCase."""
    return _report(customer, kind, lost, text, f"inside:{customer.account}:{key}", "inside", at)


@carries("IPP-5.3-codes", "KRY-4.2.2-session-safety")
def report_from_outside(
    *,
    brand: str,
    user_name: str,
    email: str,
    kind: rules.Kind,
    lost: Collection[rules.Lost],
    text: str,
    key: str,
    at: datetime,
) -> queries.Case:
    """Somebody who cannot sign in reports. It is believed where the user name and the e-mail address belong together, once in the
    pause that the terms state, so that nobody keeps a customer locked out; else a case alone is opened, which tells nothing."""
    customer = _customer(brand, user_name, email)
    account = customer.account if customer else ""
    full_key = f"outside:{key}"
    if customer is None or not customer.active or _paused(customer, at):
        return operations.open_case(
            key=full_key, kind=kind, account=account, brand=brand, text=text, channel="outside", at=at
        )
    return _report(customer, kind, lost, text, full_key, "outside", at)


def _report(
    customer: party.Customer,
    kind: rules.Kind,
    lost: Collection[rules.Lost],
    text: str,
    key: str,
    channel: str,
    at: datetime,
) -> queries.Case:
    blocked = frozenset(rules.Lost) if kind is rules.Kind.ABUSE else frozenset(lost)
    if not blocked:
        raise rules.InvalidCase("say what was lost or stolen", rule="lost")
    with transaction.atomic():
        if rules.Lost.SIP in blocked:
            party_operations.require_change(user_name=customer.username, sip=True, reason=kind.value, at=at)
        if rules.Lost.FACTOR in blocked:
            Authenticator.objects.filter(user_id=customer.user_id, type=Authenticator.Type.WEBAUTHN).delete()
        if blocked & {rules.Lost.SITE, rules.Lost.FACTOR}:
            sign_ins.lock(user_id=customer.user_id, reason=kind.value, at=at)
        return operations.open_case(
            key=key,
            kind=kind,
            account=customer.account,
            brand=customer.brand,
            text=text,
            channel=channel,
            blocked={one.value for one in blocked},
            at=at,
        )


def _customer(brand: str, user_name: str, email: str) -> party.Customer | None:
    """The customer that both belong to; the comparison takes the same time whatever differs."""
    found: party.Customer | None = None
    with contextlib.suppress(party.UnknownCustomer):
        found = party.customer_named(user_name.replace("@", "\0")[:64])
    address = found.email if found else "nobody@cadran.invalid"
    same = secrets.compare_digest(address.encode(), email.strip().lower()[:254].encode())
    return found if found is not None and same and found.brand == brand else None


def _paused(customer: party.Customer, at: datetime) -> bool:
    terms = policy.terms_in_force(customer.brand, at)
    hours = terms.integer(PAUSE) if PAUSE in terms.values else 24
    since = at - timedelta(hours=hours)
    return queries.opened_since(account=customer.account, channel="outside", since=since) > 0
