"""Access numbers in the back office: who may see, open, change and close them; and a calling number taken from a customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from cadran.numbering import operations as numbering_operations
from cadran.numbering import queries as numbering
from cadran.numbering.access import operations, queries
from cadran.party import queries as party
from cadran.party import staff_queries
from cadran.party.staff import Role

pytestmark = pytest.mark.django_db(databases="__all__")
FORM = {
    "number": "+33199000190",
    "place_fr": "Lyon",
    "place_en": "Lyons",
    "language": "fr",
    "service": "calling-card",
    "at": "",
    "do": "open",
}


@pytest.fixture
def loaded(db: None) -> None:
    operations.load_reference(at=settings.CIVIL_CLOCK.now())


def test_every_role_sees_the_access_numbers_of_its_brands_and_two_change_them(
    loaded: None, signed_in: Callable[..., Client]
):
    for role in Role:
        browser = signed_in(role, brands=() if role is Role.ADMIN else ("kryptoow",))
        page = browser.get("/office/access/").content.decode()
        assert "+33 1 99 00 01 00" in page
        assert ("+33 1 99 00 02 00" in page) == (role is Role.ADMIN)
        assert ("Ouvrir un numéro d’accès" in page) == (role in (Role.ADMIN, Role.ROUTING))
        if role not in (Role.ADMIN, Role.ROUTING):
            assert browser.post("/office/access/kryptoow/", FORM).status_code == 403
    assert not queries.is_access_number("33199000190")


def test_a_number_is_opened_changed_and_closed_and_the_journal_says_by_whom(
    loaded: None, signed_in: Callable[..., Client]
):
    browser, now = signed_in(Role.ROUTING), settings.CIVIL_CLOCK.now()
    assert browser.post("/office/access/kryptoow/", FORM).status_code == 302
    found = queries.access_number("33199000190", now + timedelta(seconds=1))
    assert found is not None
    assert (found.brand, found.place_en) == ("kryptoow", "Lyons")
    assert browser.post("/office/access/kryptoow/", FORM | {"language": "en", "do": "change"}).status_code == 302
    assert browser.post("/office/access/kryptoow/close/", {"number": "33199000190", "at": ""}).status_code == 302
    closed = queries.access_number("33199000190", settings.CIVIL_CLOCK.now())
    assert closed is not None
    assert closed.language == "en"
    assert not closed.is_open(settings.CIVIL_CLOCK.now())
    kinds = [act.kind for act in staff_queries.staff_acts(limit=9)]
    assert kinds == ["access-number-close", "access-number-change", "access-number-open"]
    page = browser.get("/office/access/").content.decode()
    assert "a ouvert un numéro d’accès" in page
    assert "the-routing" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number": "0199"}, "Écrivez un numéro fixe, mobile ou spécial en entier"),
        ({"number": "+33199000100"}, "Ce numéro est déjà ouvert"),
        ({"place_fr": "<script>"}, "Nommez le lieu en français"),
        ({"at": "demain"}, "Écrivez un instant comme"),
        ({"do": "change"}, "Ce numéro n’est pas ouvert pour cette marque."),
    ],
)
def test_what_cannot_be_opened_is_said_and_keeps_what_was_typed(
    loaded: None, signed_in: Callable[..., Client], changes: dict[str, str], said: str
):
    answer = signed_in(Role.ROUTING).post("/office/access/kryptoow/", FORM | changes)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "<script>" not in answer.content.decode().replace("<script src=", "")
    assert not queries.is_access_number("33199000190")


def test_staff_of_another_brand_neither_sees_nor_closes_a_number(loaded: None, signed_in: Callable[..., Client]):
    browser = signed_in(Role.ROUTING, brands=("ippi",))
    assert "+33 1 99 00 01 00" not in browser.get("/office/access/").content.decode()
    assert browser.post("/office/access/kryptoow/close/", {"number": "33199000100", "at": ""}).status_code == 404
    assert browser.post("/office/access/ippi/close/", {"number": "33199000100", "at": ""}).status_code == 422
    assert queries.is_access_number("33199000100")


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_support_takes_a_calling_number_from_a_customer_with_a_reason(
    customer: party.Customer, signed_in: Callable[..., Client]
):
    at = settings.CIVIL_CLOCK.now()
    numbering_operations.record_verified_number(e164="+33612345678", account=customer.account, at=at, brand="ippi")
    page, deed = f"/office/customers/{customer.account}/", f"/office/customers/{customer.account}/calling-number"
    form = {"number": "33612345678", "reason": "le numéro a changé de main"}
    assert signed_in(Role.BILLING).post(deed, form).status_code == 403
    browser = signed_in(Role.SUPPORT)
    assert "Retirer ce numéro d’appel" in browser.get(page).content.decode()
    browser.post(deed, form | {"reason": ""})
    assert numbering.verified_holder("33612345678", "ippi") == customer.account
    browser.post(deed, form)
    assert numbering.verified_holder("33612345678", "ippi") is None
    assert browser.post(deed, form).status_code == 404
    acts = staff_queries.staff_acts(account=customer.account, kind="remove-calling-number")
    assert [act.reason for act in acts] == ["le numéro a changé de main"]
