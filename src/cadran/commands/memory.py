"""How much memory this process takes at most from some point on. Linux; elsewhere nothing is known."""

from __future__ import annotations

from pathlib import Path

_SELF = Path("/proc/self")


class Gauge:
    """Starts measuring when it is made: the kernel's high-water mark is set back, where it lets us."""

    def __init__(self) -> None:
        self._base: float | None = None
        try:
            (_SELF / "clear_refs").write_text("5")
            self._base = _field("VmRSS")
        except (OSError, ValueError):
            return

    def above_mb(self) -> float | None:
        """The most since then, less what was taken then, in MB of 2**20 bytes."""
        if self._base is None:
            return None
        try:
            return round(max(0.0, _field("VmHWM") - self._base) / 1024, 1)
        except (OSError, ValueError):
            return None


def _field(name: str) -> float:
    for line in (_SELF / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1])
    raise ValueError(name)
