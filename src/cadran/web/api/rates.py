"""How often a key may call, counted for all web workers of a host in one small file.

Each key has a slot that holds one instant: the one at which all of its allowance is back (GCRA, the leaky bucket of ATM). A call moves
it forward by the time that one call costs; it is refused where that would lie further ahead than a whole window.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SLOTS = 1 << 18
_ONE = struct.Struct("<Q")
_NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Quota:
    """So many calls in so many seconds, all at once if need be."""

    name: str
    calls: int
    window_s: int

    @property
    def policy(self) -> str:
        """The RateLimit-Policy header."""
        return f'"{self.name}";q={self.calls};w={self.window_s}'


@dataclass(frozen=True, slots=True)
class Left:
    """What a slot answers. reset_s: when the whole allowance is back; retry_s: when one more call is allowed."""

    allowed: bool
    remaining: int
    reset_s: int
    retry_s: int


class Meter:
    """The slots of one quota, in a file that all processes of the host map."""

    def __init__(self, path: Path, quota: Quota) -> None:
        self.quota = quota
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size < SLOTS * _ONE.size:
            os.ftruncate(self._file, SLOTS * _ONE.size)
        self._map = mmap.mmap(self._file, SLOTS * _ONE.size)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the file; the counts stay in it."""
        self._map.close()
        os.close(self._file)

    def take(self, slot: int, *, now_ns: int | None = None, cost: int = 1) -> Left:
        """Take `cost` calls from a slot; with 0, only look whether one would be allowed."""
        now = time.time_ns() if now_ns is None else now_ns
        window, step = self.quota.window_s * _NANOS, self.quota.window_s * _NANOS // self.quota.calls
        offset = slot % SLOTS * _ONE.size
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX, _ONE.size, offset)
            try:
                (full,) = _ONE.unpack_from(self._map, offset)
                if not now <= full <= now + window:  # never used, long ago, or a clock that was set back
                    full = now
                wanted = full + step * max(cost, 1)
                allowed = wanted <= now + window
                if allowed and cost:
                    full = wanted
                    _ONE.pack_into(self._map, offset, full)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, _ONE.size, offset)
        return Left(
            allowed=allowed,
            remaining=max(0, (now + window - full) // step),
            reset_s=-(-(full - now) // _NANOS),
            retry_s=max(0, -(-(wanted - now - window) // _NANOS)),
        )
