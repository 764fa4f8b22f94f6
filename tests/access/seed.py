"""Run in the state folder of a test installation: access numbers, price lists, callers with credit. Prints the accounts as JSON.

usage: seed.py base; seed.py wallets '{"name": "account"...}' '{"name": micros}'
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta

from cadran.commands import migrate

# To France (per second by law) and to the United Kingdom (per minute by the contract): 0.60 EUR a minute, a cent a second.
DECK = b"prefix,destination,price\n33,France,0.6000\n44,United Kingdom,0.6000\n"
CALLERS = {
    "ada": "33612000001",
    "bea": "33142000077",
    "cleo": "33612000003",
    "dora": "33612000004",
    "emma": "33612000005",
    "fay": "33612000006",
    "gus": "33142000088",
    "hal": "33142000099",
}
ACCESS = {"33199000100": ("fr", "kryptoow"), "442079460100": ("en", "kryptoow")}
LATER = "33465710100"


def base() -> None:
    """What the processes need before they start."""
    migrate.migrate_all()
    from django.conf import settings

    from cadran.catalog import operations as catalog
    from cadran.numbering import operations as numbering
    from cadran.numbering.access import operations as access
    from cadran.numbering.access import rules as access_rules
    from cadran.party import blocking, leaving, rules
    from cadran.party import operations as party
    from cadran.party import queries as party_queries
    from cadran.party.calling import contacts
    from cadran.party.calling import operations as calling
    from cadran.units.e164 import E164

    at = settings.CIVIL_CLOCK.now()
    report = catalog.import_deck(brand="kryptoow", source=DECK, at=at, tax="included")
    assert report.deck is not None
    catalog.activate_deck(deck=report.deck, effective_from=at, at=at)
    for digits, (language, brand) in {**ACCESS, LATER: ("fr", "kryptoow")}.items():
        described = access_rules.published(
            number=f"+{digits}", place_fr="Ici", place_en="Here", language=language, service="calling-card"
        )
        opens_at = at + timedelta(days=9 if digits == LATER else 0)
        access.open_number(brand=brand, described=described, by="test", opens_at=opens_at, at=at)
    found = {}
    for name, number in CALLERS.items():
        account = _customer(party, rules, name, at)
        numbering.record_verified_number(e164=f"+{number}", account=account, at=at, brand="kryptoow")
        found[name] = account
    calling.set_pin(account=found["bea"], pin="8316", at=at)
    blocking.block_customer(account=found["gus"], reason="test", by="test", at=at)
    leaving.end_customer(user_id=party_queries.customer_of_account(found["hal"]).user_id, at=at)
    wished = contacts.Wished(name="Zoé", number=E164("+442079460999"), note="", key=7)
    contacts.add(account=found["ada"], wished=wished, at=at)
    print(json.dumps(found))


def _customer(party, rules, name: str, at) -> str:  # type: ignore[no-untyped-def]
    ticks = tuple(
        rules.Accepted(document=one, ref="kryptoow/2018-01", text_sha256="ab" * 32, language="fr")
        for one in rules.Document
    )
    given = party.Registration(
        brand="kryptoow",
        currency="EUR",
        email=f"{name}@example.org",
        user_name=name,
        password="vent-du-large-29",
        sip_password="k7mq-x3dw-p9ra-t4hv",
        name=name.title(),
        first_names="Test",
        adult=True,
        accepted=ticks,
    )
    customer = party.register_customer(registration=given, at=at)
    customer = party.validate_email(user_id=customer.user_id, email=customer.email, at=at)
    return str(customer.account)


def wallets(accounts: dict[str, str], micros: dict[str, int]) -> None:
    """A wallet for each, and its credit."""
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import BuyCredit

    client, at = SocketCharging(settings.CHARGING_SOCKET), settings.CIVIL_CLOCK.now() + timedelta(seconds=1)
    for name, account in accounts.items():
        client.open_wallet(account=account, brand="kryptoow", currency="EUR", at=at)
        if name in micros:
            client.buy_credit(
                BuyCredit(
                    key=f"seed-{name}",
                    account=account,
                    terms="kryptoow/2018-01",
                    amount_micros=micros[name],
                    currency="EUR",
                    at=at,
                )
            )


if __name__ == "__main__":
    if sys.argv[1] == "base":
        base()
    else:
        from cadran.commands.main import django_ready

        django_ready()
        wallets(json.loads(sys.argv[2]), json.loads(sys.argv[3]))
