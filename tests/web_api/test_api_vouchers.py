"""Vouchers through the API: redeemed by a customer's program, made and blocked by staff's keys, and what neither gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from web_api_program import Program

from cadran.journeys import vouchers
from cadran.party import models
from cadran.party import queries as party
from cadran.payment.vouchers import queries, rules
from cadran.payment.vouchers.models import VoucherTry
from cadran.web.api.application import DECLARED
from journeys.voucher_rig import AT, CLAIRE, EUR, REASON, Shop, open_shop, served

pytestmark = pytest.mark.django_db(databases="__all__")


class Fixed:
    def now(self) -> object:
        return AT


@pytest.fixture
def shop(tmp_path: Path, settings: Settings) -> Iterator[Shop]:
    settings.BRAND, settings.CHARGING_SOCKET, settings.CIVIL_CLOCK = "kryptoow", tmp_path / "c.sock", Fixed()
    for one in open_shop(tmp_path):
        with served(one.engine, tmp_path / "c.sock"):
            yield one


@pytest.fixture
def claire(shop: Shop) -> party.Customer:
    return party.customer_of_account(CLAIRE)


@pytest.mark.clause("KRY-2.4-coupons")
def test_a_program_redeems_a_voucher_once_and_reads_it_again(shop: Shop, program: Program) -> None:
    serial, code = shop.batch(1).codes[0]
    done = program.post("/vouchers", {"code": rules.grouped(code)}, idempotency_key="one")
    assert (done.status, done.json["state"], done.json["serial"]) == (201, "credited", serial)
    assert (done.json["amount_micros"], done.json["balance_micros"]) == (10 * EUR, 10 * EUR)
    assert program.post("/vouchers", {"code": rules.grouped(code)}, idempotency_key="one").json == done.json
    again = program.post("/vouchers", {"code": code})
    assert (again.error_id, again.json["decision"]["code"]) == ("vouchers-code-refused", "voucher-used")
    assert program.get(f"/vouchers/{done.json['id']}").json == done.json
    assert [one["serial"] for one in program.get("/vouchers").json["vouchers"]] == [serial]
    assert code not in repr((program.get("/vouchers").content, done.content, again.content))
    assert shop.credit_micros() == 10 * EUR


@pytest.mark.clause("KRY-2.4-coupons")
def test_five_guesses_are_answered_and_then_it_waits_as_long_as_it_says(shop: Shop, program: Program) -> None:
    for number in range(5):
        assert program.post("/vouchers", {"code": rules.code_of(number)}).error_id == "vouchers-code-refused"
    locked = program.post("/vouchers", {"code": shop.batch(1).codes[0][1]})
    assert (locked.status, locked.error_id, locked.headers["Retry-After"]) == (429, "vouchers-locked", "61")
    assert VoucherTry.objects.filter(channel="api", outcome="unknown").count() == 5


@pytest.mark.parametrize("code", ["", "x" * 65, "12\n34", 1234567890123456, None, ["0"] * 16])
def test_what_is_no_text_of_a_code_is_not_looked_at(code: object, shop: Shop, program: Program) -> None:
    assert program.post("/vouchers", {"code": code}).error_id == "api-input-invalid"
    assert not VoucherTry.objects.exists()


def test_keys_without_the_scope_strangers_and_other_accounts_get_nothing(
    shop: Shop, claire: party.Customer, key_for: Callable[..., Program], stranger: Program, program: Program
) -> None:
    code = shop.batch(1).codes[0][1]
    assert key_for(claire, "read:ledger").post("/vouchers", {"code": code}).error_id == "api-scope-missing"
    assert stranger.post("/vouchers", {"code": code}).error_id == "api-key-missing"
    done = program.post("/vouchers", {"code": code}).json
    denis = key_for(party.customer_of_account("A000002"))
    assert denis.get(f"/vouchers/{done['id']}").error_id == "vouchers-voucher-unknown"
    assert denis.post("/vouchers", {"code": code}).json["decision"]["code"] == "voucher-unknown"
    models.Customer.objects.filter(name="Denis").update(state="blocked")
    assert denis.post("/vouchers", {"code": code}).status == 403


def test_staff_asks_approves_issues_and_blocks_by_keys_and_no_key_takes_sheets(
    shop: Shop, staff_key: Callable[..., Program]
) -> None:
    anne, bruno = (staff_key(user_name=name, brand="kryptoow") for name in ("anne", "bruno"))
    asked = {"series": "KRY", "face_micros": 10 * EUR, "count": 12, "reason": REASON}
    made = anne.post("/staff/vouchers/batches", asked).json
    one = f"/staff/vouchers/batches/{made['id']}"
    assert (made["state"], made["count"], made["made"]) == ("proposed", 12, 0)
    assert anne.post(f"{one}/approval").error_id == "journeys-proposal-same-person"
    assert bruno.post(f"{one}/approval").json["state"] == "making"
    assert vouchers.make(at=AT) == 12
    everything = {"first": 1, "last": 12, "reason": REASON}
    assert bruno.post(f"{one}/issue", everything).error_id == "vouchers-batch-not-ready"
    assert not [name for name in DECLARED if "sheet" in name]
    vouchers.print_sheets(batch_id=made["id"], form="csv", by=vouchers.Hand(user_id=1, name="desk"), at=AT)
    assert bruno.post(f"{one}/issue", everything).json["count"] == 12
    assert anne.post(f"{one}/block", everything | {"last": 2}).json["micros"] == 20 * EUR
    assert anne.post(f"{one}/block", everything | {"last": 13}).error_id == "vouchers-batch-invalid"
    figures = anne.get("/staff/vouchers/figures").json
    assert (figures["issued_micros"], figures["outstanding_micros"], figures["ended_micros"]) == (
        120 * EUR,
        100 * EUR,
        20 * EUR,
    )
    serial = rules.serial_of("KRY", 1, 2)
    assert anne.get(f"/staff/vouchers/{serial}").json["state"] == "blocked"
    assert queries.batch(made["id"]).taken_by_name == "desk"
