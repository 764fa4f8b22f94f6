"""Verifying evidence from end to end, in one pass that keeps little in memory, and naming each fault exactly.

The seals are walked in order; each names the leaves of its entries, so that an entry that was altered, moved or removed is named by
its place. What the chain alone cannot show (a tail cut off whole, a history rewritten with the operator's own keys) is shown by what
lies outside: the witness's tokens and copies of earlier heads.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cadran.policy.proof import files, journal, keys, queries, rules, timestamps
from cadran.policy.proof.places import Places
from cadran.policy.proof.report import Fault, Report
from cadran.units.clause import carries

CHUNK = 500
_MAX_CIPHERS = 10_000
_ROWS = (
    "SELECT c.position, c.at, c.kind, c.holder, c.commitment, b.holder, b.sealed, k.subject, k.sealed"
    " FROM evidence_commitment AS c LEFT JOIN evidence_body AS b ON b.position = c.position"
    " LEFT JOIN evidence_key AS k ON k.number = c.holder WHERE c.position > ? AND c.position <= ? ORDER BY c.position LIMIT ?"
)
_CLOCKS_DIFFER = timedelta(minutes=5)


class Comparing(Protocol):
    """Compares what evidence says with what the tables hold."""

    def entry(self, kind: str, text: Mapping[str, Any]) -> Iterable[Fault]:
        """Faults of the rows that a readable entry speaks of."""
        ...

    def end(self, counts: Mapping[str, int]) -> Iterable[Fault]:
        """After all entries: faults of rows that no entry speaks of. counts: entries by kind, erased ones included."""
        ...


@dataclass(slots=True)
class Verification:
    """One run. now: the wall clock's instant; within_s: how late a witness may be before it is a fault; heads: what was copied out
    earlier, seal number to hash in hex; trusted: the witness's certificates; progress hears how many entries were looked at."""

    now: datetime
    within_s: float
    trusted: Sequence[x509.Certificate] = ()
    heads: Mapping[int, str] = field(default_factory=dict)
    comparing: Comparing | None = None
    progress: Callable[[int], None] = lambda count: None
    report: Report = field(default_factory=Report)
    _places: Places = field(default_factory=Places)
    _counts: Counter[str] = field(default_factory=Counter)
    _erased: set[tuple[str, int]] = field(default_factory=set)
    _ciphers: dict[tuple[str, int], AESGCM] = field(default_factory=dict)
    _reached: dict[str, int] = field(default_factory=dict)

    @carries("KRY-2.4-evidence")
    def run(self) -> Report:
        """Look at everything; never raises for what it finds."""
        house = files.execute(files.HOUSE)
        newest = files.last_seal(house)
        self._erased = queries.erased_holders()
        self._reached = dict.fromkeys(files.sources(), 0)
        chain = Chain(self)
        for number, text, digest, signature, leaves in files.seals(house, last=newest[0] if newest else 0):
            seal = chain.link(number, text, digest, signature, leaves)
            if seal is not None:
                self._sealed_entries(seal, leaves)
        chain.end()
        self._tails()
        self.report.add(*self._places.faults())
        if self.comparing is not None:
            self.report.add(*self.comparing.end(self._counts))
        self.report.entries = sum(self._counts.values())
        return self.report

    def _sealed_entries(self, seal: rules.Seal, packed: bytes) -> None:
        leaves = [packed[at : at + 32] for at in range(0, len(packed), 32)]
        named = rules.root(leaves).hex() == seal.root
        found = list[bytes]()
        at = 0
        for span in seal.spans:
            if span.source not in self._reached:
                continue
            self._loose(span.source, self._reached[span.source], span.after)
            expected = leaves[at : at + span.last - span.after] if named else None
            found += self._span(span, expected)
            at += span.last - span.after
            self._reached[span.source] = max(self._reached[span.source], span.last)
        if not named:
            if rules.root(found).hex() == seal.root:
                self._fault(
                    "leaves-altered", f"seal {seal.number}", "the list of leaves was altered; the entries are right"
                )
            else:
                covered = ", ".join(
                    f"{span.source}:{span.after + 1}-{span.last}" for span in seal.spans if span.last > span.after
                )
                self._fault(
                    "entries-altered",
                    f"seal {seal.number}",
                    f"the list of leaves was altered, and so were entries among {covered}: they do not give the sealed root",
                )

    def _span(self, span: rules.Span, expected: list[bytes] | None) -> list[bytes]:
        """Look at the entries of a span beside their leaves; returns the leaves as they are now."""
        found, position = list[bytes](), span.after
        for row in self._rows(span.source, span.after, span.last):
            entry = rules.Entry(span.source, *row[:5])
            for missing in range(position + 1, entry.position):
                found.append(rules.hole(span.source, missing))
                self._place(span, missing, expected, None)
            position = entry.position
            found.append(rules.leaf(entry))
            self._place(span, position, expected, entry)
            self._body(entry, row)
        for missing in range(position + 1, span.last + 1):
            found.append(rules.hole(span.source, missing))
            self._place(span, missing, expected, None)
        return found

    def _place(self, span: rules.Span, position: int, expected: list[bytes] | None, entry: rules.Entry | None) -> None:
        if expected is not None:
            self._places.look(span.source, position, expected[position - span.after - 1], entry)

    def _rows(self, source: str, after: int, last: int) -> Iterable[Any]:
        run = files.execute(source)
        while after < last:
            part = run(_ROWS, (after, last, CHUNK)).fetchall()
            yield from part
            self.progress(len(part))
            if len(part) < CHUNK:
                return
            after = part[-1][0]

    def _tails(self) -> None:
        """What no seal covers yet: without gap, and readable. And what lies beyond the last entry."""
        for source in files.sources():
            run = files.execute(source)
            last, position = files.last_position(run), self._reached[source]
            self._places.end(source, last)
            for row in self._rows(source, position, last):
                entry = rules.Entry(source, *row[:5])
                if entry.position > position + 1:
                    where = f"{source}:{position + 1}" + (
                        f"-{entry.position - 1}" if entry.position > position + 2 else ""
                    )
                    self._fault("entry-removed", where, "removed before it was sealed")
                position = entry.position
                self.report.unsealed += 1
                self._body(entry, row)
            beyond = run(
                "SELECT min(position), max(position) FROM evidence_body WHERE position > ?", (last,)
            ).fetchone()
            if beyond[0] is not None and beyond[0] > self._reached[source]:
                self._fault(
                    "tail-cut", f"{source}:{beyond[0]}-{beyond[1]}", "bodies lie there whose commitments were removed"
                )

    def _loose(self, source: str, position: int, last: int) -> int:
        """Entries that no seal at hand covers: without gap, and with their bodies. Returns how many."""
        count = 0
        for row in self._rows(source, position, last):
            entry = rules.Entry(source, *row[:5])
            if entry.position > position + 1:
                where = f"{source}:{position + 1}" + (f"-{entry.position - 1}" if entry.position > position + 2 else "")
                self._fault("entry-removed", where, "no seal at hand covers it, and it is no longer there")
            position = entry.position
            count += 1
            self._body(entry, row)
        return count

    def _body(self, entry: rules.Entry, row: Any) -> None:
        """Whether the body of an entry can be read and is what was committed to; what it says is compared with the tables."""
        self._counts[entry.kind] += 1
        where, holder, sealed, subject = f"{entry.source}:{entry.position}", row[5], row[6], row[7]
        if sealed is None or subject is None:
            self._absent(entry, where, sealed is not None)
            return
        cipher = self._cipher(entry, row)
        opened = journal.opened(cipher, sealed, entry.commitment) if cipher and holder == entry.holder else None
        if opened is None:
            self._fault("body-altered", where, f"the body of this {entry.kind} is not what was committed to")
            return
        self.report.readable += 1
        text = json.loads(opened[1])
        if (text["kind"], text["at"]) != (entry.kind, entry.at):
            self._fault("entry-altered", where, "its kind or date is not that of its body")
        elif self.comparing is not None:
            self.report.add(*self.comparing.entry(entry.kind, text))

    def _absent(self, entry: rules.Entry, where: str, has_body: bool) -> None:
        erased = (entry.source, entry.holder)
        if erased not in self._erased:
            self._erased = queries.erased_holders()  # perhaps a moment ago
        if erased in self._erased:
            self.report.erased += 1
            self.report.erasing += has_body
        elif has_body:
            self._fault("key-missing", where, f"the data key {entry.holder} was removed, and no erasure is on record")
        else:
            self._fault(
                "body-missing", where, f"the body of this {entry.kind} was removed, and no erasure is on record"
            )

    def _cipher(self, entry: rules.Entry, row: Any) -> AESGCM | None:
        known = self._ciphers.get((entry.source, entry.holder))
        if known is None:
            try:
                known = AESGCM(keys.keyring().unwrap(row[8], subject=row[7]))
            except keys.KeyUnreadable:
                return None
            if len(self._ciphers) >= _MAX_CIPHERS:
                self._ciphers.clear()
            self._ciphers[entry.source, entry.holder] = known
        return known

    def _fault(self, code: str, where: str, what: str) -> None:
        self.report.add(Fault(code, where, what))


class Chain:
    """The walk along the seals: their numbers, hashes, signatures, spans and tokens."""

    def __init__(self, verification: Verification) -> None:
        self._v = verification
        self._previous: bytes | None = None
        self._number = 0
        self._reached: dict[str, int] = {}
        self._known = {keys.public_hex(signer) for signer in keys.signers()}
        self._waiting: tuple[int, datetime] | None = None  # the first seal that no token covered yet, and its instant

    def link(self, number: int, text: str, digest: bytes, signature: bytes, leaves: bytes) -> rules.Seal | None:
        """Check one seal; None when it cannot be read at all."""
        where = f"seal {number}"
        if number > self._number + 1:
            gap = f"{self._number + 1}" + (f"-{number - 1}" if number > self._number + 2 else "")
            self._fault("seal-removed", f"seal {gap}", "it is missing from the chain")
            self._previous = None
            self._reached.clear()
        self._number = number
        self._v.report.seals += 1
        actual = rules.seal_hash(text)
        try:
            seal = rules.Seal.read(text)
        except rules.EvidenceError:
            self._fault("seal-altered", where, "it cannot be read")
            self._previous = digest
            return None
        if actual != digest or seal.number != number or seal.text() != text:
            self._fault("seal-altered", where, "its text does not have its hash")
        if self._previous is not None and seal.previous != self._previous.hex():
            self._fault("chain-broken", where, f"it follows another seal than {number - 1} as it stands here")
        if number == 1 and seal.previous:
            self._fault("chain-broken", where, "the first seal follows none")
        self._previous = actual
        if seal.key not in self._known:
            self._fault(
                "foreign-key", where, f"signed by the key {seal.key[:16]}…, which is none of this installation's"
            )
        if not keys.signature_holds(key_hex=seal.key, signature=signature, text=text):
            self._fault("signature-wrong", where, "its signature does not hold")
        if len(leaves) != 32 * seal.leaves or sum(span.last - span.after for span in seal.spans) != seal.leaves:
            self._fault("seal-altered", where, "it counts other entries than it names")
        unknown = number > 1 and not self._reached
        for span in seal.spans:
            if not unknown and span.after != self._reached.get(span.source, 0):
                self._fault("chain-broken", where, f"it does not take up {span.source} where the seal before left it")
            self._reached[span.source] = span.last
        self._outside(seal, actual)
        return seal

    def end(self) -> None:
        """After the last seal: what lies outside and knows more, and seals that nobody witnessed."""
        v = self._v
        for number in sorted(v.heads):
            if number > self._number:
                self._fault("tail-cut", f"seal {number}", f"a copy outside knows it; the chain ends at {self._number}")
        later = files.execute(files.HOUSE)(
            "SELECT seal, token FROM evidence_token WHERE seal > ? ORDER BY seal LIMIT 20", (self._number,)
        ).fetchall()
        newest = files.last_seal(files.execute(files.HOUSE))
        for number, _token in later:
            if newest is None or number > newest[0]:
                self._fault(
                    "tail-cut", f"seal {number}", f"a time stamp speaks of it; the chain ends at {self._number}"
                )
        if self._waiting is None:
            return
        first, at = self._waiting
        v.report.unwitnessed = self._number - first + 1
        if v.now - at > timedelta(seconds=v.within_s):
            self._fault(
                "witness-missing", f"seal {first}-{self._number}", f"no time stamp covers it since {at.isoformat()}"
            )

    def _outside(self, seal: rules.Seal, actual: bytes) -> None:
        v, where = self._v, f"seal {seal.number}"
        at = datetime.fromisoformat(seal.at)
        if (copied := v.heads.get(seal.number)) is not None and copied.lower() != actual.hex():
            self._fault(
                "rewritten", where, f"a copy outside has the hash {copied[:16]}…, here it is {actual.hex()[:16]}…"
            )
        if self._waiting is None:
            self._waiting = (seal.number, at)
        tokens = files.execute(files.HOUSE)(
            "SELECT token FROM evidence_token WHERE seal = ?", (seal.number,)
        ).fetchall()
        for (token,) in tokens:
            try:
                stamp = timestamps.check(token, digest=None, trusted=v.trusted)
            except timestamps.TokenRefused as error:
                self._fault("token-wrong", where, error.message)
                continue
            v.report.tokens += 1
            if stamp.imprint != actual:
                said = f"the witness stamped {stamp.imprint.hex()[:16]}… on {stamp.at.isoformat()}, here it is {actual.hex()[:16]}…"
                self._fault("rewritten", where, said)
                continue
            v.report.witnessed_at = stamp.at
            if at > stamp.at + _CLOCKS_DIFFER:
                self._fault(
                    "seal-misdated", where, f"it says {seal.at}, and was witnessed before, on {stamp.at.isoformat()}"
                )
            if self._waiting is not None:
                first, since = self._waiting
                if stamp.at - since > timedelta(seconds=v.within_s):
                    said = f"said to be of {since.isoformat()}, first witnessed on {stamp.at.isoformat()}"
                    self._fault("witnessed-late", f"seal {first}-{seal.number}", said)
                self._waiting = None

    def _fault(self, code: str, where: str, what: str) -> None:
        self._v.report.add(Fault(code, where, what))
