"""What evidence is made of: commitments, leaves, the Merkle tree of RFC 6962, the bodies of seals. Pure.

An entry's body is text; its commitment binds it to a salt. The leaf of an entry binds its commitment to its place, date and kind. A
seal is text as well: it names the root over the leaves of its entries and the hash of the seal before, so that each holds all before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cadran.units.errors import CadranError, InvalidInput
from cadran.units.period import utc

SALT_BYTES = 32
BODY_TAG = b"cadran-evidence-body-1\n"
ENTRY_TAG = "cadran-evidence-entry-1"
HOLE_TAG = "cadran-evidence-hole-1"
SEAL_FORM = "cadran-evidence-seal-1"
ERASED = "evidence.erased"


class EvidenceError(CadranError):
    """Evidence that cannot be written, read or proven."""

    error_id = "evidence-error"


class BodyRefused(InvalidInput):
    """A body that is not plain JSON: evidence must read the same for ever."""

    error_id = "evidence-body-refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """The public side of an entry. source: the file it lies in; position: its place there, from 1 without a gap; at: the date that its
    writer gave, RFC 3339; holder: the number of the data key of whom it speaks of."""

    source: str
    position: int
    at: str
    kind: str
    holder: int
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """The entries of one file that a seal covers: those after position `after`, up to `last`. Every seal names every file."""

    source: str
    after: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a seal says. at: the wall clock's instant of sealing; key: the Ed25519 public key that signs, in hex; previous: the hash of
    the seal before in hex, empty for the first."""

    number: int
    at: str
    previous: str
    root: str
    leaves: int
    spans: tuple[Span, ...]
    key: str

    def span(self, source: str) -> Span:
        """What it covers of a file; nothing of a file that it does not name."""
        return next((span for span in self.spans if span.source == source), Span(source, 0, 0))

    def text(self) -> str:
        """The form that is hashed, signed and witnessed."""
        return canonical(
            {
                "form": SEAL_FORM,
                "number": self.number,
                "at": self.at,
                "previous": self.previous,
                "root": self.root,
                "leaves": self.leaves,
                "sources": [[span.source, span.after, span.last] for span in self.spans],
                "key": self.key,
            }
        )

    @classmethod
    def read(cls, text: str) -> Seal:
        """The reverse of `text`. Raises EvidenceError for what is none."""
        try:
            found = json.loads(text)
            if found["form"] != SEAL_FORM:
                raise ValueError
            return cls(
                number=int(found["number"]),
                at=str(found["at"]),
                previous=str(found["previous"]),
                root=str(found["root"]),
                leaves=int(found["leaves"]),
                spans=tuple(Span(str(name), int(after), int(last)) for name, after, last in found["sources"]),
                key=str(found["key"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise EvidenceError("this is no seal of form 1") from error


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces, non-ASCII letters as they are. Raises BodyRefused for floats and what is not JSON."""
    try:
        _no_floats(value)
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BodyRefused(f"evidence takes plain JSON without floats: {error}") from None


def _no_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no one form: write an integer in a named unit")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("the names of an object are text")
        for inner in value.values():
            _no_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _no_floats(inner)


def instant(at: datetime) -> str:
    """An instant as evidence writes it: RFC 3339 in UTC."""
    return utc(at).isoformat()


def body_text(*, kind: str, subject: str, ref: str, at: datetime, body: Mapping[str, object]) -> str:
    """The whole text of an entry: what happened, of what kind, to whom, when, and the id it is known by elsewhere."""
    return canonical({"at": instant(at), "body": body, "kind": kind, "ref": ref, "subject": subject})


def commitment(salt: bytes, body: bytes) -> bytes:
    """SHA-256 over the tag, the salt and the exact bytes of the body."""
    return hashlib.sha256(BODY_TAG + salt + body).digest()


def leaf(entry: Entry) -> bytes:
    """The leaf hash of an entry."""
    return leaf_hash(leaf_text(entry))


def leaf_text(entry: Entry) -> str:
    """What the leaf of an entry is computed over: seven lines."""
    return f"{ENTRY_TAG}\n{entry.source}\n{entry.position}\n{entry.at}\n{entry.kind}\n{entry.holder}\n{entry.commitment.hex()}\n"


def hole(source: str, position: int) -> bytes:
    """The leaf hash of a place that was found empty when it was sealed: the entry had been removed before."""
    return leaf_hash(f"{HOLE_TAG}\n{source}\n{position}\n")


def leaf_hash(text: str) -> bytes:
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The tree over leaf hashes (RFC 6962, 2.1), level by level from the leaves to the root: an odd last node moves up as it is."""
    found = [list(leaves)]
    while len(found[-1]) > 1:
        below = found[-1]
        paired = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        found.append(paired + below[len(paired) * 2 :])
    return found


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; that of nothing is the hash of nothing."""
    return levels(leaves)[-1][0] if leaves else hashlib.sha256(b"").digest()


def path(tree: Sequence[Sequence[bytes]], index: int) -> tuple[bytes, ...]:
    """The inclusion path of one leaf of a tree (`levels`): what it is hashed with on its way up (RFC 6962, 2.1.1)."""
    if not 0 <= index < len(tree[0]):
        raise EvidenceError(f"a tree of {len(tree[0])} leaves has no leaf {index}")
    return tuple(level[index >> up ^ 1] for up, level in enumerate(tree[:-1]) if index >> up ^ 1 < len(level))


def root_of_path(start: bytes, index: int, size: int, steps: Sequence[bytes]) -> bytes:
    """The root that a leaf hash and its path lead to, in a tree of `size` leaves (RFC 9162, 2.1.3.2). Raises EvidenceError for a
    path of another length."""
    if not 0 <= index < size:
        raise EvidenceError(f"a tree of {size} leaves has no leaf {index}")
    current, last, left = start, size - 1, list(steps)
    while last > 0:
        if index % 2 or index < last:
            if not left:
                raise EvidenceError("the path is too short")
            step = left.pop(0)
            current = node_hash(step, current) if index % 2 else node_hash(current, step)
        index //= 2
        last //= 2
    if left:
        raise EvidenceError("the path is too long")
    return current


def seal_hash(text: str) -> bytes:
    """What is chained and witnessed: the SHA-256 of a seal's text."""
    return hashlib.sha256(text.encode()).digest()
