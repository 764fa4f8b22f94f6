"""Run in the state folder of a test installation: databases, a small deck, customers with their wallets. Prints JSON.

usage: seed.py wallets      after the charging process is up; seed.py base      before it
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta

from cadran.commands import migrate

DECK = b"""prefix,destination,price
33,France,0.0120
336,France mobile,0.0900
337,France mobile,0.0900
44,United Kingdom,0.0200
"""
PASSWORD = "k7mq-x3dw-p9ra-t4hv"
PEOPLE = {"alice": "33972100001", "bob": "33972100002", "carol": "", "dave": "33972100004"}


def base() -> None:
    """What the processes need before they start."""
    migrate.migrate_all()
    from django.conf import settings

    from cadran.catalog import operations as catalog
    from cadran.numbering import operations as numbering
    from cadran.party import operations as party
    from cadran.party import rules
    from cadran.units.e164 import E164

    at = settings.CIVIL_CLOCK.now()
    report = catalog.import_deck(brand="ippi", source=DECK, at=at, tax="included")
    assert report.deck is not None
    catalog.activate_deck(deck=report.deck, effective_from=at, at=at)
    ticks = tuple(
        rules.Accepted(document=one, ref="ippi/2018-04", text_sha256="ab" * 32, language="fr") for one in rules.Document
    )
    found = {}
    for name, number in PEOPLE.items():
        given = party.Registration(
            brand="ippi",
            currency="EUR",
            email=f"{name}@example.org",
            user_name=name,
            password="vent-du-large-29",
            sip_password=PASSWORD,
            name=name.title(),
            first_names="Test",
            adult=True,
            accepted=ticks,
        )
        customer = party.register_customer(registration=given, at=at)
        customer = party.validate_email(user_id=customer.user_id, email=customer.email, at=at)
        if number:
            numbering.assign_number(e164=E164(f"+{number}"), account=customer.account, sip_username=name, at=at)
        found[name] = customer.account
    print(json.dumps(found))


def wallets(accounts: dict[str, str]) -> None:
    """A wallet for each, and ten euros for alice."""
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import BuyCredit

    client, at = SocketCharging(settings.CHARGING_SOCKET), settings.CIVIL_CLOCK.now() + timedelta(seconds=1)
    for account in accounts.values():
        client.open_wallet(account=account, brand="ippi", currency="EUR", at=at)
    client.buy_credit(
        BuyCredit(
            key="seed", account=accounts["alice"], terms="ippi/2018-04", amount_micros=10_000_000, currency="EUR", at=at
        )
    )


if __name__ == "__main__":
    if sys.argv[1] == "base":
        base()
    else:
        from cadran.commands.main import django_ready

        django_ready()
        wallets(json.loads(sys.argv[2]))
