"""What webhooks need from outside: somebody who carries a body to an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One attempt: where to, with which headers, what."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of it. status 0: no answer, and `error` says why (`timeout`, `refused-address`, `tls`, `connection`). `answer` is the
    beginning of what the receiver said."""

    status: int
    error: str = ""
    answer: str = ""
    took_ms: int = 0

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


class Sender(Protocol):
    """Sends all the parcels side by side and returns their replies in the same order; never raises for one parcel's failure."""

    def send(self, parcels: Sequence[Parcel]) -> Sequence[Reply]: ...
