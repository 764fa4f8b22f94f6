"""The demo customers of a sandbox, as var/demo.json tells them: their first credit, and why they must not face the internet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadran.units import errors

CREDIT_MICROS = 5_000_000


class DemoPasswords(errors.CadranError):
    """Demo customers, whose passwords lie in a file and on a terminal, must not face the internet."""

    error_id = "serve-demo-passwords"


@dataclass(frozen=True, slots=True)
class Person:
    """A demo customer and how to sign in and register as it. `server` aside, what var/demo.json says of a phone."""

    user: str
    password: str
    number: str
    site_password: str
    email: str
    account: str


def _file(var: Path) -> Path:
    return var / "demo.json"


def known(var: Path) -> tuple[Person, ...]:
    """The demo customers of that state folder, as var/demo.json says; none where there is no readable one."""
    try:
        phones = json.loads(_file(var).read_text())["phones"]
        return tuple(Person(**{name: phone[name] for name in Person.__slots__}) for phone in phones)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def give_credit(people: Sequence[Person]) -> None:
    """Some credit once, so that a newcomer calls abroad at once. Idempotent; charging must run."""
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import BuyCredit
    from cadran.party import queries as party

    charging = SocketCharging(settings.CHARGING_SOCKET)
    for person in people:
        customer = party.customer_of_account(person.account)
        at = customer.created_at
        charging.open_wallet(account=customer.account, brand=customer.brand, currency=customer.currency, at=at)
        charging.buy_credit(
            BuyCredit(
                key=f"grant:demo-{person.account}",
                account=person.account,
                terms=customer.terms,
                amount_micros=CREDIT_MICROS,
                currency=customer.currency,
                at=at,
                means="grant",
            )
        )


def refuse_in_public(var: Path) -> None:
    """Raises DemoPasswords while a demo customer still has its demo password."""
    from cadran.party import queries as party

    people = [person for person in known(var) if party.taken(username=person.user)]
    weak = [person.user for person in people if _still_opens(person)]
    if weak:
        raise DemoPasswords(
            f"not started, because the demo customers {', '.join(weak)} still have the passwords of {_file(var)}: give --public "
            "a state folder of its own (CADRAN_VAR), or change their passwords and remove that file"
        )


def _still_opens(person: Person) -> bool:
    from django.contrib.auth import get_user_model

    from cadran import settings
    from cadran.party import queries as party
    from cadran.party import rules

    user: Any = get_user_model().objects.filter(username=person.user).first()
    sip = party.sip_user(person.user)
    expected = rules.ha1(person.user, settings.SIP_REALM, person.password)
    same_sip = sip is not None and any(sip.ha1.get(name) == value for name, value in expected.items())
    return same_sip or (user is not None and user.is_active and user.check_password(person.site_password))
