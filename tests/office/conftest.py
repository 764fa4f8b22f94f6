"""Members of staff with both factors, and browsers in which they are signed in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.db import connections
from django.test import Client
from office_rig import ACCOUNT, AT, CDR, ORDER, PASSWORD, SECRET, SESSION, show_factor

from cadran.charging import models as charging
from cadran.charging.adapters.sqlite import SqliteSessions
from cadran.charging.records import Record
from cadran.journeys import figures
from cadran.journeys import registration as journey
from cadran.numbering import operations as numbering
from cadran.party import models, operations, queries
from cadran.party.staff import Role
from cadran.payment.models import PaymentOrder
from cadran.units.e164 import E164
from party.conftest import registration


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hasher with the least work."""
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    """Nothing is remembered of an earlier test. A browser's site has a database of its own."""
    if request.node.get_closest_marker("browser") is None:
        request.getfixturevalue("db")
        cache.clear()


@pytest.fixture
def make(db: None) -> Callable[..., queries.Staff]:
    """Makes a member of staff of that role, by default with a second factor."""

    def run(role: Role, *, name: str = "", brands: tuple[str, ...] = (), totp: str = SECRET) -> queries.Staff:
        name = name or f"the-{role.value}"
        return operations.make_staff(
            user_name=name,
            email=f"{name}@staff.example.org",
            password=PASSWORD,
            role=role,
            brands=brands,
            at=AT,
            totp_secret=totp,
        )

    return run


@pytest.fixture
def signed_in(make: Callable[..., queries.Staff]) -> Callable[..., Client]:
    """A browser in which a new member of staff of that role is signed in, the second factor shown unless `factor` is false."""

    def run(role: Role, *, factor: bool = True, language: str = "fr", **more: Any) -> Client:
        member = make(role, **more)
        browser = Client(HTTP_ACCEPT_LANGUAGE=language)
        browser.force_login(get_user_model().objects.get(pk=member.user_id))
        if factor:
            show_factor(browser, member.user_id)
        return browser

    return run


@pytest.fixture
def customer(db: None) -> queries.Customer:
    """A registered and validated customer of ippi."""
    claire = operations.register_customer(registration=registration(), at=AT)
    return operations.validate_email(user_id=claire.user_id, email=claire.email, at=AT)


@pytest.fixture
def marie(db: None) -> queries.Customer:
    """A customer of ippi with a number."""
    offered = journey.documents(brand="ippi", language="fr", at=AT)
    wish = journey.Wish(
        email="marie@example.org",
        user_name="marie",
        password=PASSWORD,
        sip_password="k7mq-x3dw-p9ra-t4hv",
        name="Kérivel",
        first_names="Marie",
        ticked={one.document: one.token for one in offered},
        adult=True,
        language="fr",
        country="FR",
    )
    made = journey.register(brand="ippi", wish=wish, at=AT)
    customer = journey.confirm_email(user_id=made.user_id, email=made.email, at=AT)
    if customer.account != ACCOUNT:
        models.BillingAccount.objects.filter(number=customer.account).update(number=ACCOUNT)
    numbering.assign_number(e164=E164("+33980000001"), account=ACCOUNT, sip_username="marie", at=AT)
    return queries.customer_of_account(ACCOUNT)


@pytest.fixture
def customer_browser(marie: queries.Customer) -> Client:
    """A browser in which marie is signed in."""
    browser = Client(HTTP_ACCEPT_LANGUAGE="fr")
    browser.force_login(get_user_model().objects.get(pk=marie.user_id))
    return browser


@pytest.fixture
def stocked(marie: queries.Customer) -> None:
    """A call that is over, one in progress, an order and an entry in the books, all marie's."""
    decision = {"allowed": True, "clause": "IPP-10.1-per-second", "terms": "ippi/2018-04", "code": "call-charged"}
    decision |= {"fr": "Appel compté à la seconde.", "en": "Call charged by the second.", "inputs": {}}
    connection = connections["charging"]
    connection.ensure_connection()
    SqliteSessions(connection.connection).insert_record(
        Record(
            account=ACCOUNT,
            cdr_id=CDR,
            session=SESSION + "x",
            call_id="sip-call-id-1",
            brand="ippi",
            terms="ippi/2018-04",
            direction="outbound",
            number_class="mobile",
            caller="marie",
            shown="33980000001",
            destination="447911123456",
            authorised_at=AT,
            answered_at=AT,
            ended_at=AT,
            disposition="answered",
            ended_by="operator",
            sip_code=200,
            carrier="one",
            measured_ms=60_400,
            charged_s=61,
            charge_micros=122_000,
            currency="EUR",
            clause="IPP-10.1-per-second",
            loss_s=0,
            loss_micros=0,
            granted_s=61,
            limit_s=3600,
            limit_clause="IPP-5.5-one-hour",
            decision=decision,
        )
    )
    request = {"session": SESSION, "account": ACCOUNT, "terms": "ippi/2018-04", "number_class": "mobile"}
    request |= {"destination": "447911123456", "at": AT.isoformat(), "caller": "marie"}
    body = {"request": request, "brand": "ippi", "currency": "EUR", "decision": decision, "rate": None}
    charging.Session.objects.create(
        account=ACCOUNT,
        session=SESSION,
        state="open",
        body=json.dumps(body),
        final=False,
        held_micros=0,
        seq=0,
        used_s=0,
        cdr_id="",
        opened_at=AT,
    )
    PaymentOrder.objects.create(
        order_id=ORDER,
        account=ACCOUNT,
        key="k1",
        brand="ippi",
        terms="ippi/2018-04",
        amount_micros=10_000_000,
        currency="EUR",
        means="card",
        state="paid",
        decision=decision,
        placed_at=AT,
        paid_at=AT,
    )
    figures.follow_calls()
