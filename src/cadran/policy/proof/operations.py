"""Writes of evidence: recording a fact, erasing a person's data, sealing, and keeping what the witness answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from cadran.policy.models import Event
from cadran.policy.proof import files, keys, rules
from cadran.policy.proof.journal import HOUSE, Journal
from cadran.units.clause import carries
from cadran.units.ids import checked_key, new_id
from cadran.units.period import utc

SEAL_BATCH = 10_000
MAX_KIND = 64


class ErasureWaits(rules.EvidenceError):
    """An erasure that is done but for what is still to be told to other rooms."""

    error_id = "evidence-erasure-waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What `erase` did. holders: the data key of the subject in each file; bodies: how many of the house's were removed at once. The
    other files' are removed by those who own them, told by the event `evidence.erased` of that key."""

    key: str
    holders: Mapping[str, int] = field(default_factory=dict)
    bodies: int = 0


@carries("KRY-2.4-evidence")
def record(*, kind: str, subject: str, key: str, body: Mapping[str, object], at: datetime) -> int:
    """Put a fact on record, inside the transaction that makes it true; returns the entry's position in the house's file.

    kind: as `room.fact`; subject: the account that it speaks of (erased with it), empty for the house itself; key: the id it is known
    by elsewhere (order, acceptance, mail), under which it is found and exported; body: plain JSON without floats and secrets.
    Raises rules.BodyRefused. What goes through policy.operations.record_event is put on record by it.
    """
    text = rules.body_text(kind=_checked_kind(kind), subject=_subject(subject), ref=checked_key(key), at=at, body=body)
    with transaction.atomic():
        journal = Journal(files.execute(files.HOUSE))
        return journal.write(kind=kind, subject=subject, ref=key, at=at, body=text.encode())


@carries("KRY-2.4-evidence")
def erase(*, subject: str, at: datetime, reason: str = "", by: str = "") -> Erasure:
    """Erase what evidence holds of an account: bodies, salts and data key, in the house's file at once and in the others by the event
    `evidence.erased`, which is itself put on record and names no one. The commitments stay, and say nothing without their salts.

    What is recorded of the account afterwards is kept under a new key. Again erases what came since; nothing to erase leaves no entry.
    """
    if not subject:
        raise rules.EvidenceError("name the account to erase: what speaks of nobody is never erased")
    with transaction.atomic():
        holders = {}
        for source in files.sources():
            row = files.execute(source)("SELECT number FROM evidence_key WHERE subject = ?", (subject,)).fetchone()
            if row is not None:
                holders[source] = int(row[0])
        done = Erasure(key=new_id("era"), holders=holders)
        if not holders:
            return done
        bodies = 0
        if files.HOUSE in holders:
            bodies = Journal(files.execute(files.HOUSE)).erase(holders[files.HOUSE])
        from cadran.policy import operations as events

        # What was told to other rooms says the same once more; what still has to be told is erased afterwards (finish_erasure).
        told = Event.objects.filter(body__account=subject)
        waiting = list(told.filter(carried_at=None).values_list("id", flat=True))
        told.exclude(carried_at=None).update(body={})
        said = {"holders": holders, "events": waiting, "reason": reason[:200], "by": by[:80]}
        events.record_event(kind=rules.ERASED, key=done.key, body=said, at=at)
        return Erasure(key=done.key, holders=holders, bodies=bodies)


def finish_erasure(*, event_ids: Sequence[int]) -> None:
    """Erase the bodies of events that were still to be carried when their account was erased. Raises ErasureWaits while one of them
    still is."""
    with transaction.atomic():
        found = Event.objects.filter(id__in=event_ids)
        found.exclude(carried_at=None).update(body={})
        if found.filter(carried_at=None).exists():
            raise ErasureWaits(
                "events of this account are still to be carried to other rooms: their bodies go afterwards"
            )


@carries("KRY-2.4-evidence")
def seal(*, at: datetime, limit: int = SEAL_BATCH) -> int:
    """Seal the entries that follow the last seal, of every file in order, at most `limit`; returns how many. `at` is the wall clock's.

    One transaction: a sealer that dies in between leaves nothing, and the next one does it again. Two at once: one waits.
    """
    with transaction.atomic():
        run = files.execute(files.HOUSE)
        newest = files.last_seal(run)
        before = rules.Seal.read(newest[1]) if newest else None
        reached = {span.source: span.last for span in before.spans} if before else {}
        spans, leaves = list[rules.Span](), list[bytes]()
        for source in files.sources():
            after = reached.get(source, 0)
            found = files.entries_after(files.execute(source), source, after, limit - len(leaves))
            last = after
            for entry in found:
                # An entry that was removed before it was sealed leaves a hole; the seal says that it was not there.
                empty = range(last + 1, min(entry.position, last + 1 + limit - len(leaves)))
                leaves += [rules.hole(source, position) for position in empty]
                last += len(empty)
                if len(leaves) >= limit:
                    break
                leaves.append(rules.leaf(entry))
                last = entry.position
            spans.append(rules.Span(source, after, last))
        if not leaves:
            return 0
        signer = keys.signers()[0]
        made = rules.Seal(
            number=before.number + 1 if before else 1,
            at=rules.instant(at),
            previous=newest[2].hex() if newest else "",
            root=rules.root(leaves).hex(),
            leaves=len(leaves),
            spans=tuple(spans),
            key=keys.public_hex(signer),
        )
        text = made.text()
        run(
            "INSERT INTO evidence_seal (number, body, hash, signature, leaves) VALUES (?, ?, ?, ?, ?)",
            (made.number, text, rules.seal_hash(text), signer.sign(text.encode()), b"".join(leaves)),
        )
        return len(leaves)


def keep_token(*, seal: int, token: bytes, stamped_at: datetime, authority: str) -> None:
    """Keep a checked time-stamp token over a seal's hash."""
    with transaction.atomic():
        files.execute(files.HOUSE)(
            "INSERT OR IGNORE INTO evidence_token (seal, token, stamped_at, authority) VALUES (?, ?, ?, ?)",
            (seal, token, utc(stamped_at).isoformat(), authority[:200]),
        )


def rewrap() -> int:
    """Wrap the house's data keys again with the newest key of the secret; returns how many were not yet."""
    with transaction.atomic():
        return Journal(files.execute(files.HOUSE)).rewrap()


def _checked_kind(kind: str) -> str:
    if not 1 <= len(kind) <= MAX_KIND or any(letter <= " " for letter in kind):
        raise rules.BodyRefused("a kind of evidence is written as room.fact")
    return kind


def _subject(subject: str) -> str:
    return checked_key(subject) if subject else HOUSE
