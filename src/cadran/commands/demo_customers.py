"""The demo customers of a sandbox: made once at its first start, with passwords of their own, told at each start."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cadran.units import errors

PEOPLE = (
    ("alice", "Alice", "Martin", "+33987654321", "fr"),
    ("bob", "Bob", "Dupont", "+33987654322", "en"),
)
CREDIT_MICROS = 5_000_000
REASON = "demo customers of a sandbox"


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


def write(var: Path, people: tuple[Person, ...], server: str) -> None:
    """Keep them in var/demo.json for `cadran phone`, readable by the owner alone."""
    fresh = _file(var).with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"server": server, "phones": [asdict(person) for person in people]}, file, indent=1)
    os.replace(fresh, _file(var))


def seed(var: Path) -> tuple[Person, ...]:
    """Register and validate those who do not exist yet, each with a number and one SIP user; returns all."""
    from django.conf import settings

    from cadran.party import queries as party

    found = {person.user: person for person in known(var)}
    people = []
    for user, first, last, number, language in PEOPLE:
        if not party.taken(username=user):
            people.append(_register(user, first, last, number, language))
        elif user in found:
            people.append(found[user])
    write(var, tuple(people), f"{settings.SIP_HOST}:{settings.SIP_PORT}")
    return tuple(people)


def _register(user: str, first: str, last: str, number: str, language: str) -> Person:
    from django.conf import settings
    from django.db import transaction

    from cadran.journeys import registration
    from cadran.numbering import operations as numbering
    from cadran.party import vault

    at, email = settings.CIVIL_CLOCK.now(), f"{user}@demo.example"
    password, sip_password = f"{_word()}-{_word()}-{_word()}", vault.propose_sip_password()
    offered = registration.documents(brand=settings.BRAND, language=language, at=at)
    with transaction.atomic():
        customer = registration.register(
            brand=settings.BRAND,
            wish=registration.Wish(
                email=email,
                user_name=user,
                password=password,
                sip_password=sip_password,
                name=last,
                first_names=first,
                ticked={one.document: one.token for one in offered},
                adult=True,
                language=language,
            ),
            at=at,
        )
        registration.confirm_email(user_id=customer.user_id, email=email, at=at)
        numbering.assign_number(e164=number, account=customer.account, sip_username=user, at=at)
    return Person(user, sip_password, number, password, email, customer.account)


def _word() -> str:
    """A random syllable-like word, so that a demo password can be typed."""
    return "".join(secrets.choice(letters) for letters in ("bcdfglmnprstv", "aeiou", "bcdfglmnprstv", "aeiou"))


def give_credit(people: tuple[Person, ...]) -> None:
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
