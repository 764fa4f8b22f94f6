"""What every benchmark of Cadran reports: a figure beside its yardstick, measured in the same run, and their ratio."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line. value and yardstick are in `unit`; ratio is value / yardstick. at_most: the goal is an upper bound.

    beside: what the yardstick is, in words. Where nothing is measured beside it (a count that must be zero), yardstick is
    None, and the goal is for the value itself.
    """

    name: str
    value: float
    unit: str
    beside: str
    yardstick: float | None
    goal: float
    at_most: bool = False

    @classmethod
    def alone(cls, name: str, value: float, unit: str, most: float) -> Result:
        """A figure that stands beside nothing, and is at most so much."""
        return cls(name=name, value=round(value, 3), unit=unit, beside="", yardstick=None, goal=most, at_most=True)

    @property
    def ratio(self) -> float | None:
        return self.value / self.yardstick if self.yardstick else None

    @property
    def met(self) -> bool:
        reached = self.value if self.yardstick is None else (self.ratio or 0.0)
        return reached <= self.goal if self.at_most else reached >= self.goal

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "value": round(self.value, 6),
            "unit": self.unit,
            "yardstick": None if self.yardstick is None else round(self.yardstick, 6),
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "goal": self.goal,
            "met": self.met,
        }


def machine() -> dict[str, object]:
    """Where the figures were taken: they are to be compared by their ratios alone."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
