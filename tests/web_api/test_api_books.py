"""The journal, the decisions, re-ratings and the reports on price lists through the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from web_api_program import Program

from cadran.party import models as party_models
from cadran.party import queries as party
from cadran.payment.operations import place_top_up
from cadran.policy import queries as policy
from web.usage_rig import AT, Till

pytestmark = pytest.mark.django_db(databases="__all__")
EUR = 1_000_000


# The journal


def test_the_journal_of_an_owner_is_read_page_by_page_and_each_line_with_its_two_legs(
    staff_key: Callable[..., Program], claire: party.Customer
) -> None:
    till, agent = Till(claire.account), staff_key("staff:read:ledger")
    for number in range(3):
        till.buy(f"pay{number}", 10 * EUR, at=AT + timedelta(hours=number))
    till.call(60)
    whole = agent.get(f"/staff/journal?owner={claire.account}&limit=100").json
    assert whole["next"] is None
    assert {one["owner"] for one in whole["transfers"]} == {claire.account}
    assert [one["at"] for one in whole["transfers"]] == sorted((one["at"] for one in whole["transfers"]), reverse=True)
    assert sum(one["balance_micros"] or 0 for one in whole["accounts"]) == 30 * EUR - 120_000
    paged, cursor = [], ""
    while cursor is not None:
        page = agent.get(f"/staff/journal?owner={claire.account}&limit=2&cursor={cursor}").json
        assert len(page["transfers"]) <= 2
        paged += page["transfers"]
        cursor = page["next"]
    assert paged == whole["transfers"]
    assert len(paged) >= 5
    bought = [one for one in paged if one["transfer"].startswith("purchase/")]
    assert len(bought) == 3
    line = agent.get(f"/staff/journal/{claire.account}/{bought[0]['transfer']}").json
    assert line["line"] == bought[0]
    assert sorted(leg["amount_micros"] for leg in line["legs"]) == [-10 * EUR, 10 * EUR]
    only = agent.get(f"/staff/journal?owner={claire.account}&kind=pending").json["transfers"]
    assert {one["kind"] for one in only} == {"pending"}
    until = (AT + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    early = agent.get(f"/staff/journal?owner={claire.account}&kind=posted&until={until}").json["transfers"]
    assert [one["transfer"] for one in early if one["transfer"].startswith("purchase/")] == [bought[2]["transfer"]]
    assert [act.account for act in party.staff_acts(account=claire.account)] != []


def test_a_cursor_of_one_journal_opens_no_other(
    staff_key: Callable[..., Program], claire: party.Customer, register: Callable[..., party.Customer]
) -> None:
    till, agent, other = Till(claire.account), staff_key(), register("bruno")
    for number in range(2):
        till.buy(f"pay{number}", 10 * EUR)
    cursor = agent.get(f"/staff/journal?owner={claire.account}&limit=1").json["next"]
    assert agent.get(f"/staff/journal?owner={other.account}&cursor={cursor}").error_id == "api-cursor-invalid"
    assert agent.get(f"/staff/journal?owner={claire.account}&cursor=made-up").error_id == "api-cursor-invalid"


def test_the_journal_of_another_brand_is_as_if_it_were_not(
    staff_key: Callable[..., Program], claire: party.Customer
) -> None:
    Till(claire.account).buy("pay", 10 * EUR)
    agent = staff_key(brand="ippi")
    assert agent.get("/staff/journal?owner=house/ippi").status == 200
    (line,) = (
        one["transfer"]
        for one in agent.get(f"/staff/journal?owner={claire.account}").json["transfers"]
        if one["transfer"].startswith("purchase/")
    )
    party_models.Customer.objects.filter(pk=claire.id).update(brand="kavkom")
    for path in (f"?owner={claire.account}", "?owner=house/kavkom", "?owner=house/nobody", f"/{claire.account}/{line}"):
        assert agent.get(f"/staff/journal{path}").error_id == "party-customer-unknown", path


def test_a_line_is_found_under_its_own_owner_alone(
    staff_key: Callable[..., Program], claire: party.Customer, register: Callable[..., party.Customer]
) -> None:
    Till(claire.account).buy("pay", 10 * EUR)
    agent, other = staff_key(), register("bruno")
    for written in ("purchase/pay", "purchase%2Fpay"):
        assert agent.get(f"/staff/journal/{claire.account}/{written}").json["line"]["transfer"] == "purchase/pay"
    assert agent.get(f"/staff/journal/{other.account}/purchase/pay").error_id == "ledger-movement-unknown"
    assert agent.get(f"/staff/journal/{claire.account}/purchase/never").error_id == "ledger-movement-unknown"


@pytest.mark.parametrize(
    "query", ["", "?owner=", "?owner=house/", "?owner=%25", "?owner=A000001&kind=all", "?owner=A000001&limit=101"]
)
def test_an_owner_is_named_and_a_page_is_bounded(staff_key: Callable[..., Program], query: str) -> None:
    assert staff_key().get(f"/staff/journal{query}").error_id == "api-input-invalid"


def test_a_test_key_reads_nobodys_journal(staff_key: Callable[..., Program], claire: party.Customer) -> None:
    Till(claire.account).buy("pay", 10 * EUR)
    agent = staff_key(test=True)
    assert agent.get("/staff/journal?owner=house/ippi").json == {"accounts": [], "transfers": [], "next": None}
    assert agent.get(f"/staff/journal?owner={claire.account}").status == 404
    assert agent.get(f"/staff/journal/{claire.account}/purchase/pay").status == 404


# The decisions


def test_decisions_are_read_with_their_clause_and_without_numbers_where_the_key_sees_none(
    staff_key: Callable[..., Program], claire: party.Customer, call: Callable[..., str]
) -> None:
    told = {"allowed": False, "clause": "IPP-9", "terms": "ippi/2018-04", "code": "x", "inputs": {"to": "33142000001"}}
    made = call(claire, decision={**told, "fr": "Non à 33142000001.", "en": "No."}, clause="IPP-9")
    call(claire)
    whole, masked = staff_key(), staff_key("staff:read:calls")
    (found,) = whole.get("/staff/decisions?clause=IPP-9").json["decisions"]
    assert (found["ref"], found["account"], found["decision"]["allowed"]) == (made, claire.account, False)
    assert found["decision"]["inputs"] == {"to": "33142000001"}
    assert b"33142000001" not in masked.get("/staff/decisions").content
    page = whole.get("/staff/decisions?limit=1").json
    other = whole.get(f"/staff/decisions?limit=1&cursor={page['next']}").json
    assert {page["decisions"][0]["ref"], other["decisions"][0]["ref"]} > {made}
    party_models.Customer.objects.filter(pk=claire.id).update(brand="kavkom")
    assert whole.get(f"/staff/decisions?account={claire.account}").status == 404


def test_decisions_on_orders_need_the_right_to_see_money(
    staff_key: Callable[..., Program], claire: party.Customer
) -> None:
    placed = place_top_up(
        key="k",
        account=claire.account,
        brand="ippi",
        terms=policy.terms(claire.terms),
        opened_at=claire.created_at,
        amount_micros=10 * EUR,
        currency="EUR",
        at=settings.CIVIL_CLOCK.now(),
    )
    agent, narrow = staff_key(), staff_key("staff:read:calls")
    (found,) = agent.get(f"/staff/decisions?of=orders&account={claire.account}").json["decisions"]
    assert (found["ref"], found["decision"]["allowed"]) == (placed.order_id, True)
    assert found["clause"] == found["decision"]["clause"]
    assert narrow.get("/staff/decisions?of=orders").error_id == "api-scope-missing"
    party_models.StaffMember.objects.update(role="read-only")
    assert agent.get("/staff/decisions?of=orders").status == 200
