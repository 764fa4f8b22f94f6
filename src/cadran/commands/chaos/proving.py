"""The clients' diary beside the database: each answer given is there, exactly as given; nothing is there that was not asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cadran.commands.chaos import checking, diary, oracle, plan
from cadran.commands.chaos.checking import DIFFERS, FORGED, GIVEN, LOST, OVERDRAWN, PRICE, TWICE, Database, Findings
from cadran.commands.chaos.store import Reader

_EXTENSIONS = "SELECT session, seq, granted_s, final FROM charging_extension"
_BUCKETS = "SELECT owner, bucket, bought_micros, balance_after_micros, first_expires_at, expires_at, expired_at FROM balance_bucket"
_SPENT = "SELECT owner, debit_name, max(at) FROM ledger_transfer WHERE kind = 'pending' GROUP BY owner, debit_name"
_WALLETS = "SELECT owner, brand, currency FROM balance_wallet"


@dataclass(slots=True)
class Proof:
    """One going through. given: seconds given away by call, where any were; checked: answers held against the database."""

    reader: Reader
    database: Database
    findings: Findings
    tariffs: Mapping[str, Mapping[str, oracle.Tariff]]
    checked: int = 0
    given: dict[str, int] = field(default_factory=dict)
    _extensions: dict[tuple[str, int], tuple[int | None, bool]] = field(default_factory=dict)
    _buckets: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    _brands: dict[str, str] = field(default_factory=dict)
    _asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ends: dict[str, list[int]] = field(default_factory=dict)
    _events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _left: dict[str, tuple[int, int]] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    _expiries: dict[str, datetime] = field(default_factory=dict)
    _expired: datetime | None = None

    def run(self, path: Path) -> None:
        """Hold every line of the diary against the database, then every row against the diary."""
        self._extensions = {
            (session, seq): (granted_s, bool(final)) for session, seq, granted_s, final in self.reader.rows(_EXTENSIONS)
        }
        self._buckets = {(row[0], row[1]): row for row in self.reader.rows(_BUCKETS)}
        wallets = {row[0]: row for row in self.reader.rows(_WALLETS)}
        self._brands = {owner: brand for owner, brand, _ in wallets.values()}
        for line in diary.read(path):
            if line.kind == diary.ASK:
                self._ask(line)
            elif line.kind == diary.LEFT:
                talked, reported = diary.said(line)
                self._left[line.key] = (talked, reported)
            elif line.kind == diary.ACK:
                self.checked += 1
                self._ack(line)
        self._calls()
        self._credit()

    # What was asked.

    def _ask(self, line: diary.Line) -> None:
        if line.op == "authorise":
            self._asked[line.key] = diary.said(line)
        elif line.op == "settle":
            said = diary.said(line)
            measured = max(1, -(-said["measured_ms"] // 1000)) if said.get("answered_at") else 0
            self._ends.setdefault(line.key, []).append(measured)
        elif line.op in ("buy_credit", "give_credit") or line.op in ("withdraw", "correct"):
            self._keys[line.key] = diary.said(line)["account"]
        elif line.op == "charge_event":
            said = diary.said(line)
            self._events.setdefault(f"event/{said['key']}", []).append(said)
        elif line.op == "expire_credit":
            self._expiries[line.key] = checking.instant(diary.said(line)["at"])

    # What was answered.

    def _ack(self, line: diary.Line) -> None:
        said = diary.said(line)
        match line.op:
            case "authorise":
                self._granted(line.key, said, None)
            case "extend":
                session, _, seq = line.key.rpartition("#")
                self._granted(session, said, int(seq))
            case "settle":
                self._settled(line.key, said)
            case "buy_credit" | "give_credit":
                self._bought(line.key, said)
            case "withdraw":
                self._withdrawn(line.key, said)
            case "correct":
                self._corrected(line.key, said)
            case "charge_event":
                self._charged(line.key, said)
            case "expire_credit":
                at = self._expiries[line.key]
                self._expired = at if self._expired is None else max(at, self._expired)
            case "open_wallet":
                if line.key not in self._brands:
                    self._add(LOST, f"wallet {line.key}", "opened, and not there")

    def _granted(self, session: str, said: Mapping[str, Any], seq: int | None) -> None:
        where = f"authorisation {session}" if seq is None else f"extension {session}#{seq}"
        known = self.database.sessions.get(session)
        if known is None:
            return self._add(LOST, where, "answered, and the database does not know the call")
        granted_s, final = (
            known.first_granted_s,
            known.first_granted_s is not None and known.first_granted_s == known.limit_s,
        )
        if seq is not None and known.decision["allowed"]:
            extension = self._extensions.get((session, seq))
            if extension is None:
                return self._add(LOST, where, "answered, and not there")
            granted_s, final = extension
        answer = (said["decision"], said.get("granted_s"), said.get("limit_s"), said.get("final", False))
        if answer != (known.decision, granted_s, known.limit_s, final):
            self._add(DIFFERS, where, f"answered {answer[1:]}, the database has {(granted_s, known.limit_s, final)}")
        return None

    def _settled(self, session: str, said: Mapping[str, Any]) -> None:
        record = self.database.records.get(session)
        if record is None:
            return self._add(LOST, f"settlement {session}", "answered, and there is no record")
        answer = (said["cdr_id"], said["charged_s"], said["charge_micros"], said["currency"])
        if answer != (record.cdr_id, record.charged_s, record.charge_micros, record.currency):
            self._add(
                DIFFERS,
                f"settlement {session}",
                f"answered {answer}, the record has {(record.cdr_id, record.charged_s, record.charge_micros)}",
            )
        return None

    def _bought(self, key: str, said: Mapping[str, Any]) -> None:
        bucket = self._buckets.get((self._keys.get(key, ""), said["bucket"]))
        if bucket is None:
            return self._add(LOST, f"credit {key}", "answered, and there is no such bucket")
        if (said["balance_micros"], checking.instant(said["expires_at"])) != (bucket[3], checking.instant(bucket[4])):
            self._add(DIFFERS, f"credit {key}", f"answered {said['balance_micros']} micros in all, kept {bucket[3]}")
        return None

    def _withdrawn(self, key: str, said: Mapping[str, Any]) -> None:
        name, _, _ = key.partition("/")
        known = self.database.reservations.get((self._keys.get(key, ""), f"withdrawal/{name}"))
        if known is None:
            return self._add(LOST, f"withdrawal {key}", "answered, and nothing was held under it")
        micros, state = said["amount_micros"], said["state"]
        right = known.held == micros and (
            state == "held"
            or (state == "taken" and known.posted == micros)
            or (state == "released" and known.released == micros and not known.posted)
        )
        if not right:
            self._add(
                DIFFERS,
                f"withdrawal {key}",
                f"answered {state} of {micros}, kept {known.held} held, {known.posted} taken",
            )
        return None

    def _corrected(self, key: str, said: Mapping[str, Any]) -> None:
        record = self.database.further.get((self._keys.get(key, ""), said["cdr_id"]))
        if record is None:
            return self._add(LOST, f"correction {key}", "answered, and there is no such record")
        if (said["returned_micros"], said["owed_micros"]) != (record.returned_micros, record.owed_micros):
            self._add(DIFFERS, f"correction {key}", "answered other amounts than the record has")
        return None

    def _charged(self, key: str, said: Mapping[str, Any]) -> None:
        """An event: refused, held, taken or released."""
        session = f"event/{said['key']}"
        known, record = self.database.sessions.get(session), self.database.records.get(session)
        if known is None:
            return self._add(LOST, f"event {key}", "answered, and the database does not know it")
        if said["state"] == "held":
            return None  # what it holds, or became, is checked with all sessions
        if record is None:
            return self._add(LOST, f"event {key}", f"answered as {said['state']}, and there is no record")
        answer = (said["cdr_id"], said["amount_micros"] if said["state"] == "taken" else 0)
        if answer != (record.cdr_id, record.charge_micros):
            self._add(DIFFERS, f"event {key}", f"answered {answer}, the record has {record.charge_micros} micros")
        return None

    # What is there.

    def _calls(self) -> None:
        """Each record: asked for, of seconds that somebody told, at exactly the price of those seconds."""
        for session, known in self.database.sessions.items():
            if session.startswith("event/"):
                self._event(session, self.database.records.get(session))
                continue
            asked = self._asked.get(session)
            if (
                asked is None
                or asked["account"] != known.account
                or asked["destination"] != known.request["destination"]
            ):
                self._add(FORGED, f"call {session}", "nobody asked for this call")
        for session, record in self.database.records.items():
            call = self.database.sessions.get(session)
            if call is None or session.startswith("event/"):
                continue  # named by checking, or above
            tariffs = self.tariffs.get(self._brands.get(call.account, ""), {})
            tariff = tariffs.get(call.request["destination"]) if call.decision["allowed"] else None
            at = checking.instant(call.request["at"])
            exact = oracle.micros(tariff, record.charged_s, at) if tariff else 0
            if record.charge_micros != exact:
                self._add(
                    PRICE,
                    f"call {session}",
                    f"{record.charged_s} s cost {exact} micros, charged {record.charge_micros}",
                )
            self._seconds(session, call, record)

    def _seconds(self, session: str, call: checking.Session, record: checking.Record) -> None:
        """The seconds charged are those of one end that was told, or of the last report when nobody told any."""
        limits = [limit for limit in (call.granted_s, call.limit_s) if limit is not None]
        ends = [min([seconds, *limits]) for seconds in self._ends.get(session, [])]
        left = self._left.get(session)
        leased = record.ended_by == "restart" and record.sip_code == 0
        if record.charged_s not in ends and not leased and call.state != "refused":
            self._add(FORGED, f"call {session}", f"{record.charged_s} s were charged, nobody told an end after so many")
        talked = min([left[0], *limits]) if left else (ends[0] if ends else record.charged_s)
        if left and record.charged_s < min([left[1], *limits]):
            self._add(
                LOST, f"call {session}", f"{left[1]} s were reported and acknowledged, {record.charged_s} s charged"
            )
        if leased and record.charged_s > max([talked, *ends]):
            self._add(TWICE, f"call {session}", f"{record.charged_s} s were charged, {talked} s talked")
        if talked > record.charged_s:
            self.given[session] = talked - record.charged_s
            if talked - record.charged_s > plan.HEARTBEAT_S:
                self._add(GIVEN, f"call {session}", f"{talked} s were talked, {record.charged_s} s charged")

    def _event(self, session: str, record: checking.Record | None) -> None:
        """Taken at once: its whole price; held: what a take asked for, or nothing."""
        asks = self._events.get(session)
        if asks is None:
            return self._add(FORGED, session, "nobody asked for this event")
        whole = asks[0]["amount_micros"]
        taken = [
            whole if said.get("amount_micros") is None else said["amount_micros"]
            for said in asks
            if said["step"] == "take"
        ]
        due = {0, whole} if asks[0]["step"] == "once" else {0, *taken}
        if record is not None and record.charge_micros not in due:
            self._add(PRICE, session, f"{record.charge_micros} micros were charged, asked for {sorted(due)}")
        return None

    def _credit(self) -> None:
        """Each bucket: bought, given, or returned by a correction; spent while it was valid, and expired once its time was over."""
        spent = {(owner, name): checking.instant(at) for owner, name, at in self.reader.rows(_SPENT)}
        for (owner, bucket), row in self._buckets.items():
            if self._keys.get(bucket) != owner and (owner, bucket) not in self.database.further:
                self._add(FORGED, f"credit {owner}/{bucket}", "nobody bought or gave this credit")
            until, last = checking.instant(row[5]), spent.get((owner, f"credit/{bucket}"))
            if last is not None and last >= until:
                self._add(OVERDRAWN, f"credit {owner}/{bucket}", f"spent at {last}, and valid until {until}")
            if self._expired is not None and until <= self._expired and row[6] is None:
                self._add(LOST, f"credit {owner}/{bucket}", "its time was over when credit was expired, and it was not")

    def _add(self, code: str, where: str, what: str) -> None:
        self.findings.add(code, where, what)
