"""The seconds of both legs of a callback together: each has its own meter and its own answer, the sooner end counts for both. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from cadran.units.clause import carries
from cadran.voice.callback.events import Side
from cadran.voice.rules import metering


@dataclass(slots=True)
class Seconds:
    """Both meters. held: the legs for which charging holds, or may hold, a reservation."""

    pace: metering.Pace
    meters: dict[Side, metering.Meter] = field(init=False)
    held: set[Side] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.meters = {side: metering.Meter(self.pace) for side in Side}

    def answered(self, side: Side) -> bool:
        return self.meters[side].answered_at is not None

    def running(self) -> dict[Side, metering.Meter]:
        """The legs whose seconds count now."""
        return {side: one for side, one in self.meters.items() if side in self.held and one.answered_at is not None}

    def used_ms(self, now: float) -> dict[Side, int]:
        """Milliseconds since the answer, of the legs whose seconds count now."""
        return {side: one.used_ms(now) for side, one in self.running().items()}

    @carries("KRY-4.4.1-easydialer", "IPP-9.2-cut-at-zero")
    def instants(self) -> dict[str, float | None]:
        """When something is due, by the name of its timer, None for never: more is asked for each leg, the customer is warned of the
        sooner end once nothing can move it, and both are cut at it."""
        due: dict[str, float | None] = {f"extend-{side.value}": None for side in Side}
        ends = {side: one.due for side, one in self.running().items()}
        due |= {f"extend-{side.value}": one.extend_at for side, one in ends.items()}
        cut_at = due["cut"] = min((one.cut_at for one in ends.values() if one.cut_at is not None), default=None)
        warns = (one.warn_at for one in ends.values() if one.warn_at is not None and one.cut_at == cut_at)
        due["warn"] = min(warns, default=None)
        return due

    def warned(self) -> None:
        """The customer has been told: once is enough for the pair."""
        for one in self.meters.values():
            one.warned()

    def ended_by(self) -> str:
        """Why the sooner end is one: credit, limit, or operator where charging could not be asked in time."""
        ends = [(one.due.cut_at, one.ended_by) for one in self.running().values()]
        return min(((at, by) for at, by in ends if at is not None), default=(0.0, metering.OPERATOR))[1]
