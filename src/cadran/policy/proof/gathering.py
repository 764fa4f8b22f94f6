"""Entries gathered in a unit of work, and sealed together when it is written: for a process that is its database's only writer."""

from __future__ import annotations

import os
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cadran.policy.proof import journal, keys, rules
from cadran.policy.proof.keys import NONCE_BYTES, Keyring
from cadran.policy.proof.rules import SALT_BYTES
from cadran.units.store import Database, Insert, Memory, Row, Unit

_ENTRY = Insert("entries gathered, sealed before they are written", ("kind", "subject", "ref", "at", "body"))
INSERT_KEY = Insert(
    "evidence_key",
    ("number", "subject", "sealed"),
    ("bigint", "text", "bytea"),
)
INSERT_COMMITMENT = Insert(
    "evidence_commitment",
    ("position", "at", "kind", "holder", "commitment"),
    ("bigint", "text", "text", "bigint", "bytea"),
)
INSERT_BODY = Insert(
    "evidence_body",
    ("position", "holder", "ref", "sealed"),
    ("bigint", "bigint", "text", "bytea"),
)
ORDER = (INSERT_KEY, INSERT_COMMITMENT, INSERT_BODY)

_LAST = "SELECT coalesce(max(position), 0) FROM evidence_commitment"
_HOLDER = "SELECT number, sealed FROM evidence_key WHERE subject = ?"


class GatheringJournal:
    """Numbers entries and holders itself, from what the database has at `load`."""

    def __init__(self, memory: Memory, database: Database, *, keyring: Keyring | None = None) -> None:
        self._memory = memory
        self._database = database
        self._keyring = keyring
        self._holders: dict[str, tuple[int, AESGCM]] = {}
        self._position = self._number = 0

    def load(self) -> None:
        """Count on from what is committed; nothing may wait to be written."""
        self._holders.clear()
        self._position = int(self._database.rows(_LAST)[0][0])
        self._number = self._database.last_number("evidence_key", "number")

    def write(self, *, kind: str, subject: str, ref: str, at: datetime, body: bytes) -> None:
        """Gather an entry; `body` is its whole text (rules.body_text) in UTF-8, at most journal.MAX_BODY bytes."""
        if len(body) > journal.MAX_BODY:
            raise journal.too_long()
        self._memory.insert(_ENTRY, (kind, subject, ref, rules.instant(at), body))

    def seal(self, unit: Unit) -> None:
        """Turn the entries of a unit into the rows that are written: commitments, sealed bodies, keys of new holders."""
        entries = unit.added.pop(_ENTRY, None)
        if not entries:
            return
        commitments: list[Row] = []
        bodies: list[Row] = []
        each = SALT_BYTES + NONCE_BYTES
        drawn = os.urandom(each * len(entries))
        for start, (kind, subject, ref, at, body) in zip(range(0, len(drawn), each), entries, strict=True):
            salt, nonce = drawn[start : start + SALT_BYTES], drawn[start + SALT_BYTES : start + each]
            holder, cipher = self._holders.get(subject) or self._holder(unit, subject)
            commitment = rules.commitment(salt, body)
            self._position += 1
            commitments.append((self._position, at, kind, holder, commitment))
            bodies.append((self._position, holder, ref, journal.sealed(cipher, nonce, salt, body, commitment)))
        unit.added[INSERT_COMMITMENT] = commitments
        unit.added[INSERT_BODY] = bodies

    def erase(self, holder: int) -> int:
        """Remove the bodies, the salts and the data key of a holder, and overwrite where they lay; returns how many bodies there were.
        Again changes nothing."""
        count, _ = self._database.run(
            [
                ("DELETE FROM evidence_body WHERE holder = ?", (holder,)),
                ("DELETE FROM evidence_key WHERE number = ?", (holder,)),
            ]
        )
        for subject, (number, _cipher) in list(self._holders.items()):
            if number == holder:
                del self._holders[subject]
        return count

    def rewrap(self) -> int:
        """Wrap the data keys again with the keyring's newest key; returns how many were not yet."""
        ring = self._keyring or keys.keyring()
        found = [
            row
            for row in self._database.rows("SELECT number, subject, sealed FROM evidence_key")
            if not ring.is_newest(row[2])
        ]
        self._database.run(
            [
                (
                    "UPDATE evidence_key SET sealed = ? WHERE number = ?",
                    (ring.wrap(ring.unwrap(sealed, subject=subject), subject=subject), number),
                )
                for number, subject, sealed in found
            ]
        )
        return len(found)

    def _holder(self, unit: Unit, subject: str) -> tuple[int, AESGCM]:
        ring = self._keyring or keys.keyring()
        row = next(iter(self._database.rows(_HOLDER, (subject,))), None)
        if row is None:
            data_key = AESGCM.generate_key(256)
            self._number += 1
            number = self._number
            unit.added.setdefault(INSERT_KEY, []).append((number, subject, ring.wrap(data_key, subject=subject)))
        else:
            number, data_key = row[0], ring.unwrap(row[1], subject=subject)
        if len(self._holders) >= journal.MAX_KEPT:
            for known in list(self._holders)[: journal.MAX_KEPT // 2]:
                del self._holders[known]
        found = self._holders[subject] = (number, AESGCM(data_key))
        return found
