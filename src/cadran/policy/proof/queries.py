"""Reads of evidence: entries for the back office, the state of sealing and witnessing."""

from __future__ import annotations

import functools
import heapq
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cadran.policy.proof import files, journal, keys, rules
from cadran.policy.proof.journal import Execute
from cadran.units.errors import InvalidInput

MAX_ROWS = 500
CALLS = "charging.cdr"
_CHUNK = 500
_SELECT = (
    "SELECT c.position, c.at, c.kind, c.holder, c.commitment, b.ref, b.sealed, k.subject, k.sealed"
    " FROM evidence_commitment AS c LEFT JOIN evidence_body AS b ON b.position = c.position"
    " LEFT JOIN evidence_key AS k ON k.number = c.holder"
)
_ONE = f"{_SELECT} WHERE c.position = ?"
_OF_REF = f"{_SELECT} WHERE b.ref = ? ORDER BY c.position LIMIT ?"
# The index by kind leaves calls out: a query that names another kind says so, or it would not be taken.
_NO_CALL = " AND c.kind <> 'charging.cdr'"
_OF_KIND = f"{_SELECT} WHERE c.kind = ?{_NO_CALL} ORDER BY c.position"
_OF_HOLDER = " AND c.position IN (SELECT position FROM evidence_body WHERE holder = ? AND position < ?)"
_LATER = f"{_SELECT} WHERE c.position < ?"
_NEWEST_FIRST = " ORDER BY c.position DESC LIMIT ?"
_CURSOR = re.compile(r"[a-z]+(-[0-9]{1,2})?=[0-9]{1,18}(,[a-z]+(-[0-9]{1,2})?=[0-9]{1,18})*")


class InvalidCursor(InvalidInput):
    """`after` is not what an earlier page gave."""

    error_id = "evidence-cursor-invalid"


class UnknownEntry(rules.EvidenceError):
    """No entry of that source and position."""

    error_id = "evidence-entry-unknown"


class State(StrEnum):
    """Of an entry's body. READABLE: there, and what was committed to. ERASED: removed with its key, and an erasure says so.
    MISSING: not there though nobody erased it. ALTERED: there, and not what was committed to."""

    READABLE = "readable"
    ERASED = "erased"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An entry as staff see it. text: the exact body, empty unless readable; seal: the number of the seal that covers it, 0 for none
    yet; witnessed_at: the earliest time stamp from outside that covers it; cursor: give it as `after` for what follows on the list."""

    source: str
    position: int
    at: datetime
    kind: str
    subject: str
    ref: str
    state: State
    text: str
    seal: int
    witnessed_at: datetime | None
    cursor: str

    @property
    def id(self) -> str:
        """`source:position`, which names the entry for ever."""
        return f"{self.source}:{self.position}"

    @property
    def body(self) -> Mapping[str, Any]:
        """What the entry says (the `body` of its text), empty unless readable."""
        found: Mapping[str, Any] = json.loads(self.text)["body"] if self.text else {}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far sealing and witnessing are. unsealed: entries after the last seal; unwitnessed: seals after the last time stamp, the
    oldest of which was made at unwitnessed_since."""

    entries: int
    seals: int
    head: str
    sealed_at: datetime | None
    unsealed: int
    unwitnessed: int
    unwitnessed_since: datetime | None
    witnessed_at: datetime | None


def entries(
    *, kind: str = "", subject: str = "", since: datetime | None = None, limit: int = 50, after: str = ""
) -> tuple[Shown, ...]:
    """Entries of all files, the newest first. Raises InvalidCursor.

    kind: of that kind alone, or of all that begin so (`party.`, `payment.order-`); subject: the account that they speak of; since:
    dated then or later; after: the cursor of the last entry of the page before.
    """
    reached = _reached(after)
    feeds = [_feed(source, kind, subject, since, reached.get(source)) for source in files.sources()]
    merged = heapq.merge(*feeds, key=lambda found: found[1][1], reverse=True)
    shown, erased = list[Shown](), functools.cache(erased_holders)
    for source, row in merged:
        if len(shown) >= min(limit, MAX_ROWS):
            break
        reached[source] = row[0]
        cursor = ",".join(f"{name}={position}" for name, position in sorted(reached.items()))
        shown.append(_shown(source, row, cursor, erased))
    return tuple(shown)


def entry(source: str, position: int) -> Shown:
    """One entry. Raises UnknownEntry."""
    row = None
    if source in files.sources():
        row = files.execute(source)(_ONE, (position,)).fetchone()
    if row is None:
        raise UnknownEntry(f"there is no entry {source}:{position}")
    return _shown(source, row, "", erased_holders)


def entries_of_key(key: str, *, limit: int = 100) -> tuple[Shown, ...]:
    """The entries that are known by an id of elsewhere (a call record, an order, `acceptance:ID`, a mail), in all files, the oldest
    first. Erased ones are not found: nothing ties them to it any more."""
    found = list[Shown]()
    for source in files.sources():
        run = files.execute(source)
        found += [_shown(source, row, "", erased_holders) for row in run(_OF_REF, (key, limit)).fetchall()]
    return tuple(sorted(found, key=lambda one: one.at))


def salt(source: str, position: int) -> bytes | None:
    """The salt of an entry that can be read; it opens its commitment, and is for exports alone."""
    row = files.execute(source)(_ONE, (position,)).fetchone()
    opened = _opened(row) if row is not None else None
    return opened[0] if opened else None


def status() -> Status:
    """How far sealing and witnessing are."""
    run = files.execute(files.HOUSE)
    newest = files.last_seal(run)
    seal = rules.Seal.read(newest[1]) if newest else None
    counts = {source: files.last_position(files.execute(source)) for source in files.sources()}
    sealed = {span.source: span.last for span in seal.spans} if seal else {}
    token = run("SELECT seal, stamped_at FROM evidence_token ORDER BY seal DESC LIMIT 1").fetchone()
    covered = token[0] if token else 0
    waiting = run("SELECT body FROM evidence_seal WHERE number = ?", (covered + 1,)).fetchone()
    return Status(
        entries=sum(counts.values()),
        seals=seal.number if seal else 0,
        head=newest[2].hex() if newest else "",
        sealed_at=datetime.fromisoformat(seal.at) if seal else None,
        unsealed=sum(max(0, count - sealed.get(source, 0)) for source, count in counts.items()),
        unwitnessed=(seal.number if seal else 0) - covered,
        unwitnessed_since=datetime.fromisoformat(rules.Seal.read(waiting[0]).at) if waiting else None,
        witnessed_at=datetime.fromisoformat(token[1]) if token else None,
    )


def erased_holders() -> set[tuple[str, int]]:
    """(source, holder) of every erasure on record whose entry is what was committed to."""
    return {(str(source), int(holder)) for said in _erasures() for source, holder in said["holders"].items()}


def erased_events() -> set[int]:
    """The ids of events that had still to be carried when their account was erased."""
    return {int(event_id) for said in _erasures() for event_id in said["events"]}


def _erasures() -> Iterator[Mapping[str, Any]]:
    """What each erasure on record says."""
    for row in files.execute(files.HOUSE)(_OF_KIND, (rules.ERASED,)).fetchall():
        if opened := _opened(row):
            yield json.loads(opened[1])["body"]["said"]


def _feed(
    source: str, kind: str, subject: str, since: datetime | None, before: int | None
) -> Iterator[tuple[str, Any]]:
    """One file's entries, the last position first, read in parts."""
    run = files.execute(source)
    query, values, holder = _LATER, list[object](), tuple[int, ...]()
    if subject:
        row = run("SELECT number FROM evidence_key WHERE subject = ?", (subject,)).fetchone()
        if row is None:
            return
        query += _OF_HOLDER
        holder = (row[0],)
    if kind.endswith((".", "-")):
        query += " AND c.kind >= ? AND c.kind < ?"
        values += [kind, kind[:-1] + chr(ord(kind[-1]) + 1)]
    elif kind:
        query += " AND c.kind = ?" + (_NO_CALL if kind != CALLS else "")
        values.append(kind)
    if since is not None:
        query += " AND c.at >= ?"
        values.append(rules.instant(since))
    position = before if before is not None else 2**62
    while True:
        of_holder = (*holder, position) if holder else ()
        part = run(query + _NEWEST_FIRST, (position, *of_holder, *values, _CHUNK)).fetchall()
        yield from ((source, row) for row in part)
        if len(part) < _CHUNK:
            return
        position = part[-1][0]


def _shown(source: str, row: Any, cursor: str, erased: Callable[[], set[tuple[str, int]]]) -> Shown:
    position, at, kind, holder, _commitment, ref, sealed, subject, _key = row
    opened = _opened(row)
    if opened:
        state = State.READABLE
    elif sealed is None or subject is None:
        state = State.ERASED if (source, holder) in erased() else State.MISSING
    else:
        state = State.ALTERED
    seal, witnessed_at = _covering(source, position)
    return Shown(
        source=source,
        position=position,
        at=datetime.fromisoformat(at),
        kind=kind,
        subject=subject or "",
        ref=ref or "",
        state=state,
        text=opened[1].decode() if opened else "",
        seal=seal,
        witnessed_at=witnessed_at,
        cursor=cursor,
    )


def _opened(row: Any) -> tuple[bytes, bytes] | None:
    """Salt and body of a row of _SELECT, where key and body are there and right."""
    commitment, sealed, subject, wrapped = row[4], row[6], row[7], row[8]
    if sealed is None or subject is None:
        return None
    try:
        cipher = AESGCM(keys.keyring().unwrap(wrapped, subject=subject))
    except keys.KeyUnreadable:
        return None
    return journal.opened(cipher, sealed, commitment)


def _covering(source: str, position: int) -> tuple[int, datetime | None]:
    run: Execute = files.execute(files.HOUSE)
    seal = files.seal_of(run, source, position)
    if seal is None:
        return 0, None
    token = run(
        "SELECT stamped_at FROM evidence_token WHERE seal >= ? ORDER BY seal LIMIT 1", (seal.number,)
    ).fetchone()
    return seal.number, datetime.fromisoformat(token[0]) if token else None


def _reached(after: str) -> dict[str, int]:
    if not after:
        return {}
    if not _CURSOR.fullmatch(after):
        raise InvalidCursor("take `after` from the last entry of the page before")
    return {name: int(position) for name, position in (pair.split("=") for pair in after.split(","))}
