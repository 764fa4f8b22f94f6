"""A registration that keeps every rule, to be varied by the tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher

from cadran.party import operations, queries, rules

AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
TICKS = tuple(
    rules.Accepted(document=document, ref="ippi/2018-04", text_sha256="ab" * 32, language="fr")
    for document in rules.Document
)


def registration(**changes: Any) -> operations.Registration:
    """A complete registration; each argument replaces one thing."""
    given: dict[str, Any] = {
        "brand": "ippi",
        "currency": "EUR",
        "email": "claire@example.org",
        "user_name": "claire",
        "password": "vent-du-large-29",
        "sip_password": "k7mq-x3dw-p9ra-t4hv",
        "name": "Le Gall",
        "first_names": "Claire",
        "adult": True,
        "accepted": TICKS,
        "ip": "192.0.2.7",
    }
    return operations.Registration(**(given | changes))


@pytest.fixture
def register(db: None) -> Callable[..., queries.Customer]:
    """Registers a customer; keyword arguments vary the registration."""

    def run(*, at: datetime = AT, **changes: Any) -> queries.Customer:
        return operations.register_customer(registration=registration(**changes), at=at)

    return run


@pytest.fixture
def customer(register: Callable[..., queries.Customer]) -> queries.Customer:
    """A registered and validated customer."""
    claire = register()
    return operations.validate_email(user_id=claire.user_id, email=claire.email, at=AT)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hasher with the least work: what is tested is not how long a guess takes."""
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)
