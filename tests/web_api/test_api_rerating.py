"""Re-ratings and the reports on price lists through the API: two people, one brand, bounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from web_api_program import Program

from cadran.catalog import operations as catalog
from cadran.journeys.models import Rerating
from cadran.journeys.rerating import queries
from cadran.party import queries as party
from cadran.web.api.routes.staff import deck_reports, reratings
from web.usage_rig import AT, LANDLINE, Till

pytestmark = pytest.mark.django_db(databases="__all__")
NOW = AT + timedelta(days=18)
ASKED: dict[str, Any] = {
    "deck": "world",
    "version": "fixed",
    "since": "2026-02-20T00:00:00Z",
    "until": "2026-03-11T00:00:00Z",
    "prefixes": ["336"],
    "reason": "The price of mobiles was wrong",
}
WISH = {name: value for name, value in ASKED.items() if name != "reason"}
DECK = "/staff/decks/world/fixed"


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch, register: Callable[..., party.Customer]) -> party.Customer:
    """A mobile call of 61 s for 0.122 and a landline call of 60 s for 0.012; version `fixed` halves the one, doubles the other."""

    class Today:
        def now(self) -> datetime:
            return NOW

    monkeypatch.setattr(settings, "CIVIL_CLOCK", Today())
    found = register("claire")
    till = Till(found.account)
    till.buy("pay", 1_000_000)
    till.call(61)
    till.call(60, destination=LANDLINE, number_class="geographic")
    for version, name, lines, tax in (
        ("old", "world", "331,France fixe,0.012\n336,France mobile,0.12\n", "included"),
        ("fixed", "world", "331,France fixe,0.024\n336,France mobile,0.06\n", "included"),
        ("1", "carrier.acme", "33,France,0.02\n", "excluded"),
    ):
        source = f"prefix,destination,price\n{lines}".encode()
        deck = catalog.import_deck(brand="ippi", source=source, at=NOW, version=version, name=name, tax=tax).deck
        assert deck is not None
        if version == "old":
            catalog.activate_deck(deck=deck, effective_from=AT - timedelta(days=100), at=NOW)
    return found


# Re-ratings


def test_what_one_person_asks_for_another_approves_by_a_key_of_their_own(
    staff_key: Callable[..., Program], caller: party.Customer
) -> None:
    anne, again, bruno = staff_key(user_name="anne"), staff_key(user_name="anne"), staff_key(user_name="bruno")
    seen = anne.post("/staff/rerating-previews", WISH).json
    assert (seen["changed"], seen["customers"], seen["up_micros"], seen["down_micros"]) == (1, 1, 0, 61_000)
    assert seen["verdicts"]["cheaper"] == 1
    assert [(one["account"], one["before_micros"], one["after_micros"]) for one in seen["largest"]] == [
        (caller.account, 122_000, 61_000)
    ]
    assert not Rerating.objects.exists()
    made = anne.post("/staff/reratings", ASKED, idempotency_key="ask-1")
    assert (made.status, made.json["state"], made.json["decided"]) == (201, "waiting", "proposed")
    assert anne.post("/staff/reratings", ASKED, idempotency_key="ask-1").json == made.json
    assert anne.post("/staff/reratings", ASKED).error_id == "journeys-rerating-already-asked"
    one = f"/staff/reratings/{made.json['id']}"
    for own in (anne, again):
        assert own.post(f"{one}/approval").error_id == "journeys-proposal-same-person"
        assert own.post(f"{one}/refusal", {"reason": "I changed my mind"}).error_id == "journeys-proposal-same-person"
    assert bruno.post(f"{one}/withdrawal").error_id == "journeys-proposal-same-person"
    assert queries.run(made.json["id"]).state.value == "waiting"
    assert bruno.post(f"{one}/approval").json["state"] == "running"
    assert bruno.post(f"{one}/approval").error_id == "journeys-proposal-not-pending"
    page = bruno.get(one).json
    assert page["preview"] == {**seen, "at": page["preview"]["at"]}
    assert (page["rerating"]["decided"], page["customers"], page["told"]) == ("approved", 0, 0)
    assert [row["id"] for row in bruno.get("/staff/reratings").json["reratings"]] == [made.json["id"]]


def test_it_is_refused_with_a_reason_or_taken_back_and_then_asked_for_again(
    staff_key: Callable[..., Program], caller: party.Customer
) -> None:
    anne, bruno = staff_key(user_name="anne"), staff_key(user_name="bruno")
    first = anne.post("/staff/reratings", ASKED).json["id"]
    assert bruno.post(f"/staff/reratings/{first}/refusal", {"reason": "x"}).error_id == "api-input-invalid"
    assert bruno.post(f"/staff/reratings/{first}/refusal", {"reason": "Too long"}).json["decided"] == "refused"
    second = anne.post("/staff/reratings", ASKED).json["id"]
    assert anne.post(f"/staff/reratings/{second}/withdrawal").json["decided"] == "withdrawn"
    assert bruno.post(f"/staff/reratings/{second}/approval").error_id == "journeys-proposal-not-pending"


def test_asking_and_approving_need_their_own_scopes(staff_key: Callable[..., Program], caller: party.Customer) -> None:
    made = staff_key(user_name="anne").post("/staff/reratings", ASKED).json["id"]
    reads = staff_key("staff:read:ledger", "staff:read:prices", user_name="bruno")
    assert reads.get(f"/staff/reratings/{made}").status == 200
    assert reads.post("/staff/reratings", ASKED).error_id == "api-scope-missing"
    for deed, body in (("approval", None), ("refusal", {"reason": "Far too long"})):
        assert reads.post(f"/staff/reratings/{made}/{deed}", body).error_id == "api-scope-missing"
    blind = staff_key("staff:approve:credit", user_name="bruno")
    assert blind.post(f"/staff/reratings/{made}/approval").error_id == "api-scope-missing"


def test_another_brands_re_rating_is_as_if_it_were_not(
    staff_key: Callable[..., Program], caller: party.Customer
) -> None:
    made = staff_key(user_name="anne").post("/staff/reratings", ASKED).json["id"]
    Rerating.objects.update(brand="kavkom")
    bruno = staff_key(user_name="bruno")
    assert bruno.get("/staff/reratings").json["reratings"] == []
    assert bruno.get(f"/staff/reratings/{made}").error_id == "journeys-rerating-unknown"
    for deed, body in (("approval", None), ("refusal", {"reason": "Far too long"}), ("withdrawal", None)):
        assert bruno.post(f"/staff/reratings/{made}/{deed}", body).error_id == "journeys-rerating-unknown"


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"version": "never"}, "catalog-deck-unknown"),
        ({"deck": "carrier.acme", "version": "1"}, "journeys-rerating-invalid"),
        ({"since": "2026-03-11T00:00:00Z"}, "journeys-rerating-invalid"),
        ({"since": "2025-02-03T00:00:00Z"}, "journeys-rerating-invalid"),
        ({"until": "2026-03-20T09:00:01Z"}, "journeys-rerating-invalid"),
        ({"prefixes": ["44"]}, "journeys-rerating-nothing"),
        ({"prefixes": ["0"]}, "api-input-invalid"),
        ({"prefixes": [str(one) for one in range(1000, 1201)]}, "api-input-invalid"),
        ({"reason": "short"}, "api-input-invalid"),
        ({"reason": "        "}, "journeys-rerating-invalid"),
        ({"brand": "kavkom"}, "api-input-invalid"),
    ],
)
def test_what_cannot_be_charged_again_is_refused(
    staff_key: Callable[..., Program], caller: party.Customer, changes: dict[str, Any], error_id: str
) -> None:
    assert staff_key().post("/staff/reratings", {**ASKED, **changes}).error_id == error_id
    assert not Rerating.objects.exists()


def test_one_answer_goes_through_so_many_calls_and_lines(
    staff_key: Callable[..., Program], caller: party.Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, wide = staff_key(), {**WISH, "prefixes": []}
    monkeypatch.setattr(reratings, "MOST_CALLS", 1)
    monkeypatch.setattr(deck_reports, "MOST_CALLS", 1)
    assert agent.post("/staff/rerating-previews", WISH).status == 200
    for path, body in (("rerating-previews", wide), ("reratings", {**ASKED, "prefixes": []})):
        assert agent.post(f"/staff/{path}", body).error_id == "journeys-rerating-too-many"
    for report in ("impact", "margin"):
        assert agent.get(f"{DECK}/{report}").error_id == "journeys-deck-report-invalid"
    monkeypatch.setattr(reratings, "MOST_CALLS", 2)
    monkeypatch.setattr(deck_reports, "MOST_CALLS", 2)
    assert agent.post("/staff/rerating-previews", wide).json["looked_at"] == 2
    assert agent.get(f"{DECK}/impact").status == 200
    monkeypatch.setattr(reratings, "MOST_LINES", 1)
    monkeypatch.setattr(deck_reports, "MOST_LINES", 1)
    assert agent.post("/staff/rerating-previews", WISH).error_id == "journeys-rerating-invalid"
    assert agent.get(f"{DECK}/check").error_id == "journeys-deck-report-invalid"


def test_a_test_key_asks_for_nothing_and_sees_nobodys_calls(
    staff_key: Callable[..., Program], caller: party.Customer
) -> None:
    agent = staff_key(test=True)
    assert agent.post("/staff/rerating-previews", WISH).json["looked_at"] == 0
    assert agent.post("/staff/reratings", ASKED).json["id"] == "rer_sample"
    assert not Rerating.objects.exists()
    assert agent.get("/staff/reratings").json == {"reratings": []}
    assert agent.get(f"{DECK}/impact").json["calls"] == 0
    assert agent.get(f"{DECK}/margin").json["destinations"] == []


# Reports


def test_a_version_is_reported_on_with_the_traffic_of_the_last_days(
    staff_key: Callable[..., Program], caller: party.Customer
) -> None:
    agent = staff_key()
    found = agent.get(f"{DECK}/impact").json
    assert (found["replaces"], found["calls"], found["up_micros"], found["down_micros"]) == ("old", 2, 12_000, 61_000)
    assert [(row["destination"], row["change_micros"], row["customers"]) for row in found["destinations"]] == [
        ("France fixe", 12_000, 1),
        ("France mobile", -61_000, 1),
    ]
    assert agent.get(f"{DECK}/impact?days=1").json["calls"] == 0
    check = agent.get(f"{DECK}/check?limit=1").json
    assert check["rates"] == 2
    assert check["counts"]["no-price"] > 1
    assert len([one for one in check["findings"] if one["kind"] == "no-price"]) == 1
    margin = agent.get(f"{DECK}/margin?carrier=carrier.acme").json
    assert (margin["carrier"], margin["calls"]) == ("carrier.acme", 2)
    assert margin["margin_micros"] == margin["sold_micros"] - margin["cost_micros"]
    assert margin["exposed_count"] == len(margin["exposed"])
    assert agent.get(f"{DECK}/margin").json == margin


def test_a_report_has_bounds_and_needs_its_decks(staff_key: Callable[..., Program], caller: party.Customer) -> None:
    agent = staff_key()
    for days in ("0", "91", "x"):
        assert agent.get(f"{DECK}/impact?days={days}").error_id == "api-input-invalid"
    assert agent.get("/staff/decks/world/old/impact").error_id == "journeys-deck-report-invalid"
    assert agent.get("/staff/decks/world/never/check").error_id == "catalog-deck-unknown"
    assert agent.get(f"{DECK}/margin?carrier=other").error_id == "journeys-carrier-deck-unknown"
    narrow = staff_key("staff:read:prices")
    assert narrow.get(f"{DECK}/impact").status == 200
    assert narrow.get(f"{DECK}/margin").error_id == "api-scope-missing"
