"""Receipts: numbers without a gap, whoever issues at the same time and whatever dies; VAT; the page."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from cadran.invoicing import models, operations, pdf, queries, rules
from cadran.invoicing.queries import Buyer, Receipt
from cadran.policy import brands
from cadran.policy import queries as policy

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
CLAIRE = Buyer(name="Claire Le Gall", country="FR", account="A000001")


def issue(order: str = "pay_1", *, brand: str = "ippi", at: datetime = AT, **changes: object) -> Receipt:
    facts: dict[str, object] = {
        "key": f"payment:{order}",
        "brand": brand,
        "buyer": CLAIRE,
        "order": order,
        "amount_micros": 10_000_000,
        "currency": "EUR",
        "means": "card",
        "terms": "ippi/2018-04",
        "language": "fr",
        "ordered_at": at,
        "at": at,
    }
    return operations.issue_payment_receipt(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.django_db
def test_numbers_follow_each_other_by_brand_and_civil_year() -> None:
    numbers = [issue(f"pay_{n}").number for n in range(3)]
    assert numbers == ["IPPI-2026-000001", "IPPI-2026-000002", "IPPI-2026-000003"]
    assert issue("pay_k", brand="kryptoow").number == "KRYPTOOW-2026-000001"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("at", "number"),
    [
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), "IPPI-2026-000001"),
        (datetime(2026, 12, 31, 23, 0, 0, tzinfo=UTC), "IPPI-2027-000001"),  # midnight in Paris
    ],
)
def test_a_year_begins_at_midnight_where_the_brand_is(at: datetime, number: str) -> None:
    assert issue(at=at).number == number


@pytest.mark.django_db
def test_the_same_key_gives_the_same_receipt_and_uses_no_number() -> None:
    assert issue("pay_1") == issue("pay_1")
    assert issue("pay_2").number == "IPPI-2026-000002"


@pytest.mark.django_db
def test_dates_follow_the_numbers_when_a_payment_is_told_late() -> None:
    first = issue("pay_1", at=datetime(2027, 1, 1, 8, tzinfo=UTC))
    late = issue("pay_2", at=datetime(2026, 12, 31, 8, tzinfo=UTC))
    assert late.number == "IPPI-2027-000002"
    assert late.issued_at == first.issued_at
    assert late.paid_at == datetime(2026, 12, 31, 8, tzinfo=UTC)


@pytest.mark.django_db
def test_a_transaction_that_fails_uses_no_number() -> None:
    def issue_and_fail() -> None:
        with transaction.atomic():
            issue("pay_1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        issue_and_fail()
    assert issue("pay_2").number == "IPPI-2026-000001"
    assert queries.gaps("ippi", 2026) == ()


@pytest.mark.django_db
def test_a_receipt_that_is_missing_is_found() -> None:
    for n in range(3):
        issue(f"pay_{n}")
    models.Receipt.objects.filter(sequence=2).delete()
    assert queries.gaps("ippi", 2026) == (2,)
    models.Receipt.objects.filter(sequence=3).delete()
    assert queries.gaps("ippi", 2026) == (2, 3), "the last one too"


@pytest.mark.django_db
def test_the_database_refuses_to_change_a_receipt() -> None:
    issue()
    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        connection.cursor().execute("UPDATE invoicing_receipt SET amount_micros = 1")
    row = models.Receipt.objects.get()
    with pytest.raises(TypeError):
        row.save()
    with pytest.raises(TypeError):
        row.delete()


@pytest.mark.django_db
def test_a_refund_gets_a_credit_receipt_of_the_same_series() -> None:
    paid = issue("pay_1")
    back = operations.issue_refund_receipt(
        key="ref_1", order="pay_1", amount_micros=4_000_000, reason="paid twice", at=AT + timedelta(days=1)
    )
    assert (back.number, back.corrects, back.amount_micros) == ("IPPI-2026-000002", paid.number, -4_000_000)
    assert back.buyer == paid.buyer


@pytest.mark.django_db
@pytest.mark.parametrize(("second", "refused"), [(6_000_000, False), (6_000_001, True), (0, True), (-1, True)])
def test_refunds_add_up_to_what_was_paid_and_no_more(second: int, refused: bool) -> None:
    issue("pay_1")

    def give_back(key: str, micros: int) -> Receipt:
        return operations.issue_refund_receipt(key=key, order="pay_1", amount_micros=micros, reason="", at=AT)

    give_back("ref_1", 4_000_000)
    give_back("ref_1", 4_000_000)
    if refused:
        with pytest.raises((operations.RefundTooLarge, rules.InvalidReceipt)):
            give_back("ref_2", second)
        assert models.Receipt.objects.count() == 2
    else:
        assert give_back("ref_2", second).number == "IPPI-2026-000003"


@pytest.mark.django_db
def test_a_refund_of_a_payment_without_receipt_waits() -> None:
    with pytest.raises(queries.UnknownReceipt):
        operations.issue_refund_receipt(key="r", order="pay_9", amount_micros=1, reason="", at=AT)


@pytest.mark.django_db
def test_another_account_does_not_find_a_receipt() -> None:
    found = issue()
    assert queries.receipt(found.number, account="A000001") == found
    with pytest.raises(queries.UnknownReceipt):
        queries.receipt(found.number, account="A000002")
    assert queries.receipts(account="A000002") == ()


@pytest.mark.django_db
def test_credit_for_several_services_bears_no_vat_when_it_is_sold() -> None:
    found = issue()
    assert (found.vat_due, found.vat_micros, found.net_micros) == ("use", 0, 10_000_000)


@pytest.mark.parametrize(
    ("micros", "rate", "net", "vat"),
    [
        (10_000_000, 2000, 8_330_000, 1_670_000),
        (25_000_000, 850, 23_040_000, 1_960_000),
        (10_000_000, 0, 10_000_000, 0),
    ],
)
def test_vat_is_carved_out_to_the_cent(micros: int, rate: int, net: int, vat: int) -> None:
    assert rules.vat_included(micros, rate) == rules.Vat(rate, net, vat)


@given(st.integers(1, 10**12), st.integers(0, 3000))
def test_net_and_vat_always_add_up(micros: int, rate: int) -> None:
    found = rules.vat_included(micros, rate)
    assert found.net_micros + found.vat_micros == micros
    assert found.vat_micros % 10_000 == 0


def test_every_brand_has_receipt_numbers_short_enough_and_of_its_own() -> None:
    prefixes = [rules.prefix(brand) for brand in policy.brands()]
    assert len(set(prefixes)) == len(prefixes)
    longest = dataclasses.replace(policy.brand("ippi"), key="a" * 30, operator=brands.Operator())
    assert len(rules.number(rules.prefix(longest), 2026, rules.MOST_IN_A_YEAR)) <= 35  # XP Z12-012


def text_of(content: bytes) -> str:
    """The words of a PDF, through the character maps of its fonts."""
    words = []
    with pikepdf.open(io.BytesIO(content)) as opened:
        for page in opened.pages:
            maps = {name: _characters(font) for name, font in page.Resources.Font.items()}
            current: dict[bytes, str] = {}
            for instruction in pikepdf.parse_content_stream(page):
                operands, operator = instruction.operands, instruction.operator
                if str(operator) == "Tf":
                    current = maps[str(operands[0])]
                elif str(operator) in ("Tj", "TJ"):
                    runs = operands[0] if str(operator) == "TJ" else operands
                    for run in runs:
                        if isinstance(run, pikepdf.String):
                            raw = bytes(run)
                            words += [current.get(raw[i : i + 2], "") for i in range(0, len(raw), 2)]
                elif str(operator) == "ET":
                    words.append(" ")
    return " ".join("".join(words).replace("\u00a0", " ").replace("\u202f", " ").split())


def _characters(font: pikepdf.Object) -> dict[bytes, str]:
    found = {}
    for line in font.ToUnicode.read_bytes().decode("latin-1").splitlines():
        parts = line.replace("<", " ").replace(">", " ").split()
        if len(parts) == 2 and all(set(part) <= set("0123456789abcdefABCDEF") for part in parts) and len(parts[0]) == 4:
            found[bytes.fromhex(parts[0])] = bytes.fromhex(parts[1]).decode("utf-16-be", "replace")
    return found


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ["Reçu de paiement", "10,00 €", "bon à usages multiples", "Carte bancaire", "22 novembre 2026"]),
        (
            "en",
            [
                "Payment receipt",
                "€10.00",
                "multi-purpose voucher",
                "Bank card",
                "22 November 2026",
                "French original prevails",
            ],
        ),
    ],
)
def test_the_pdf_names_number_amounts_people_and_terms(language: str, words: list[str]) -> None:
    made = pdf.receipt_pdf(issue(language=language))
    text = text_of(made)
    for word in [*words, "IPPI-2026-000001", "pay_1", "Claire Le Gall", "A000001", "ippi/2018-04", "SIREN 000000000"]:
        assert word in text, (word, text)
    with pikepdf.open(io.BytesIO(made)) as opened:
        assert len(opened.pages) == 1
        with opened.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")
        assert "IPPI-2026-000001" in str(opened.docinfo["/Title"])
        assert "/JavaScript" not in str(opened.Root)


@pytest.mark.django_db
def test_a_refunds_pdf_names_what_it_corrects_and_shows_the_amount_below_zero() -> None:
    issue("pay_1")
    back = operations.issue_refund_receipt(
        key="r", order="pay_1", amount_micros=4_000_000, reason="Payé deux fois", at=AT
    )
    text = text_of(pdf.receipt_pdf(back))
    for word in ("Reçu d’avoir", "−4,00 €", "IPPI-2026-000001", "IPPI-2026-000002", "Payé deux fois"):
        assert word in text, (word, text)


@pytest.mark.django_db
def test_the_same_receipt_gives_the_same_bytes() -> None:
    found = issue()
    assert pdf.receipt_pdf(found) == pdf.receipt_pdf(found)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ['#panic("x")', "$x$ *b* _i_", '"] } #read("/etc/passwd")', "\\u{0}", "名前 имя"])
def test_a_hostile_name_is_shown_as_it_is(name: str) -> None:
    made = pdf.receipt_pdf(issue(buyer=dataclasses.replace(CLAIRE, name=name)))
    assert made.startswith(b"%PDF")
    if name.isascii():
        assert " ".join(name.split()) in text_of(made)


WORKER = """
import os, sys, django
from datetime import UTC, datetime
django.setup()
from cadran.invoicing import operations, queries
from django.db import transaction
buyer, at = queries.Buyer(name="X", country="FR", account="A1"), datetime(2026, 1, 2, tzinfo=UTC)
for n in range(int(sys.argv[2])):
    with transaction.atomic():
        operations.issue_payment_receipt(key=f"{sys.argv[1]}-{n}", brand="ippi", buyer=buyer, order=f"o{sys.argv[1]}{n}",
            amount_micros=10_000_000, currency="EUR", means="card", terms="ippi/2018-04", language="fr", ordered_at=at, at=at)
        if sys.argv[1] == "dies" and n == 3:
            print("here", flush=True)
            import time; time.sleep(60)
"""


def test_processes_that_issue_together_and_one_killed_in_the_middle_leave_no_gap(tmp_path: Path) -> None:
    env = {**os.environ, "CADRAN_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "cadran.settings"}
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "-v0", "--database", "default"], env=env, check=True, timeout=120
    )

    def worker(name: str, count: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", WORKER, name, str(count)], env=env, stdout=subprocess.PIPE)

    dying = worker("dies", 9)
    assert dying.stdout is not None
    assert dying.stdout.readline() == b"here\n"  # its fourth number is given and not committed
    others = [worker(name, 12) for name in ("a", "b")]
    dying.send_signal(signal.SIGKILL)
    dying.wait(10)
    assert [one.wait(60) for one in others] == [0, 0]
    with sqlite3.connect(tmp_path / "cadran.db") as opened:
        found = [row[0] for row in opened.execute("SELECT sequence FROM invoicing_receipt ORDER BY id")]
    assert found == list(range(1, 3 + 24 + 1))
