"""`cadran customer`: make customers from the command line (the demo's, above all) and look at one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cadran.commands import main

if TYPE_CHECKING:
    from cadran.party.queries import Customer

DEMO = (
    {"user_name": "alice", "first_names": "Alice", "name": "Martin", "number": "+33987654321"},
    {"user_name": "bob", "first_names": "Bob", "name": "Petit", "number": "+33987654322"},
)


@click.group()
def command() -> None:
    """Customers: create, show."""
    main.django_ready()


@command.command()
@click.option(
    "--demo", is_flag=True, help="Make the demo customers alice and bob, once; sandbox only. Writes demo.json."
)
@click.option("--user-name", help="User name, also the SIP user.")
@click.option("--email")
@click.option("--first-names")
@click.option("--name")
@click.option("--country", default="FR", show_default=True)
@click.option("--number", default="", help="A number of the brand to assign, as +33...")
@click.option(
    "--accepted",
    is_flag=True,
    help="The customer accepted terms, descriptions, prices and offers on paper, and is of age.",
)
@click.option("--json", "as_json", is_flag=True)
def create(
    *,
    demo: bool,
    user_name: str | None,
    email: str | None,
    first_names: str | None,
    name: str | None,
    country: str,
    number: str,
    accepted: bool,
    as_json: bool,
) -> None:
    """Register a customer whose address is known to be theirs; prints the passwords it chose, once."""
    if demo:
        phones = seed_demo()["phones"]
        assert isinstance(phones, list)
        _tell(phones, as_json)
        return
    if not (user_name and email and first_names and name and accepted):
        raise click.UsageError("give --user-name, --email, --first-names, --name and --accepted, or --demo")
    from cadran.party import vault

    site, sip = vault.propose_sip_password(), vault.propose_sip_password()
    customer = _create(
        user_name=user_name,
        email=email,
        first_names=first_names,
        name=name,
        country=country,
        number=number,
        password=site,
        sip_password=sip,
    )
    _tell([_public(customer) | {"password": site, "sip_password": sip}], as_json)


@command.command()
@click.argument("who")
@click.option("--json", "as_json", is_flag=True)
def show(*, who: str, as_json: bool) -> None:
    """Show the customer of a user name, an e-mail address or an account (A000001)."""
    from cadran.party import queries as party

    is_account = who[:1] in {"A", "a"} and who[1:].isdigit()
    customer = party.customer_of_account(who.upper()) if is_account else party.customer_named(who)
    _tell([_public(customer) | _details(customer)], as_json)


@command.command("require-change")
@click.argument("user_name")
@click.option("--site", is_flag=True, help="A new password of the site.")
@click.option("--sip", is_flag=True, help="A new SIP password; phones stay out until then.")
@click.option("--reason", required=True)
def require_change(*, user_name: str, site: bool, sip: bool, reason: str) -> None:
    """Require new codes of a customer (IPP-5.3)."""
    from django.conf import settings

    from cadran.party import operations

    if not (site or sip):
        raise click.UsageError("choose --site, --sip or both")
    operations.require_change(user_name=user_name, site=site, sip=sip, reason=reason, at=settings.CIVIL_CLOCK.now())
    click.echo(f"{user_name}: new codes required")


@command.command("reseal-secrets")
def reseal_secrets() -> None:
    """Seal the SIP secrets and those of partners again with the newest key, after one was put in front of the secret `sip`."""
    from django.conf import settings

    from cadran.party import operations, partners

    users, reached = operations.reseal_sip_secrets(), partners.reseal(at=settings.CIVIL_CLOCK.now())
    click.echo(f"{users} SIP users resealed with the newest key, {reached} partners")


def seed_demo() -> dict[str, object]:
    """Make alice and bob at the first call, with passwords of their own for this installation, and write them to demo.json of the
    state folder (for its owner alone), from which ./run and `cadran phone` tell them. Again changes nothing; a lost file gets new
    passwords."""
    from django.conf import settings

    if not settings.SANDBOX or settings.PUBLIC:
        raise click.ClickException("demo customers lie open in a file: they are for a sandbox that is not public")
    path = settings.VAR / "demo.json"
    phones = [_demo(known, **one) for known, one in zip(_known(path), DEMO, strict=True)]
    demo: dict[str, object] = {
        "server": f"{settings.SIP_HOST}:{settings.SIP_PORT}",
        "site": settings.PUBLIC_URL,
        "phones": phones,
    }
    fresh = path.with_suffix(".tmp")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(demo, file, indent=1)
    os.replace(fresh, path)
    return demo


def _known(path: Path) -> list[dict[str, str]]:
    """What demo.json says of each demo customer, or an empty dict where it says nothing that can be read."""
    try:
        found = {phone["user"]: phone for phone in json.loads(path.read_text())["phones"]}
    except (OSError, ValueError, KeyError, TypeError):
        found = {}
    return [found.get(one["user_name"], {}) for one in DEMO]


def _demo(known: dict[str, str], *, user_name: str, first_names: str, name: str, number: str) -> dict[str, object]:
    """One demo customer as demo.json tells it: made, or given new passwords where the old ones are not known."""
    from django.conf import settings

    from cadran.party import operations, vault
    from cadran.party import queries as party

    site = known.get("site_password") or vault.propose_sip_password()
    sip = known.get("password") or vault.propose_sip_password()
    if not party.taken(username=user_name):
        customer = _create(
            user_name=user_name,
            email=f"{user_name}@example.org",
            first_names=first_names,
            name=name,
            country="FR",
            number=number,
            password=site,
            sip_password=sip,
        )
    else:
        customer = party.customer_named(user_name)
        if not known:
            at = settings.CIVIL_CLOCK.now()
            operations.set_password(user_id=customer.user_id, password=site, at=at)
            operations.set_sip_password(username=user_name, password=sip, at=at)
    return {
        "user": user_name,
        "password": sip,
        "site_password": site,
        "number": number,
        "account": customer.account,
        "email": customer.email,
    }


def _create(
    *,
    user_name: str,
    email: str,
    first_names: str,
    name: str,
    country: str,
    number: str,
    password: str,
    sip_password: str,
) -> Customer:
    """Register, validate and give the number, all of it or nothing."""
    from django.conf import settings
    from django.db import transaction

    from cadran.journeys import registration
    from cadran.policy import queries as policy

    at = settings.CIVIL_CLOCK.now()
    language = policy.brand(settings.BRAND).language
    offered = registration.documents(brand=settings.BRAND, language=language, at=at)
    wish = registration.Wish(
        email=email,
        user_name=user_name,
        password=password,
        sip_password=sip_password,
        name=name,
        first_names=first_names,
        ticked={one.document: one.token for one in offered},
        adult=True,
        language=language,
        country=country,
    )
    with transaction.atomic():
        made = registration.register(brand=settings.BRAND, wish=wish, at=at)
        customer = registration.confirm_email(user_id=made.user_id, email=made.email, at=at)
        if number:
            from cadran.numbering import operations as numbering
            from cadran.units.e164 import E164

            numbering.assign_number(e164=E164(number), account=customer.account, sip_username=customer.username, at=at)
    return customer


def _public(customer: Customer) -> dict[str, object]:
    return {
        "user_name": customer.username,
        "account": customer.account,
        "state": customer.state,
        "email": customer.email,
        "name": customer.display_name,
        "country": customer.country,
        "language": customer.language,
        "terms": customer.terms,
    }


def _details(customer: Customer) -> dict[str, object]:
    from cadran.party import queries as party

    return {
        "created_at": customer.created_at.isoformat(),
        "validated_at": customer.validated_at.isoformat() if customer.validated_at else None,
        "raised_duration": customer.raised_duration,
        "sip_users": [f"{one.username} ({one.state})" for one in party.sip_identities(account=customer.account)],
        "accepted": [
            f"{one.document} {one.ref} {one.at:%Y-%m-%dT%H:%M:%SZ}"
            for one in party.acceptances(customer_id=customer.id)
        ],
    }


def _tell(customers: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(customers, ensure_ascii=False))
        return
    for customer in customers:
        for key, value in customer.items():
            lines = value if isinstance(value, list) else [value]
            for line in lines:
                click.echo(f"{key:16} {line}")
        click.echo()
