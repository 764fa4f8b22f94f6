"""When the database is gone: how often its owner tries to have it back, and how long. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_S = 0.05
LONGEST_S = 5.0
PATIENCE_S = 600.0  # then the process ends, and its supervisor starts another


@dataclass(slots=True)
class Comeback:
    """Since when the database has been away, and when to try again; seconds of a monotonic clock."""

    since_s: float
    next_s: float = 0.0
    pause_s: float = FIRST_S

    def due(self, now_s: float) -> bool:
        return now_s >= self.next_s

    def failed(self, now_s: float) -> None:
        """It was tried, and the database is away still: each pause is twice the one before."""
        self.next_s = now_s + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_S)

    def over(self, now_s: float) -> bool:
        return now_s - self.since_s > PATIENCE_S
