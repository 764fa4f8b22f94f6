"""Proofs as their account sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.numbering.proofs import models, rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """state: waiting | proved | used | tried-out | expired. tries_left: of a waiting one."""

    proof_id: str
    digits: str
    means: str
    asked_at: datetime
    expires_at: datetime
    state: str
    tries_left: int


def proof(*, proof_id: str, account: str, at: datetime) -> Proof | None:
    """One proof of that account, or None."""
    row = models.NumberProof.objects.filter(proof_id=proof_id[:40], account=account).first()
    return _proof(row, at) if row else None


def waiting(*, account: str, at: datetime) -> Proof | None:
    """The proof for which the account has still to give a code, or to say what follows; the newest."""
    row = models.NumberProof.objects.filter(account=account, used_at=None, expires_at__gt=at).order_by("-pk").first()
    found = _proof(row, at) if row else None
    return found if found is not None and found.state in ("waiting", "proved") else None


def proofs_of(account: str, *, at: datetime, limit: int = 100) -> tuple[Proof, ...]:
    """The newest first."""
    rows = models.NumberProof.objects.filter(account=account).order_by("-pk")[:limit]
    return tuple(_proof(row, at) for row in rows)


def _proof(row: models.NumberProof, at: datetime) -> Proof:
    if row.used_at is not None:
        state = "used"
    elif at >= row.expires_at:
        state = "expired"
    elif row.proved_at is not None:
        state = "proved"
    else:
        state = "waiting" if row.tries < rules.MOST_TRIES else "tried-out"
    return Proof(
        proof_id=row.proof_id,
        digits=row.digits,
        means=row.means,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        state=state,
        tries_left=max(0, rules.MOST_TRIES - row.tries),
    )
