"""What a verification found."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime

MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was put on record. code: stable, see docs/reference/evidence.md; where: the entry (`house:12`), the
    seal or the row; what: a sentence."""

    code: str
    where: str
    what: str


@dataclass(slots=True)
class Report:
    """The figures of a verification and its faults, of which the first MAX_LISTED are listed and all are counted by code.

    readable, erased: entries whose body could be read, or was erased on record; erasing: erased ones whose body is to be removed yet;
    unsealed: entries that no seal covers yet; unwitnessed: seals that no time stamp covers yet.
    """

    entries: int = 0
    readable: int = 0
    erased: int = 0
    erasing: int = 0
    unsealed: int = 0
    seals: int = 0
    tokens: int = 0
    unwitnessed: int = 0
    witnessed_at: datetime | None = None
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        return not self.counts

    def add(self, *faults: Fault) -> None:
        for fault in faults:
            self.counts[fault.code] += 1
            if len(self.faults) < MAX_LISTED:
                self.faults.append(fault)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "ok": self.ok,
            "entries": self.entries,
            "readable": self.readable,
            "erased": self.erased,
            "erasing": self.erasing,
            "unsealed": self.unsealed,
            "seals": self.seals,
            "tokens": self.tokens,
            "unwitnessed": self.unwitnessed,
            "witnessed_at": self.witnessed_at.isoformat() if self.witnessed_at else None,
            "counts": dict(sorted(self.counts.items())),
            "faults": [asdict(fault) for fault in self.faults],
        }
