"""Bank statements in ISO 20022 camt.053: from a bank's HTTP service, or from a folder that an EBICS client fills."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import httpx
from defusedxml import DefusedXmlException, ElementTree

from cadran.payment.ports import ProviderUncertain, Receipt
from cadran.units.errors import InvalidInput

MAX_BYTES = 20_000_000
MAX_AMOUNT = Decimal(1_000_000_000)


class UnreadableStatement(InvalidInput):
    """A statement that is no camt.053; nothing of it was taken."""

    error_id = "payment-statement-unreadable"


def receipts_of(statement: bytes) -> tuple[Receipt, ...]:
    """The booked credits of a statement, in its order. All or nothing: raises UnreadableStatement."""
    if len(statement) > MAX_BYTES:
        raise UnreadableStatement(f"the statement is larger than {MAX_BYTES} bytes: ask the bank for daily ones")
    try:
        root = ElementTree.fromstring(statement)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UnreadableStatement(f"the statement is not readable XML ({type(error).__name__})") from None
    if not root.tag.startswith("{urn:iso:std:iso:20022:tech:xsd:camt.053."):
        raise UnreadableStatement("the file is no camt.053 statement: export statements as ISO 20022 camt.053")
    return tuple(found for entry in root.iterfind(".//{*}Stmt/{*}Ntry") if (found := _receipt(entry)))


def _receipt(entry: Element) -> Receipt | None:
    status = _text(entry, "{*}Sts/{*}Cd") or _text(entry, "{*}Sts")
    if _text(entry, "{*}CdtDbtInd") != "CRDT" or status != "BOOK":
        return None
    amount = entry.find("{*}Amt")
    reference = _text(entry, "{*}AcctSvcrRef") or _text(entry, "{*}NtryRef")
    if amount is None or not reference or len(reference) > 64:
        raise UnreadableStatement("a booked credit of the statement lacks its amount or its reference")
    try:
        value = Decimal((amount.text or "").strip())
        if not 0 < value < MAX_AMOUNT:
            raise InvalidOperation
        micros = int(value.scaleb(6))
        if Decimal(micros).scaleb(-6) != value:
            raise InvalidOperation
        booked = _instant(_text(entry, "{*}BookgDt/{*}DtTm") or _text(entry, "{*}BookgDt/{*}Dt"))
    except (ArithmeticError, ValueError):
        raise UnreadableStatement(f"the credit {reference} has an amount or a date that cannot be read") from None
    texts = [node.text or "" for node in entry.iterfind(".//{*}RmtInf/{*}Ustrd")]
    texts += [node.text or "" for node in entry.iterfind(".//{*}RmtInf/{*}Strd/{*}CdtrRefInf/{*}Ref")]
    return Receipt(
        bank_reference=reference,
        amount_micros=micros,
        currency=amount.get("Ccy", ""),
        remittance=" ".join(texts)[:1000],
        debtor=_text(entry, ".//{*}RltdPties/{*}Dbtr/{*}Pty/{*}Nm") or _text(entry, ".//{*}RltdPties/{*}Dbtr/{*}Nm"),
        booked_at=booked,
    )


def _text(node: Element, path: str) -> str:
    return (node.findtext(path) or "").strip()


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@dataclass(slots=True)
class HttpStatements:
    """A bank service that gives the credits after the last one seen (`?after=<number of the last reference>`)."""

    url: str
    token: str = field(repr=False)
    timeout_s: float = 10.0

    def receipts(self, *, after: str) -> Iterable[Receipt]:
        digits = "".join(filter(str.isdigit, after)).lstrip("0")
        try:
            answer = httpx.get(
                self.url,
                params={"after": digits or "0"},
                headers={"authorization": f"Bearer {self.token}"},
                timeout=self.timeout_s,
                trust_env=False,
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise ProviderUncertain(f"the bank's statements could not be read ({type(error).__name__})") from error
        return receipts_of(answer.content)


@dataclass(frozen=True, slots=True)
class FolderStatements:
    """Statement files in a folder; all are read each time, receipts being recorded once by their reference."""

    folder: Path

    def receipts(self, *, after: str) -> Iterator[Receipt]:
        for path in sorted(self.folder.glob("*.xml"))[-200:]:
            yield from receipts_of(path.read_bytes())
