"""Pages of money: who may ask and approve, forged and repeated forms, and what they show."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from cadran.journeys.proposals import queries
from cadran.journeys.proposals.rules import ProposalState
from cadran.party.queries import Customer
from cadran.party.staff import MAY, Permission, Role

pytestmark = pytest.mark.django_db(databases="__all__")
REASON = "Line down for two days"


@pytest.fixture(autouse=True)
def no_charging(settings: Settings, tmp_path: Path) -> None:
    """Charging is away: what is approved waits for it."""
    settings.CHARGING_SOCKET = tmp_path / "charging.sock"


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None, name
    return found[1]


def ask(browser: Client, account: str, amount: str = "30", **changes: str) -> str:
    """Sends the form; returns the proposal's id, or nothing where it was refused."""
    page = browser.get("/office/money/ask/", {"account": account}).content.decode()
    form = {"account": account, "kind": "give-credit", "amount": amount, "reason": REASON, "key": field(page, "key")}
    answer = browser.post("/office/money/ask/", form | changes)
    found = re.search(r"/office/money/(prop_\w+)/", answer.headers.get("Location", ""))
    return found[1] if found else ""


def state(proposal_id: str) -> ProposalState:
    return queries.proposal(proposal_id).state


@pytest.mark.parametrize("role", list(Role))
def test_only_roles_that_move_money_ask_for_it(
    role: Role, signed_in: Callable[..., Client], customer: Customer
) -> None:
    browser = signed_in(role)
    form = {"account": customer.account, "kind": "give-credit", "amount": "5", "reason": REASON, "key": "k1"}
    assert browser.post("/office/money/ask/", form).status_code == (
        302 if Permission.ADJUST_CREDIT in MAY[role] else 403
    )
    assert bool(queries.proposals()) == (Permission.ADJUST_CREDIT in MAY[role])


@pytest.mark.parametrize("role", list(Role))
def test_only_roles_that_approve_approve_and_a_refused_press_changes_nothing(
    role: Role, signed_in: Callable[..., Client], customer: Customer
) -> None:
    made = ask(signed_in(Role.BILLING, name="asks"), customer.account)
    answer = signed_in(role).post(f"/office/money/{made}/decide/", {"deed": "approve"})
    may = Permission.APPROVE_ADJUSTMENTS in MAY[role]
    assert answer.status_code == (302 if may else 403)
    assert state(made) is (ProposalState.APPROVED if may else ProposalState.PROPOSED)


def test_who_asked_is_offered_no_approval_and_a_forged_one_is_refused(
    signed_in: Callable[..., Client], customer: Customer
) -> None:
    browser = signed_in(Role.ADMIN)
    made = ask(browser, customer.account)
    page = browser.get(f"/office/money/{made}/").content.decode()
    assert 'value="approve"' not in page
    assert 'value="withdraw"' in page
    answer = browser.post(f"/office/money/{made}/decide/", {"deed": "approve"}, follow=True)
    assert "Personne ne décide de sa propre demande" in answer.content.decode()
    assert state(made) is ProposalState.PROPOSED


def test_an_approval_sent_again_is_told_and_does_nothing(signed_in: Callable[..., Client], customer: Customer) -> None:
    made = ask(signed_in(Role.BILLING, name="asks"), customer.account)
    second = signed_in(Role.BILLING, name="approves", language="en")
    second.post(f"/office/money/{made}/decide/", {"deed": "refuse", "reason": "The outage was one hour long"})
    answer = second.post(f"/office/money/{made}/decide/", {"deed": "approve"}, follow=True)
    assert "dealt with already" in answer.content.decode()
    assert state(made) is ProposalState.REFUSED


def test_without_the_token_of_its_page_no_form_is_taken(signed_in: Callable[..., Client], customer: Customer) -> None:
    browser = signed_in(Role.ADMIN)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    addresses = (
        "/office/money/ask/",
        "/office/money/prop_x/decide/",
        "/office/terms/open/",
        "/office/terms/drafts/draft_x/",
        "/office/terms/drafts/draft_x/submit/",
        "/office/terms/proposals/prop_x/decide/",
        "/office/decks/upload/",
        "/office/decks/ippi/world/1/activate/",
        "/office/clock/",
    )
    for address in addresses:
        assert strict.post(address, {"deed": "approve"}).status_code == 403, address


def test_staff_of_another_brand_finds_neither_the_customer_nor_the_request(
    signed_in: Callable[..., Client], customer: Customer
) -> None:
    made = ask(signed_in(Role.BILLING, name="asks"), customer.account)
    other = signed_in(Role.BILLING, brands=("kavkom",))
    assert other.get(f"/office/money/{made}/").status_code == 404
    assert other.post(f"/office/money/{made}/decide/", {"deed": "approve"}).status_code == 404
    assert made not in other.get("/office/money/").content.decode()
    assert "claire" not in other.get("/office/money/ask/", {"account": customer.account}).content.decode().lower()
    assert state(made) is ProposalState.PROPOSED


def test_a_reason_with_script_is_shown_as_text(signed_in: Callable[..., Client], customer: Customer) -> None:
    browser = signed_in(Role.BILLING)
    made = ask(browser, customer.account, reason="<script>alert(1)</script> twice")
    for address in ("/office/money/", f"/office/money/{made}/"):
        page = browser.get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("amount", ["0", "-1", "1e3", "1,001", "nan", "", "500.01", "٣"])
def test_an_amount_that_is_none_is_refused_and_the_form_keeps_what_was_typed(
    amount: str, signed_in: Callable[..., Client], customer: Customer
) -> None:
    browser = signed_in(Role.BILLING)
    form = {"account": customer.account, "kind": "give-credit", "amount": amount, "reason": REASON, "key": "k1"}
    answer = browser.post("/office/money/ask/", form)
    assert answer.status_code == 422
    assert REASON in answer.content.decode()
    assert not queries.proposals()


def test_the_sandbox_clock_is_for_admins_and_moves_to_the_chosen_midnight_only_forward(
    signed_in: Callable[..., Client],
) -> None:
    assert signed_in(Role.BILLING).get("/office/clock/").status_code == 403
    admin = signed_in(Role.ADMIN)
    assert admin.get("/office/clock/").status_code == 200
    for wrong in ({"step": "date", "day": "2001-01-01"}, {"step": "date", "day": "soon"}, {"step": "century"}, {}):
        answer = admin.post("/office/clock/", wrong, follow=True)
        assert "Choisissez un instant à venir" in answer.content.decode(), wrong


def test_who_may_not_see_personal_data_reads_no_name_on_a_request(
    signed_in: Callable[..., Client], customer: Customer
) -> None:
    made = ask(signed_in(Role.BILLING), customer.account)
    page = signed_in(Role.READ_ONLY).get(f"/office/money/{made}/").content.decode()
    assert customer.account in page
    assert "Le Gall" not in page
