"""Fills a site's files for the walk through its pages: `python walk_seed.py`, in the environment of the site.

A validated customer `claire` with purchases, calls of every kind, one of them in progress, a correction, a device and a number."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import django

django.setup()

from allauth.account.models import EmailAddress  # noqa: E402
from usage_rig import LANDLINE, Till  # noqa: E402

from cadran.journeys import registration  # noqa: E402
from cadran.numbering import favourites  # noqa: E402
from cadran.numbering import operations as numbering  # noqa: E402
from cadran.numbering.access import operations as access  # noqa: E402
from cadran.party import rules  # noqa: E402
from cadran.units.e164 import E164  # noqa: E402
from cadran.voice import models as voice  # noqa: E402

PASSWORD = "vent-du-large-29"


def person(at: datetime) -> str:
    wish = registration.Wish(
        email="claire@example.org",
        user_name="claire",
        password=PASSWORD,
        sip_password="k7mq-x3dw-p9ra-t4hv",
        name="Le Gall",
        first_names="Claire",
        company="",
        kind=rules.CustomerKind.PERSON,
        language="fr",
        country="FR",
        adult=True,
        ticked={one.document: one.token for one in registration.documents(brand="ippi", language="fr", at=at)},
        ip="192.0.2.7",
    )
    customer = registration.register(brand="ippi", wish=wish, at=at)
    registration.confirm_email(user_id=customer.user_id, email=customer.email, at=at)
    EmailAddress.objects.update_or_create(
        user_id=customer.user_id, email=customer.email, defaults={"verified": True, "primary": True}
    )
    return customer.account


def main() -> None:
    now = datetime.now(UTC)
    till = Till(person(now - timedelta(days=40)), at=now - timedelta(days=2))
    till.buy("first", 10_000_000, at=now - timedelta(days=30))
    till.buy("second", 25_000_000)
    till.call()
    record = till.call(300, destination=LANDLINE, number_class="geographic")
    till.call(40, destination="bob@example.org", number_class="open_sip")
    till.call(0, destination="118218", number_class="special")
    till.call(0, answered=False)
    till.call(20, destination="33142000042", number_class="geographic", direction="inbound", caller="442079460000")
    till.correct(record, 10_000, "Coupure constatée.")
    session = till.open()
    voice.Dialog.objects.create(session=session, body={"answered_at": now.isoformat()}, used_ms=61_000)
    voice.Registration.objects.create(
        username="claire",
        contact_key="claire@192.0.2.1",
        contact="sip:claire@192.0.2.1:5062;transport=udp",
        source_host="192.0.2.1",
        source_port=5062,
        call_id="c",
        cseq=1,
        since_at=int(time.time()) - 9000,
        expires_at=2**33,
        agent="Téléphone <du salon>",
    )
    access.load_reference(at=now)
    numbering.assign_number(e164="+33142000042", account=till.account, sip_username="claire", at=now)
    favourites.keep(account=till.account, number=E164("+33612345678"), at=now)


if __name__ == "__main__":
    main()
