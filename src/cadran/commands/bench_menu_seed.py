"""What the installation of `cadran bench menu` holds: KRYPTOOW with an access number, and one account with many registered numbers.
`python -m cadran.commands.bench_menu_seed base | wallet` fills it from inside."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path

from cadran.commands.bench_plane import BenchCannotRun

ACCESS = "33199000100"
CALLERS = 100
NUMBER = 33612000000  # of the first caller
_BRAND, _TERMS = "kryptoow", "kryptoow/2018-01"
_DECK = b"prefix,destination,price\n33,France,0.0120\n"
_ASKED = 'value = ["email", "identity-document"]'


def brands(folder: Path) -> Path:
    """The reference brands, but that an e-mail is enough to open an account, and one carrier does everything."""
    from cadran import settings

    for brand in (_BRAND, settings.BRAND):
        shutil.copytree(settings.BRANDS / brand, folder / brand)
    carrier = 'name = "bench"\naddress = "${sandbox_carrier}"\npriority = 1\nvouches = true'
    (folder / _BRAND / "carriers.toml").write_text(f"[[carrier]]\n{carrier}\n")
    (folder / settings.BRAND / "carriers.toml").write_text("")
    terms = folder / f"{_TERMS.replace('/', '/terms/')}.toml"
    text = terms.read_text()
    if _ASKED not in text:
        raise BenchCannotRun(f"the terms {_TERMS} ask for other things than the benchmark expects at registration")
    terms.write_text(text.replace(_ASKED, 'value = ["email"]'))
    return folder


def base() -> None:
    """Databases, a price, the access number, the account with its numbers."""
    from cadran.commands import migrate

    migrate.migrate_all()
    from django.conf import settings
    from django.db import transaction

    from cadran.catalog import operations as catalog
    from cadran.numbering import operations as numbering
    from cadran.numbering.access import operations as access
    from cadran.numbering.access import rules as access_rules
    from cadran.party import operations as party
    from cadran.party import rules

    at = settings.CIVIL_CLOCK.now()
    report = catalog.import_deck(brand=_BRAND, source=_DECK, at=at, tax="included")
    if report.deck is None:
        raise BenchCannotRun("the price list of the benchmark was refused")
    catalog.activate_deck(deck=report.deck, effective_from=at, at=at)
    described = access_rules.published(
        number=f"+{ACCESS}", place_fr="Ici", place_en="Here", language="fr", service="calling-card"
    )
    access.open_number(brand=_BRAND, described=described, by="bench", opens_at=at, at=at)
    given = party.Registration(
        brand=_BRAND,
        currency="EUR",
        email="bench@example.org",
        user_name="bench",
        password="vent-du-large-29",  # noqa: S106 - an account that lives for a minute
        sip_password="k7mq-x3dw-p9ra-t4hv",  # noqa: S106
        name="Bench",
        first_names="Test",
        adult=True,
        accepted=tuple(
            rules.Accepted(document=one, ref=_TERMS, text_sha256="ab" * 32, language="fr") for one in rules.Document
        ),
    )
    customer = party.register_customer(registration=given, at=at)
    customer = party.validate_email(user_id=customer.user_id, email=customer.email, at=at)
    with transaction.atomic():
        for number in range(NUMBER, NUMBER + CALLERS):
            numbering.record_verified_number(e164=f"+{number}", account=customer.account, at=at, brand=_BRAND)
    Path(os.environ["CADRAN_VAR"], "account").write_text(customer.account)


def wallet() -> None:
    """Credit for all of them. After charging is up."""
    from cadran.commands import main

    main.django_ready()
    from django.conf import settings

    from cadran.charging.adapters.client import SocketCharging
    from cadran.charging.ports import BuyCredit

    account = Path(os.environ["CADRAN_VAR"], "account").read_text()
    client, at = SocketCharging(settings.CHARGING_SOCKET), settings.CIVIL_CLOCK.now() + timedelta(seconds=1)
    client.open_wallet(account=account, brand=_BRAND, currency="EUR", at=at)
    for count in range(10):
        bought = BuyCredit(
            key=f"bench-{count}", account=account, terms=_TERMS, amount_micros=500_000_000, currency="EUR", at=at
        )
        client.buy_credit(bought)


if __name__ == "__main__":
    (base if sys.argv[1] == "base" else wallet)()
