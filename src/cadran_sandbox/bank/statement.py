"""A camt.053.001.08 statement of booked credits (ISO 20022 Bank-to-Customer Statement)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked credit: amount in cents, free remittance text, when (aware) and by whom."""

    number: int
    cents: int
    currency: str
    remittance: str
    debtor: str
    booked_at: datetime

    @property
    def bank_reference(self) -> str:
        return f"SBX{self.number:010d}"


def statement(entries: Sequence[Entry], *, iban: str, made_at: datetime, number: int) -> bytes:
    """The XML of one statement."""
    root = ElementTree.Element("Document", xmlns=NAMESPACE)
    body = ElementTree.SubElement(root, "BkToCstmrStmt")
    add(body, "GrpHdr/MsgId", f"SBX-STMT-{number}")
    add(body, "GrpHdr/CreDtTm", made_at.isoformat(timespec="seconds"))
    stmt = ElementTree.SubElement(body, "Stmt")
    add(stmt, "Id", f"SBX-{number}")
    add(stmt, "ElctrncSeqNb", str(number))
    add(stmt, "CreDtTm", made_at.isoformat(timespec="seconds"))
    add(stmt, "Acct/Id/IBAN", iban)
    for entry in entries:
        node = ElementTree.SubElement(stmt, "Ntry")
        add(node, "NtryRef", entry.bank_reference)
        add(node, "Amt", f"{entry.cents // 100}.{entry.cents % 100:02d}").set("Ccy", entry.currency)
        add(node, "CdtDbtInd", "CRDT")
        add(node, "Sts/Cd", "BOOK")
        add(node, "BookgDt/DtTm", entry.booked_at.isoformat(timespec="seconds"))
        add(node, "AcctSvcrRef", entry.bank_reference)
        details = ElementTree.SubElement(ElementTree.SubElement(node, "NtryDtls"), "TxDtls")
        add(details, "Refs/EndToEndId", "NOTPROVIDED")
        add(details, "RltdPties/Dbtr/Pty/Nm", entry.debtor)
        add(details, "RmtInf/Ustrd", entry.remittance)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def add(parent: ElementTree.Element, path: str, text: str) -> ElementTree.Element:
    """Add the element at `path` (parents are shared where they exist already) and give it a text."""
    *parents, last = path.split("/")
    for name in parents:
        found = parent.find(name)
        parent = ElementTree.SubElement(parent, name) if found is None else found
    leaf = ElementTree.SubElement(parent, last)
    leaf.text = text
    return leaf
