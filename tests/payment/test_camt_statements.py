"""Bank statements: the sandbox bank's and hostile ones."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from cadran.payment.adapters.camt import FolderStatements, HttpStatements, UnreadableStatement, receipts_of
from cadran.payment.ports import ProviderUncertain

NS = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def statement(entry: str) -> bytes:
    return f'<Document xmlns="{NS}"><BkToCstmrStmt><Stmt>{entry}</Stmt></BkToCstmrStmt></Document>'.encode()


def entry(
    *, amount: str = "200.00", side: str = "CRDT", status: str = "BOOK", reference: str = "R1", day: str = "2026-11-22"
) -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts>'
        f"<BookgDt><Dt>{day}</Dt></BookgDt>"
        f"<AcctSvcrRef>{reference}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>RF1</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def test_the_sandbox_bank_books_a_transfer_that_is_read_once_with_its_exact_amount(bank: str) -> None:
    httpx.post(
        f"{bank}/transfers", json={"amount": "200.5", "reference": "RF12 é<&>"}, trust_env=False
    ).raise_for_status()
    source = HttpStatements(url=f"{bank}/statements", token="t0ken")
    (found,) = source.receipts(after="")
    assert (found.amount_micros, found.currency, found.remittance) == (200_500_000, "EUR", "RF12 é<&>")
    assert list(source.receipts(after=found.bank_reference)) == []


def test_without_the_token_the_bank_shows_nothing(bank: str) -> None:
    with pytest.raises(ProviderUncertain):
        HttpStatements(url=f"{bank}/statements", token="wrong").receipts(after="")


@pytest.mark.parametrize(("side", "status"), [("DBIT", "BOOK"), ("CRDT", "PDNG"), ("CRDT", "INFO")])
def test_only_booked_credits_are_taken(side: str, status: str) -> None:
    assert receipts_of(statement(entry(side=side, status=status))) == ()


@pytest.mark.parametrize(
    "amount", ["-1.00", "0", "0.00", "NaN", "Infinity", "1e30", "0.0000001", "1,00", "", "9" * 40, "1000000000"]
)
def test_an_unreadable_amount_refuses_the_whole_statement(amount: str) -> None:
    with pytest.raises(UnreadableStatement):
        receipts_of(statement(entry() + entry(amount=amount, reference="R2")))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"\xff\xfe\x00",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        statement(entry(reference="R" * 65)),
        statement(entry(reference="")),
        statement(entry(day="22/11/2026")),
    ],
)
def test_hostile_or_broken_statements_are_refused_with_a_clear_error(content: bytes) -> None:
    with pytest.raises(UnreadableStatement):
        receipts_of(content)


def test_statements_of_a_folder_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "2.xml").write_bytes(statement(entry(reference="R2")))
    (tmp_path / "1.xml").write_bytes(statement(entry(reference="R1")))
    assert [found.bank_reference for found in FolderStatements(tmp_path).receipts(after="")] == ["R1", "R2"]
