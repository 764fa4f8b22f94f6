"""The three clocks, always passed in: civil (prices, expiry, deadlines), monotonic (durations, leases), wall (TLS, tokens).

The civil clock of a sandbox runs ahead of the wall by an offset kept in a file, which only grows: `cadran clock advance`
moves it, every process reads it, and a year of contract passes in seconds.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from cadran.units.errors import CadranError

LONGEST_STEP = timedelta(days=20 * 366)  # how far a sandbox's clock jumps at most at once


class ClockMovedBack(CadranError):
    """The civil clock only moves forward: what was due and done cannot be undone."""

    error_id = "units-clock-moved-back"


class ClockUnreadable(CadranError):
    """The file that says how far a sandbox's clock runs ahead is broken; to guess would move contracts back in time."""

    error_id = "units-clock-unreadable"


class CivilClock(Protocol):
    """Says what time it is for the contract, as an aware UTC datetime."""

    def now(self) -> datetime: ...


class MonotonicClock(Protocol):
    """Measures how long things take, in seconds from an arbitrary start; never goes back."""

    def seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The wall clock, which is the civil clock of a production installation."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class BootClock:
    """CLOCK_BOOTTIME: goes on while the machine sleeps, is shared by all processes of one boot."""

    def seconds(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class FixedClock:
    """A clock that a test sets by hand."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class OffsetClock:
    """The wall clock plus the offset in a file (`{"offset_s": n}`); no file means no offset. Cheap to read: the file is
    opened again only when it changed."""

    path: Path
    _seen: tuple[int, int] = field(default=(0, 0), init=False)
    _offset: timedelta = field(default=timedelta(), init=False)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset()

    def offset(self) -> timedelta:
        try:
            stat = os.stat(self.path)
        except FileNotFoundError:
            return timedelta()
        mark = (stat.st_mtime_ns, stat.st_ino)
        if mark != self._seen:
            self._offset = self._read()
            self._seen = mark
        return self._offset

    def _read(self) -> timedelta:
        try:
            return timedelta(seconds=float(json.loads(self.path.read_text())["offset_s"]))
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise ClockUnreadable(
                f'{self.path} does not say how far the civil clock runs ahead: write {{"offset_s": 0}} or restore a backup'
            ) from error

    def advance_to(self, target: datetime) -> None:
        """Move the civil clock to `target` (aware). Raises ClockMovedBack for an instant that has passed."""
        offset = target - datetime.now(UTC)
        if offset < self.offset() - timedelta(seconds=1):
            raise ClockMovedBack(
                f"the civil clock already shows {self.now():%Y-%m-%dT%H:%M:%SZ}: choose a later instant"
            )
        fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(json.dumps({"offset_s": max(offset, self.offset()).total_seconds()}))
        os.replace(fresh, self.path)
