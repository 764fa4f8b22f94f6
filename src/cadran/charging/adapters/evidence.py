"""Evidence of charging: each operation that wrote a record or moved money leaves one entry for each, in its own transaction."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cadran.charging import records
from cadran.ledger import rules as ledger
from cadran.policy.proof import rules as proof
from cadran.policy.proof.gathering import GatheringJournal
from cadran.units.clause import carries
from cadran.units.store import Database, Memory

CDR, CORRECTION = "charging.cdr", "charging.correction"
CREDIT = "charging.credit-bought"
_KINDS = {
    "purchase": CREDIT,
    "voucher": CREDIT,
    "vouchers": "charging.vouchers-owed",
    "goodwill": "charging.credit-given",
    "withdrawal": "charging.credit-withdrawn",
    "expiry": "charging.credit-expired",
    "correction": CORRECTION,
}
OTHER = "charging.transfer"
_encode = msgspec.json.Encoder().encode
_Moved = dict[str, list[tuple[object, ...]]]


class Evidence:
    """Gathers what an operation writes, and puts it on record once the operation has succeeded."""

    def __init__(self, memory: Memory, database: Database) -> None:
        self.journal = GatheringJournal(memory, database)
        self._records: list[tuple[records.Record, bytes]] = []
        self._transfers: list[ledger.Transfer] = []

    def record(self, record: records.Record, body: bytes) -> None:
        """A call record was written, with that text."""
        self._records.append((record, body))

    def transfer(self, transfer: ledger.Transfer) -> None:
        """A transfer was written."""
        if transfer.kind is not ledger.Kind.PENDING:
            self._transfers.append(transfer)

    @carries("KRY-2.4-evidence")
    def prove(self) -> None:
        """Write the entries of the operation that has just succeeded."""
        if not (self._records or self._transfers):
            return
        moved: _Moved = {}
        whole: dict[str, ledger.Transfer] = {}
        for transfer in self._transfers:
            moved.setdefault(transfer.owner, []).append(_plain(transfer))
            whole.setdefault(transfer.owner, transfer)
        for record, text in self._records:
            kind, at = (CORRECTION, record.corrected_at) if record.corrects else (CDR, record.ended_at)
            assert at is not None
            transfers = moved.pop(record.account, [])
            body = b'{"record":' + text + b',"transfers":' + _encode(transfers) + b"}"
            self._write(kind, record.account, record.cdr_id, at, body)
        for owner, transfers in moved.items():
            first = whole[owner]
            body = b'{"transfers":' + _encode(transfers) + b"}"
            self._write(_KINDS.get(first.reason, OTHER), owner, _ref(first), first.at, body)
        self._clear()

    def undo(self) -> None:
        """The operation failed, or all of its unit of work."""
        self._clear()

    def _clear(self) -> None:
        self._records.clear()
        self._transfers.clear()

    def _write(self, kind: str, subject: str, ref: str, at: datetime, body: bytes) -> None:
        tail = _encode({"kind": kind, "ref": ref, "subject": subject})[1:]
        whole = b'{"at":"' + proof.instant(at).encode() + b'","body":' + body + b"," + tail
        self.journal.write(kind=kind, subject=subject, ref=ref, at=at, body=whole)


def _plain(transfer: ledger.Transfer) -> tuple[object, ...]:
    """A transfer in an entry: id, kind, debit, credit, currency, micros posted, micros released."""
    return (
        transfer.transfer,
        transfer.kind.value,
        f"{transfer.debit.owner}:{transfer.debit.name}",
        f"{transfer.credit.owner}:{transfer.credit.name}",
        transfer.currency,
        transfer.amount_micros,
        transfer.released_micros,
    )


def _ref(transfer: ledger.Transfer) -> str:
    """The key of the purchase (its order), of the withdrawal or the gift, the bucket that expired, else the transfer's id."""
    start, slash, rest = transfer.transfer.partition("/")
    return rest.partition(":r")[0] if slash and start in _KINDS else transfer.transfer
