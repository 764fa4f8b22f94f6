"""A customer with keys, and a program that calls the API with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.db import connections
from web_api_program import Program

from cadran.catalog import operations as catalog
from cadran.charging.adapters.sqlite import SqliteSessions
from cadran.journeys import registration
from cadran.party import operations as party_operations
from cadran.party import queries as party
from cadran.party import staff_queries
from cadran.party.keys import operations as key_operations
from cadran.party.keys.rules import CUSTOMER_SCOPES, STAFF_SCOPES
from cadran.party.staff import Role
from cadran.units.ids import new_id
from cadran.web.api import access, rates
from cadran.web.api.samples import Sample

PASSWORD, SIP_PASSWORD = "vent-du-large-29", "k7mq-x3dw-p9ra-t4hv"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)


@pytest.fixture(autouse=True)
def fresh_meters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test begins with its whole allowance."""
    made: dict[str, rates.Meter] = {}

    def meter(name: str) -> rates.Meter:
        quota = {"guesses": access.GUESSES, "open": access.OPEN}.get(name)
        quota = quota or rates.Quota("calls", settings.API_CALLS_A_MINUTE, 60)
        if name not in made:
            made[name] = rates.Meter(tmp_path / name, quota)
        return made[name]

    monkeypatch.setattr(access, "meter", meter)
    yield
    for one in made.values():
        one.close()


@pytest.fixture
def register(db: None) -> Callable[..., party.Customer]:
    """Makes a validated customer of the default brand, or of another."""

    def run(user_name: str, brand: str = "ippi") -> party.Customer:
        cache.clear()
        at = settings.CIVIL_CLOCK.now()
        offered = registration.documents(brand=brand, language="fr", at=at)
        wish = registration.Wish(
            email=f"{user_name}@example.org",
            user_name=user_name,
            password=PASSWORD,
            sip_password=SIP_PASSWORD,
            name="Le Gall",
            first_names="Claire",
            ticked={one.document: one.token for one in offered},
            adult=True,
        )
        made = registration.register(brand=brand, wish=wish, at=at)
        return registration.confirm_email(user_id=made.user_id, email=made.email, at=at)

    return run


@pytest.fixture
def prices(db: None) -> None:
    """A deck of four lines, in force since long."""
    lines = (
        *("prefix,destination,destination_en,price,first_s,next_s", "33,France fixe,France landline,0.0120,,"),
        *("336,France mobile,France mobile,0.0690,,", "4479,Royaume-Uni mobile,United Kingdom mobile,0.0990,,"),
        "212,Maroc,Morocco,0.3190,,",
    )
    since = datetime(2020, 1, 1, tzinfo=UTC)
    report = catalog.import_deck(brand="ippi", source="\n".join(lines).encode(), at=since, version="test")
    assert report.deck is not None, report.problems
    catalog.activate_deck(deck=report.deck, effective_from=datetime(2020, 1, 1, 23, tzinfo=UTC), at=since)


@pytest.fixture
def claire(register: Callable[..., party.Customer]) -> party.Customer:
    return register("claire")


@pytest.fixture
def call(db: None) -> Callable[..., str]:
    """Writes the record of a call of that customer, as charging does; keyword arguments replace fields. Returns its id."""

    def run(customer: party.Customer, **changes: object) -> str:
        connection = connections["charging"]
        connection.ensure_connection()
        model = Sample("ippi", settings.CIVIL_CLOCK.now())._records()[0]
        made = {"account": customer.account, "cdr_id": new_id("cdr"), "session": new_id("ses"), **changes}
        record = msgspec.structs.replace(model, **made)
        SqliteSessions(connection.connection).insert_record(record)
        return record.cdr_id

    return run


@pytest.fixture
def key_for(db: None) -> Callable[..., Program]:
    """A program with a key of that customer: with all scopes, or those named."""

    def run(customer: party.Customer, *scopes: str, test: bool = False, days: int = 30) -> Program:
        made = key_operations.make_customer_key(
            account=customer.account,
            label="test",
            scopes=scopes or [scope.value for scope in CUSTOMER_SCOPES],
            test=test,
            days=days,
            made_by=customer.username,
            at=settings.CIVIL_CLOCK.now(),
        )
        return Program(made.text)

    return run


@pytest.fixture
def program(claire: party.Customer, key_for: Callable[..., Program]) -> Program:
    """A program with a key of claire that may do all that her keys can."""
    return key_for(claire)


@pytest.fixture
def stranger(db: None) -> Program:
    """A program without a key."""
    return Program()


@pytest.fixture
def staff_key(db: None) -> Callable[..., Program]:
    """A program with a key of a member of staff: with all scopes, or those named."""

    def run(*scopes: str, user_name: str = "agent", test: bool = False, brand: str = "ippi") -> Program:
        at = settings.CIVIL_CLOCK.now()
        member = staff_queries.staff_named(user_name) or party_operations.make_staff(
            user_name=user_name, email=f"{user_name}@example.org", password=PASSWORD, role=Role.ADMIN, at=at
        )
        made = key_operations.make_staff_key(
            staff_id=member.user_id,
            brand=brand,
            label="test",
            scopes=scopes or [scope.value for scope in STAFF_SCOPES],
            test=test,
            made_by=user_name,
            at=at,
        )
        return Program(made.text)

    return run
