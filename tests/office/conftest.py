"""Members of staff with both factors, and browsers in which they are signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.test import Client
from office_rig import AT, PASSWORD, SECRET, show_factor

from cadran.party import operations, queries
from cadran.party.staff import Role
from party.conftest import registration


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hasher with the least work."""
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)


@pytest.fixture(autouse=True)
def fresh(db: None) -> None:
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
