"""Documents reviewed one after the other, cases answered, live calls cut: what becomes of each, and what the log says."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from office_rig import ACCOUNT, AT, SESSION
from PIL import Image
from pytest_django import Settings

from cadran.compliance import operations as compliance
from cadran.compliance import queries as cases
from cadran.compliance import rules as case_rules
from cadran.journeys import own_data
from cadran.party import leaving, models, search, staff_queries
from cadran.party import queries as party
from cadran.party.documents import inspector, operations, queries, rules
from cadran.party.staff import Role
from cadran.voice import control

pytestmark = pytest.mark.django_db(databases="__all__")


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 400), (120, 90, 60)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def waiting(stocked: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two documents that wait, of customers of KRYPTOOW."""
    settings.VAR = tmp_path
    monkeypatch.setattr("cadran.settings.VAR", tmp_path)

    def at_once(raw: bytes) -> Any:
        return inspector.inspection.inspect(raw, max_bytes=rules.MAX_BYTES, max_pages=rules.MAX_PAGES)

    monkeypatch.setattr(inspector, "inspected", at_once)
    found = []
    for name in ("yann", "lena"):
        user = models.User.objects.create(username=name, email=f"{name}@example.org", created_at=AT)
        customer = models.Customer.objects.create(
            user=user,
            brand="kryptoow",
            kind="person",
            first_names=name.title(),
            name="Tanguy",
            language="fr",
            country="FR",
            certified_at=AT,
            created_at=AT,
        )
        models.BillingAccount.objects.create(
            number=f"A9{customer.pk:05d}",
            customer=customer,
            brand="kryptoow",
            currency="EUR",
            terms_ref="kryptoow/2018-01",
            created_at=AT,
        )
        given = operations.Submission(
            customer_id=customer.pk,
            key=name,
            kind="identity-card",
            expires_on=date(2031, 1, 1),
            files={"front": photo(), "back": photo()},
        )
        found.append(operations.submit(submission=given, at=AT).document_id)
    return found


def test_documents_are_opened_for_one_answer_and_kept_nowhere(
    signed_in: Callable[..., Client], waiting: list[str]
) -> None:
    browser = signed_in(Role.COMPLIANCE, name="lea")
    assert waiting[0] in browser.get("/office/documents/").content.decode()
    page = browser.get(f"/office/documents/{waiting[0]}/").content.decode()
    assert f"/office/documents/{waiting[0]}/front" in page
    answer = browser.get(f"/office/documents/{waiting[0]}/front")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.content[:2] == b"\xff\xd8"
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert re.fullmatch(r'inline; filename="[A-Z]\d{6}-front\.jpeg"', answer.headers["Content-Disposition"])
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert ("lea", "document") in [(one.staff, one.kind) for one in staff_queries.staff_acts()]
    assert browser.get(f"/office/documents/{waiting[0]}/inside").status_code == 404
    assert browser.get("/office/documents/idd_none/front").status_code == 404


def test_a_refusal_needs_its_reason_and_leads_to_the_next_one(
    signed_in: Callable[..., Client], waiting: list[str]
) -> None:
    browser = signed_in(Role.COMPLIANCE)
    browser.post(f"/office/documents/{waiting[0]}/decide", {"deed": "refuse", "reason": "ugly"})
    assert queries.document(waiting[0]).state == "awaiting"
    after = browser.post(f"/office/documents/{waiting[0]}/decide", {"deed": "refuse", "reason": "unreadable"})
    assert after.headers["Location"] == f"/office/documents/{waiting[1]}/"
    assert (queries.document(waiting[0]).state, queries.document(waiting[0]).reason) == ("refused", "unreadable")
    last = browser.post(f"/office/documents/{waiting[1]}/decide", {"deed": "accept"})
    assert last.headers["Location"] == "/office/documents/"
    assert queries.document(waiting[1]).state == "accepted"
    assert browser.post(f"/office/documents/{waiting[1]}/decide", {"deed": "refuse", "reason": "expired"})
    assert queries.document(waiting[1]).state == "accepted"


def test_another_brands_documents_are_not_there(signed_in: Callable[..., Client], waiting: list[str]) -> None:
    browser = signed_in(Role.COMPLIANCE, brands=("ippi",))
    assert waiting[0] not in browser.get("/office/documents/").content.decode()
    for tail in ("", "front"):
        assert browser.get(f"/office/documents/{waiting[0]}/{tail}").status_code == 404
    assert browser.post(f"/office/documents/{waiting[0]}/decide", {"deed": "accept"}).status_code == 404
    assert queries.document(waiting[0]).state == "awaiting"


@pytest.fixture
def lost(stocked: None) -> str:
    opened = compliance.open_case(
        key="one",
        kind=case_rules.Kind.LOST_CODES,
        account=ACCOUNT,
        brand="ippi",
        text="<script>alert(1)</script>",
        at=AT,
    )
    return opened.number


def test_a_case_is_answered_then_closed(signed_in: Callable[..., Client], lost: str) -> None:
    browser = signed_in(Role.SUPPORT)
    assert lost in browser.get("/office/cases/").content.decode()
    page = browser.get(f"/office/cases/{lost}/").content.decode()
    assert "<script>alert" not in page
    browser.post(f"/office/cases/{lost}/answer", {"text": ""})
    assert cases.case(lost).state == "open"
    browser.post(f"/office/cases/{lost}/answer", {"text": "Votre ligne est bloquée."})
    assert cases.case(lost).state == "answered"
    browser.post(f"/office/cases/{lost}/answer", {"text": "", "deed": "close"})
    assert cases.case(lost).state == "closed"
    assert lost not in browser.get("/office/cases/").content.decode()
    other = signed_in(Role.SUPPORT, name="brand-two", brands=("kavkom",))
    assert other.get(f"/office/cases/{lost}/").status_code == 404
    assert other.post(f"/office/cases/{lost}/answer", {"text": "x"}).status_code == 404


@pytest.mark.parametrize("failure", [None, control.CallOver("over"), control.CallsUnreachable("down")])
def test_a_cut_is_written_down_before_it_is_done(
    failure: Exception | None, signed_in: Callable[..., Client], stocked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, int]] = []

    def cut(session: str, *, door: Path) -> None:
        done.append((session, len([one for one in staff_queries.staff_acts() if one.kind == "cut"])))
        if failure:
            raise failure

    monkeypatch.setattr(control, "cut", cut)
    browser = signed_in(Role.SUPPORT)
    assert SESSION in browser.get("/office/live/").content.decode()
    assert browser.post(f"/office/live/{SESSION}/cut", {"ground": "whim"}).status_code == 404
    answer = browser.post(f"/office/live/{SESSION}/cut", {"ground": "fraud", "note": "SIM box"}, follow=True)
    assert done == [(SESSION, 1)]
    (act,) = [one for one in staff_queries.staff_acts() if one.kind == "cut"]
    assert (act.account, act.subject, act.reason) == (ACCOUNT, SESSION, "fraud: SIM box")
    said = answer.content.decode()
    told = {None: "est coupé", control.CallOver: "déjà terminé", control.CallsUnreachable: "ne répond pas"}
    assert told[type(failure) if failure else None] in said


def test_a_live_page_that_refreshes_is_written_down_once(signed_in: Callable[..., Client], stocked: None) -> None:
    browser = signed_in(Role.SUPPORT)
    for _ in range(3):
        browser.get("/office/live/")
    assert [one.page for one in staff_queries.staff_acts()].count("live") == 1


@pytest.mark.parametrize("of", ["calls", "orders"])
def test_decisions_name_their_clause(of: str, signed_in: Callable[..., Client], stocked: None) -> None:
    page = signed_in(Role.BILLING).get(f"/office/decisions/?of={of}&clause=IPP-10.1-per-second").content.decode()
    assert "Appel compté à la seconde." in page
    assert "IPP-10.1-per-second" in page


def test_a_customer_reads_in_its_archive_who_looked_and_what_was_noted_and_notes_end_with_the_contract(
    signed_in: Callable[..., Client], stocked: None
) -> None:
    browser = signed_in(Role.SUPPORT, name="jeanne")
    browser.get(f"/office/customers/{ACCOUNT}/")
    browser.post(f"/office/customers/{ACCOUNT}/note", {"text": "rings in the evening"})
    customer = party.customer_of_account(ACCOUNT)
    parts = own_data._parts(customer, AT)
    views, notes = list(parts["staff-views"][1]()), list(parts["staff-notes"][1]())
    assert {"view", "note"} == {one["kind"] for one in views}
    assert [one["text"] for one in notes] == ["rings in the evening"]
    assert "jeanne" not in str(views) + str(notes)
    leaving.end_customer(user_id=customer.user_id, at=AT)
    assert not models.StaffNote.objects.exists()
    assert search.find("kerivel") == ()
    assert staff_queries.staff_acts(account=ACCOUNT), "that somebody looked stays"
