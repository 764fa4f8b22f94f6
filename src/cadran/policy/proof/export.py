"""One file that proves entries to a third party: bodies and salts, inclusion paths, seals, signatures, time stamps, certificates.

`check.py`, copied beside it, checks it without Cadran. The form is stated in docs/reference/evidence.md.
"""

from __future__ import annotations

import base64
import functools
import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from cadran.policy.proof import files, queries, rules, witness
from cadran.units.clause import carries

FORM = "cadran-evidence-1"
CHECK = Path(__file__).with_name("check.py")
MOST_ENTRIES = 100_000


class NothingToExport(rules.EvidenceError):
    """No entry on record is known by that id, or it was erased."""

    error_id = "evidence-nothing-to-export"


class NotSealedYet(rules.EvidenceError):
    """The newest of the entries are not sealed yet."""

    error_id = "evidence-not-sealed-yet"


class TooMuch(rules.EvidenceError):
    """More entries than one file takes."""

    error_id = "evidence-too-much"


@carries("KRY-2.4-evidence")
def bundle(
    entries: Iterable[queries.Shown], *, about: Mapping[str, str], at: datetime, certificates: Path
) -> dict[str, Any]:
    """The export of these entries as plain JSON values. `certificates`: the PEM file of the witness's certificates.

    Raises NothingToExport, NotSealedYet (where sealing runs: try again in a second), TooMuch.
    """
    readable = {one.id: one for one in entries if one.state is queries.State.READABLE}
    wanted = sorted(readable.values(), key=lambda one: (one.at, one.source, one.position))
    if not wanted:
        raise NothingToExport("no entry on record is known by this id: it never was, or it was erased")
    if len(wanted) > MOST_ENTRIES:
        raise TooMuch(f"more than {MOST_ENTRIES} entries: export a part of them, by call or by order")
    if late := [one.id for one in wanted if not one.seal]:
        raise NotSealedYet(
            f"{len(late)} entries are not sealed yet ({late[0]}): `cadran jobs` seals each second, then try again"
        )
    seals, tokens = _chain(sorted({one.seal for one in wanted}))
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in witness.trusted(certificates))
    return {
        "form": FORM,
        "made_at": rules.instant(at),
        "about": dict(about),
        "entries": _proofs(wanted),
        "seals": seals,
        "tokens": tokens,
        "certificates": pem.decode(),
    }


def write(found: Mapping[str, Any], out: Path) -> Path:
    """Write the file for its owner alone, and the check beside it; returns where the check lies. Raises FileExistsError."""
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(found, file, ensure_ascii=False, indent=1)
        file.write("\n")
    beside = out.with_name("check.py")
    if not beside.exists():
        beside.write_bytes(CHECK.read_bytes())
    return beside


def _proofs(wanted: list[queries.Shown]) -> list[dict[str, Any]]:
    """Each entry with its path; the trees of the seals last met are kept."""
    trees = functools.lru_cache(maxsize=8)(_tree)
    return [_proof(one, *trees(one.seal)) for one in wanted]


def _tree(number: int) -> tuple[rules.Seal, list[list[bytes]]]:
    text, packed = files.execute(files.HOUSE)(
        "SELECT body, leaves FROM evidence_seal WHERE number = ?", (number,)
    ).fetchone()
    leaves = [packed[start : start + 32] for start in range(0, len(packed), 32)]
    return rules.Seal.read(text), rules.levels(leaves)


def _proof(one: queries.Shown, seal: rules.Seal, tree: list[list[bytes]]) -> dict[str, Any]:
    """An entry, and the path from its leaf to the root of its seal."""
    at, kind, holder, commitment = files.execute(one.source)(
        "SELECT at, kind, holder, commitment FROM evidence_commitment WHERE position = ?", (one.position,)
    ).fetchone()
    index = 0
    for span in seal.spans:
        if span.source == one.source:
            index += one.position - span.after - 1
            break
        index += span.last - span.after
    salt = queries.salt(one.source, one.position)
    assert salt is not None, f"{one.id} was readable a moment ago"
    return {
        "source": one.source,
        "position": one.position,
        "at": at,
        "kind": kind,
        "holder": holder,
        "commitment": commitment.hex(),
        "salt": salt.hex(),
        "body": one.text,
        "seal": one.seal,
        "index": index,
        "path": [step.hex() for step in rules.path(tree, index)],
    }


def _chain(numbers: list[int]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The seals of these numbers, each followed to the next one that was witnessed; and the tokens."""
    run = files.execute(files.HOUSE)
    seals, tokens = dict[int, dict[str, Any]](), dict[int, dict[str, Any]]()
    for number in numbers:
        found = run(
            "SELECT seal, token, authority FROM evidence_token WHERE seal >= ? ORDER BY seal LIMIT 1", (number,)
        ).fetchone()
        last = found[0] if found else number
        if found:
            tokens[last] = {"seal": last, "token": base64.b64encode(found[1]).decode(), "authority": found[2]}
        for one in range(number, last + 1):
            if one not in seals:
                text, signature = run("SELECT body, signature FROM evidence_seal WHERE number = ?", (one,)).fetchone()
                seals[one] = {"text": text, "signature": signature.hex()}
    return [seals[number] for number in sorted(seals)], [tokens[number] for number in sorted(tokens)]
