"""Vouchers in the back office: who may ask, approve, take sheets, issue and block; sheets leave once; what their files hold."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pikepdf
import pytest
from django.test import Client

from cadran.journeys import vouchers
from cadran.party import queries as party
from cadran.party.staff import MAY, Permission, Role
from cadran.payment.vouchers import operations, queries, rules
from cadran.payment.vouchers.rules import BatchState, VoucherState
from cadran.units.clock import SystemClock
from cadran.web.office.urls import urlpatterns
from papers import pdf_text

pytestmark = pytest.mark.django_db(databases="__all__")
REASON = "Stock for the spring, order 4711"
NOW = SystemClock().now()


def ask(browser: Client, count: str = "23", **changes: str) -> str:
    """Sends the form; returns the batch's id, or nothing where it was refused."""
    page = browser.get("/office/vouchers/ask/", {"brand": "kryptoow"}).content.decode()
    found = re.search(r'name="key" value="([^"]+)"', page)
    form = {"brand": "kryptoow", "series": "kry", "face": "10000000", "count": count, "days": "365", "reason": REASON}
    answer = browser.post("/office/vouchers/ask/", form | {"key": found[1] if found else "k"} | changes)
    sent = re.search(r"/office/vouchers/(vba_\w+)/", answer.headers.get("Location", ""))
    return sent[1] if sent else ""


def post(browser: Client, batch_id: str, where: str, /, **form: str) -> int:
    return browser.post(f"/office/vouchers/{batch_id}/{where}/", form).status_code


@pytest.fixture
def ready(signed_in: Callable[..., Client]) -> tuple[str, Client, Client]:
    """A batch of 23 vouchers that are made, and the two of billing who asked and approved."""
    anne, bruno = signed_in(Role.BILLING, name="anne"), signed_in(Role.BILLING, name="bruno")
    batch_id = ask(anne)
    assert queries.batch(batch_id).state is BatchState.PROPOSED
    assert post(anne, batch_id, "decide", deed="approve") == 302
    assert queries.batch(batch_id).state is BatchState.PROPOSED
    assert post(bruno, batch_id, "decide", deed="approve") == 302
    assert vouchers.make(at=NOW) == 23
    return batch_id, anne, bruno


@pytest.mark.clause("KRY-2.4-coupons")
def test_from_the_wish_to_the_last_voucher_each_step_by_whom_it_may(ready: tuple[str, Client, Client]) -> None:
    batch_id, anne, bruno = ready
    sheets = anne.post(f"/office/vouchers/{batch_id}/sheets/", {"form": "pdf"})
    assert (sheets.status_code, sheets.headers["Content-Type"]) == (200, "application/pdf")
    assert sheets.headers["Content-Disposition"] == 'attachment; filename="KRY-0001.pdf"'
    assert "no-store" in sheets.headers["Cache-Control"]
    for browser in (anne, bruno):
        again = browser.post(f"/office/vouchers/{batch_id}/sheets/", {"form": "csv"}, follow=True)
        assert "Ces planches ont déjà été prises" in again.content.decode()
    everything = {"first": "1", "last": "23", "reason": REASON}
    told = anne.post(f"/office/vouchers/{batch_id}/issue/", everything | {"key": "a"}, follow=True)
    assert "un collègue met les tickets en circulation" in told.content.decode()
    assert queries.states(batch_id) == {VoucherState.MADE: 23}
    post(bruno, batch_id, "issue", **everything, key="b")
    post(bruno, batch_id, "issue", **everything, key="b")
    assert queries.states(batch_id) == {VoucherState.ISSUED: 23}
    serial = rules.serial_of("KRY", 1, 20)
    post(bruno, batch_id, "block", first=rules.shown_serial(serial), last="", reason=REASON, key="c")
    assert queries.states(batch_id) == {VoucherState.ISSUED: 19, VoucherState.BLOCKED: 4}
    found = anne.get("/office/vouchers/", {"q": rules.shown_serial(serial).lower()}, follow=True).content.decode()
    assert "bloqué" in found
    everywhere = anne.get("/office/search/", {"q": rules.shown_serial(serial)})
    assert everywhere.headers["Location"].endswith(f"/office/vouchers/serial/{serial}/")
    assert REASON in found


def test_the_sheets_hold_ten_a_page_and_every_code_in_groups_of_four(ready: tuple[str, Client, Client]) -> None:
    batch_id, anne, _ = ready
    codes = dict(operations.read_sheets(batch_id=batch_id).codes)
    file = anne.post(f"/office/vouchers/{batch_id}/sheets/", {"form": "pdf"}).content
    with pikepdf.open(io.BytesIO(file)) as found:
        assert len(found.pages) == 3
        assert [round(float(edge)) for edge in found.pages[0].mediabox] == [0, 0, 595, 842]
        assert str(found.docinfo["/Title"]) == "KRYPTOOW KRY 0001"
        texts = [pdf_text(page) for page in found.pages]
    assert [text.count("Ticket de recharge") for text in texts] == [10, 10, 3]
    for place, (serial, code) in enumerate(codes.items()):
        text = texts[place // 10]
        assert rules.grouped(code) in text
        assert rules.shown_serial(serial) in text
    assert "Until" in texts[0]
    assert "Top-up voucher" in texts[0]


def test_the_file_for_a_printing_house_holds_what_opens_the_vouchers(ready: tuple[str, Client, Client]) -> None:
    batch_id, anne, _ = ready
    codes = dict(operations.read_sheets(batch_id=batch_id).codes)
    file = anne.post(f"/office/vouchers/{batch_id}/sheets/", {"form": "csv"}).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(file)))
    assert {row["serial"]: row["code"].replace(" ", "") for row in rows} == codes
    assert {(row["value"], row["currency"]) for row in rows} == {("10.00", "EUR")}


@pytest.mark.parametrize("role", list(Role))
def test_each_deed_is_for_the_roles_that_may_and_a_refused_press_changes_nothing(
    role: Role, ready: tuple[str, Client, Client], signed_in: Callable[..., Client]
) -> None:
    batch_id, browser = ready[0], signed_in(role)
    refused = (302, 403)
    form = {"first": "1", "last": "1", "reason": REASON, "key": "x"}
    may = {name: Permission(f"{name}-vouchers") in MAY[role] for name in ("see", "make", "print", "block")}
    assert browser.get("/office/vouchers/").status_code == (200 if may["see"] else 403)
    assert browser.get("/office/vouchers/ask/").status_code == (200 if may["make"] else 403)
    assert post(browser, batch_id, "issue", **form) == refused[not may["make"]]
    assert post(browser, batch_id, "block", **form) == refused[not may["block"]]
    assert queries.states(batch_id).get(VoucherState.BLOCKED, 0) == may["block"]
    assert post(browser, batch_id, "block", **form, anew="1") == refused[not (may["block"] and may["make"])]
    if not may["print"]:
        assert post(browser, batch_id, "sheets", form="pdf") == 403
        assert queries.batch(batch_id).taken_at is None


def test_a_colleague_of_another_brand_finds_no_batch(
    ready: tuple[str, Client, Client], signed_in: Callable[..., Client]
) -> None:
    stranger = signed_in(Role.ADMIN, name="ippi-admin", brands=("ippi",))
    batch_id, serial = ready[0], rules.serial_of("KRY", 1, 1)
    assert stranger.get(f"/office/vouchers/{batch_id}/").status_code == 404
    assert stranger.get(f"/office/vouchers/serial/{serial}/").status_code == 404
    assert post(stranger, batch_id, "sheets", form="pdf") == 404
    assert post(stranger, batch_id, "block", first="1", last="9", reason=REASON, key="k") == 404
    assert "KRY 0001" not in stranger.get("/office/vouchers/", {"q": "KRY000100"}).content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"face": "15000000"},
        {"count": "5001"},
        {"count": "-1"},
        {"count": "1e3"},
        {"days": "366"},
        {"series": "K1"},
        {"reason": "no"},
        {"face": "٥"},
        {"key": "not a key"},
    ],
)
def test_what_the_terms_do_not_foresee_is_not_asked_for(
    changes: dict[str, str], signed_in: Callable[..., Client]
) -> None:
    assert ask(signed_in(Role.BILLING), **changes) == ""
    assert queries.batches() == ()


def test_a_forged_form_takes_no_sheets(ready: tuple[str, Client, Client]) -> None:
    batch_id, anne, _ = ready
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = anne.cookies
    assert post(strict, batch_id, "sheets", form="pdf") == 403
    assert anne.get(f"/office/vouchers/{batch_id}/sheets/").status_code == 405
    assert queries.batch(batch_id).state is BatchState.READY


def test_what_staff_does_with_vouchers_is_in_the_log(ready: tuple[str, Client, Client]) -> None:
    batch_id, anne, _ = ready
    anne.post(f"/office/vouchers/{batch_id}/sheets/", {"form": "csv"})
    acts = [(act.staff, act.kind) for act in party.staff_acts(limit=20)]
    assert {("anne", "voucher-ask"), ("bruno", "voucher-approve"), ("anne", "voucher-sheets")} <= set(acts)


def test_pages_of_vouchers_are_registered() -> None:
    assert {"vouchers", "voucher", "voucher_batch", "voucher_sheets"} <= {
        getattr(one, "name", "") for one in urlpatterns
    }
