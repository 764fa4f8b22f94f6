from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from cadran.charging import queries as charging
from cadran.compliance import operations as compliance_operations
from cadran.compliance import queries as compliance
from cadran.journeys import closing, own_data
from cadran.numbering import operations as numbering
from cadran.party import queries as party
from cadran.party.models import Customer, User

pytestmark = pytest.mark.django_db(databases="__all__")
RIGHT = "vent-du-large-29"
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def confirm_again(browser: Client, password: str = RIGHT) -> None:
    browser.post("/account/reauthenticate/", {"password": password, "next": "/dashboard/"})


def downloaded(browser: Client) -> zipfile.ZipFile:
    answer = browser.post("/account/data/")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]


def test_the_archive_holds_all_that_is_kept_of_the_customer_and_of_nobody_else(
    claire: Client, sign_up: Callable[..., str]
) -> None:
    zoe = Client()
    zoe.post(sign_up(zoe, username="zoe", email="zoe@example.org"))
    confirm_again(claire)
    archive = downloaded(claire)
    assert archive.testzip() is None
    parts = {name.removesuffix(".json") for name in archive.namelist() if name.endswith(".json")}
    expected = {"customer", "acceptances", "sip-users", "numbers", "credit", "calls", "orders", "cases", "sign-ins"}
    assert parts >= expected
    whole = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "claire@example.org" in whole
    assert "zoe" not in whole
    assert "argon2" not in whole
    assert json.loads(archive.read("customer.json"))[0]["username"] == "claire"
    assert {one["document"] for one in json.loads(archive.read("acceptances.json"))} >= {"terms", "prices", "offers"}
    index = archive.read("index.html").decode()
    assert all(f"{part}.csv" in index for part in parts)


def test_the_archive_is_for_the_account_itself_and_asks_who_it_is_again(claire: Client) -> None:
    assert claire.post("/account/data/").status_code == 302
    assert Client().post("/account/data/").headers["Location"].startswith("/account/")
    confirm_again(claire, "wrong-password-1")
    assert claire.post("/account/data/").status_code == 302


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(cell: str) -> None:
    assert own_data.neutral(cell) == f"'{cell}"
    assert own_data.neutral(f"a{cell}") == f"a{cell}"


def test_a_case_that_looks_like_a_formula_is_harmless_in_the_archive(claire: Client) -> None:
    account = party.customer_named("claire").account
    Customer.objects.filter(accounts__number=account).update(first_names="=HYPERLINK(1)", name="")
    confirm_again(claire)
    table = downloaded(claire).read("customer.csv").decode()
    assert "'=HYPERLINK(1)" in table
    assert ",=HYPERLINK" not in table


def test_a_thousand_calls_are_read_page_by_page_without_one_lost_or_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from test_web_pages import call

    calls = [call("A1", cdr_id=f"cdr_{n}", ended_at=AT - timedelta(seconds=n // 3)) for n in range(1200)]

    def page(*, account: str, limit: int, until: datetime, **_: object) -> tuple[object, ...]:
        return tuple([one for one in calls if one.ended_at < until][:limit])

    monkeypatch.setattr(charging, "cdrs", page)
    found = [one.cdr_id for one in own_data._calls("A1", AT)]  # type: ignore[attr-defined]
    assert found == [one.cdr_id for one in calls]


def test_closing_says_first_what_is_lost_and_what_is_kept_until_when(claire: Client) -> None:
    confirm_again(claire)
    page = claire.get("/account/close/").content.decode()
    for part in ("Ce que vous perdez", "claire", "Ce que la loi nous fait garder", "décret 2021-1361", "FERMER"):
        assert part in page
    assert claire.post("/account/close/", {"word": "oui"}).status_code == 422
    assert party.customer_named("claire").active


def test_a_closed_account_opens_nothing_and_bears_a_pseudonym(claire: Client, sign_up: Callable[..., str]) -> None:
    customer = party.customer_named("claire")
    numbering.record_verified_number(e164="+33612345678", account=customer.account, at=AT)
    confirm_again(claire)
    page = claire.post("/account/close/", {"word": "fermer"}).content.decode()
    assert "Votre compte est fermé" in page
    assert claire.get("/dashboard/").status_code == 302
    assert party.sip_user("claire") is None
    closed = party.customer_of_account(customer.account)
    assert closed.state == "ended"
    assert "Claire" not in repr(closed)
    assert "claire" not in repr(closed)
    assert not User.objects.filter(email="claire@example.org").exists()
    from cadran.numbering import queries as numbers

    assert all(one.until_at is not None for one in numbers.numbers_of(customer.account))
    again = Client()
    cache.clear()
    again.post(sign_up(again))  # name and address are free
    assert party.customer_named("claire").account != customer.account


@pytest.mark.parametrize("purpose", ["civil-identity", "subscription", "traffic", "invoices", "evidence"])
def test_what_the_law_asks_to_keep_is_sealed_until_its_date_and_deleted_on_it(claire: Client, purpose: str) -> None:
    customer = party.customer_named("claire")
    closing.close(user_id=customer.user_id, at=AT)
    years = {"civil-identity": 5, "subscription": 1, "traffic": 1, "invoices": 10, "evidence": 10}[purpose]
    (kept,) = [one for one in compliance.retained(account=customer.account) if one.purpose == purpose]
    assert kept.delete_at == AT.replace(year=2026 + years)
    assert "Claire" not in kept_text(customer.account)
    opened = compliance_operations.open_retained(
        account=customer.account, purpose="civil-identity", by="sam", reason="court order 1", at=AT
    )
    assert opened["email"] == "claire@example.org"
    compliance_operations.delete_retained(at=kept.delete_at - timedelta(seconds=1))
    assert purpose in {one.purpose for one in compliance.retained(account=customer.account)}
    compliance_operations.delete_retained(at=kept.delete_at)
    assert purpose not in {one.purpose for one in compliance.retained(account=customer.account)}


def kept_text(account: str) -> str:
    from cadran.compliance import models

    return "".join(models.Retained.objects.filter(account=account).values_list("sealed", flat=True))


def test_an_open_call_or_order_keeps_the_account_open(claire: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = party.customer_named("claire")
    monkeypatch.setattr(charging, "open_calls", lambda account="": 1)
    confirm_again(claire)
    answer = claire.post("/account/close/", {"word": "FERMER"})
    assert answer.status_code == 409
    assert "raccrochez" in answer.content.decode()
    with pytest.raises(closing.UnableToClose):
        closing.close(user_id=customer.user_id, at=AT)
    assert party.customer_named("claire").active
    assert compliance.retained(account=customer.account) == ()


def test_closing_ends_keys_of_programs_and_the_last_date_erases_mails_and_evidence(claire: Client) -> None:
    from cadran.journeys.carry import SUBSCRIBERS
    from cadran.messaging import queries as messaging
    from cadran.policy import events
    from cadran.policy.proof import queries as proof

    customer = party.customer_named("claire")
    assert messaging.mails(account=customer.account, limit=10)
    closing.close(user_id=customer.user_id, at=AT)
    last = max(one.delete_at for one in compliance.retained(account=customer.account))
    compliance_operations.delete_retained(at=last)
    told = [one for one in events.pending_events(at=last, limit=500) if one.kind == "compliance.retained-deleted"]
    for event in told:
        for subscriber in SUBSCRIBERS[event.kind]:
            subscriber(event, None)  # type: ignore[arg-type]
    assert {mail.to for mail in messaging.mails(account=customer.account, limit=10)} == {""}
    assert proof.erased_holders()
    assert compliance.retained(account=customer.account) == ()
