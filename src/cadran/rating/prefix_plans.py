"""What a call costs by a price list of ASTPP, MagnusBilling or A2Billing: exact fractions, step by step, one rounding. Pure."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from cadran.catalog import plans
from cadran.catalog.plan_search import Match, NoPrice
from cadran.rating import rules
from cadran.rating.plans import PlanCharge, PlanStep, round_at
from cadran.units import period


def charge(plan: plans.PrefixPlan, *, destination: str, at: datetime, seconds: int) -> PlanCharge:
    """What `seconds` (whole, >= 0) of a call that started at `at` (aware) cost. Raises NoPrice, rules.InvalidDuration."""
    rules.check_seconds(seconds)
    at = period.utc(at)
    digits = destination.removeprefix("+")
    line = plan.find(digits.removeprefix("00"), at) or plan.find(digits, at)
    if line is None:
        raise NoPrice(f"the plan has no price for {destination[:40]!a} at {at:%Y-%m-%dT%H:%M:%SZ}")
    walk = _Walk(line, at)
    billed = walk.walk(seconds) if seconds and seconds >= line.least_s else Fraction(0)
    cost = sum((step.amount for step in walk.steps), Fraction(0))
    return PlanCharge(
        cost=cost,
        rounded=round_at(cost, plans.ROUND_MIDDLE, plans.DEFAULT_DECIMALS),
        rounding=plans.ROUND_MIDDLE,
        decimals=plans.DEFAULT_DECIMALS,
        seconds=seconds,
        billed_s=billed,
        steps=tuple(walk.steps),
        cut=None,
    )


class _Walk:
    def __init__(self, line: plans.PrefixLine, at: datetime) -> None:
        self.line, self.at = line, at
        self.steps: list[PlanStep] = []
        self.interval = plans.Interval(rate=line.rate, timing=plans.ALWAYS, weight=Fraction(0), line=line.line)
        self.match = Match(subject="", plan="", destination=line.destination, prefix=line.prefix or plans.ANY)

    def walk(self, seconds: int) -> Fraction:
        """All steps; returns the seconds that are counted."""
        line = self.line
        self._fee("connection", line.rate.connect_fee)
        counted, elapsed = Fraction(max(seconds, line.billed_from_s)), Fraction(line.free_s)
        entered = None
        while elapsed < counted:
            slot = line.rate.slot(elapsed)
            if slot is not entered:
                self._fee("step", slot.fee)
                entered = slot
            following = line.rate.next_start(elapsed)
            end = counted if following is None else min(counted, following)
            units = -(-(end - elapsed) // slot.increment_s)
            self._add("usage", elapsed, units, slot, units * slot.increment_s * slot.rate / slot.unit_s)
            elapsed += units * slot.increment_s
        if seconds >= line.ending_after_s:
            self._fee("disconnection", line.ending)
        missing = line.minimum - sum((step.amount for step in self.steps), Fraction(0))
        self._fee("minimum", max(missing, Fraction(0)))
        return max(elapsed - line.free_s, Fraction(0))

    def _fee(self, kind: str, amount: Fraction) -> None:
        if amount:
            self._add(kind, Fraction(0), 1, self.line.rate.slots[0], amount)

    def _add(self, kind: str, elapsed: Fraction, units: int, slot: plans.Slot, amount: Fraction) -> None:
        step = PlanStep(
            kind=kind,
            from_s=elapsed,
            at=self.at,
            units=units,
            increment_s=slot.increment_s,
            rate=slot.rate,
            unit_s=slot.unit_s,
            amount=amount,
            interval=self.interval,
            match=self.match,
        )
        self.steps.append(step)
