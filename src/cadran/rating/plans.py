"""What a call costs by the tariff plan of another rating engine: exact fractions, step by step, one rounding at the end. Pure.

A call is walked in whole increments. An increment costs what the plan says where it begins: the activation in force then, of its
intervals in force then the heaviest (of two as heavy the one that started last, of two that start together the cheaper), and in its
rate the group of the time elapsed. The connection fee is that of the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from cadran.catalog import plan_search, plans
from cadran.catalog.plan_search import Match, NoPrice, Piece
from cadran.rating import rules
from cadran.units import period

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """A run of increments of one price. kind: connection | usage. from_s: elapsed at its beginning, which is `at`. amount: exact,
    and after what a maximum took off."""

    kind: str
    from_s: Fraction
    at: datetime
    units: int
    increment_s: Fraction
    rate: Fraction
    unit_s: Fraction
    amount: Fraction
    interval: plans.Interval
    match: Match

    def as_dict(self) -> dict[str, object]:
        """Plain values; amounts and seconds as exact decimals, or p/q."""
        where = {
            "subject": self.match.subject,
            "plan": self.match.plan,
            "destination": self.match.destination,
            "prefix": self.match.prefix,
            "rates": self.interval.rate.tag,
            "timing": self.interval.timing.tag if self.interval.rate.tag else "",
            "weight": rules.exact_text(self.interval.weight) if self.interval.rate.tag else "",
        }
        where = {name: value for name, value in where.items() if value}
        if self.kind != "usage":
            return {"kind": self.kind, "amount": rules.exact_text(self.amount), **where}
        return {
            "kind": self.kind,
            "from_s": plain(self.from_s),
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "rate": rules.exact_text(self.rate),
            "rate_unit_s": plain(self.unit_s),
            "increment_s": plain(self.increment_s),
            "units": self.units,
            "amount": rules.exact_text(self.amount),
            **where,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A maximum that ends the call: the seconds after which it is reached, and what they cost."""

    seconds: Fraction
    maximum: Fraction
    cost: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCharge:
    """What the call costs. cost: exact. rounded: by the method and the decimals of the step with the most decimals. cut: where the
    plan disconnects the call before its end; the cost is nevertheless that of all the seconds asked for."""

    cost: Fraction
    rounded: Fraction
    rounding: str
    decimals: int
    seconds: int
    billed_s: Fraction
    steps: tuple[PlanStep, ...]
    cut: Cut | None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "cost": rules.exact_text(self.cost),
            "rounded": rules.exact_text(self.rounded),
            "rounding": {"method": self.rounding.lstrip("*"), "decimals": self.decimals},
            "seconds": self.seconds,
            "billed_s": plain(self.billed_s),
            "steps": [step.as_dict() for step in self.steps],
            "cut": {
                "seconds": plain(self.cut.seconds),
                "maximum": rules.exact_text(self.cut.maximum),
                "cost": rules.exact_text(self.cut.cost),
            }
            if self.cut
            else None,
        }


def charge(
    plan: plans.TariffPlan,
    *,
    tenant: str,
    category: str,
    subject: str,
    destination: str,
    at: datetime,
    seconds: int,
    zone: str = "UTC",
) -> PlanCharge:
    """What `seconds` (whole, >= 0) of a call that started at `at` (aware) cost. `zone`: the civil time of the plan's timings.

    0 seconds cost nothing. Raises NoPrice, rules.InvalidDuration.
    """
    rules.check_seconds(seconds)
    at = period.utc(at)
    until = at + timedelta(seconds=max(seconds, 1))
    pieces = plan_search.Asked(plan, tenant, category, destination).profile(subject, at, until)
    return _Walk(pieces, at, seconds, ZoneInfo(zone)).charge()


def plain(value: Fraction) -> int | str:
    """Seconds: a whole number where they are whole."""
    return value.numerator if value.denominator == 1 else rules.exact_text(value)


def round_at(value: Fraction, method: str, decimals: int) -> Fraction:
    """Once, at so many decimals: up, down, or half up."""
    scale: int = 10**decimals
    scaled = value * scale
    if method == plans.ROUND_UP:
        whole = -(-scaled.numerator // scaled.denominator)
    elif method == plans.ROUND_DOWN:
        whole = scaled.numerator // scaled.denominator
    else:
        whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole, scale)


class _Walk:
    """A call of pieces, increment by increment, many at once where nothing changes."""

    def __init__(self, pieces: Sequence[Piece], at: datetime, seconds: int, zone: ZoneInfo) -> None:
        self.pieces, self.at, self.seconds, self.zone = pieces, at, seconds, zone
        self.steps: list[PlanStep] = []
        self.total = Fraction(0)
        self.cut: Cut | None = None

    def charge(self) -> PlanCharge:
        elapsed = Fraction(0)
        first = self._interval(self._piece(self.at), self.at, elapsed)
        if self.seconds:
            self._connect(first)
        while elapsed < self.seconds:
            elapsed = self._run(elapsed)
        stated = [step.interval for step in self.steps] or [first]
        most = max(stated, key=lambda one: -1 if one.decimals is None else one.decimals)
        decimals = plans.DEFAULT_DECIMALS if most.decimals is None else most.decimals
        return PlanCharge(
            cost=self.total,
            rounded=round_at(self.total, most.rounding, decimals),
            rounding=most.rounding,
            decimals=decimals,
            seconds=self.seconds,
            billed_s=elapsed,
            steps=tuple(self.steps),
            cut=self.cut,
        )

    def _connect(self, interval: plans.Interval) -> None:
        fee = interval.rate.connect_fee
        if fee:
            slot = interval.rate.slots[0]
            self._add("connection", Fraction(0), self.at, 1, slot, fee, interval, self._piece(self.at))

    def _run(self, elapsed: Fraction) -> Fraction:
        """As many increments as begin before anything changes; returns the elapsed time at their end."""
        instant = self._instant(elapsed)
        piece = self._piece(instant)
        interval = self._interval(piece, instant, elapsed)
        slot = interval.rate.slot(elapsed)
        ends = [Fraction(self.seconds), self._elapsed(self._change(piece, instant))]
        ends += [self._elapsed(later.since) for later in self.pieces if later.since > instant]
        if (group := interval.rate.next_start(elapsed)) is not None:
            ends.append(group)
        # Two intervals as heavy that start together are told apart by their price, which changes with the groups of both.
        ends += [start for one in piece.intervals if (start := one.rate.next_start(elapsed)) is not None]
        units = max(1, -(-(min(ends) - elapsed) // slot.increment_s))
        amount = units * slot.increment_s * slot.rate / slot.unit_s
        self._add("usage", elapsed, instant, units, slot, amount, interval, piece)
        return elapsed + units * slot.increment_s

    def _add(
        self,
        kind: str,
        elapsed: Fraction,
        instant: datetime,
        units: int,
        slot: plans.Slot,
        amount: Fraction,
        interval: plans.Interval,
        piece: Piece,
    ) -> None:
        amount = self._limited(interval, kind, elapsed, units, slot, amount)
        step = PlanStep(
            kind=kind,
            from_s=elapsed,
            at=instant,
            units=units,
            increment_s=slot.increment_s,
            rate=slot.rate,
            unit_s=slot.unit_s,
            amount=amount,
            interval=interval,
            match=piece.match,
        )
        self.total += amount
        last = self.steps[-1] if self.steps else None
        if (
            last
            and last.kind == kind == "usage"
            and last.interval is interval
            and last.match == piece.match
            and (last.rate, last.unit_s, last.increment_s) == (slot.rate, slot.unit_s, slot.increment_s)
        ):
            self.steps[-1] = replace(last, units=last.units + units, amount=last.amount + amount)
        else:
            self.steps.append(step)

    def _limited(
        self, interval: plans.Interval, kind: str, elapsed: Fraction, units: int, slot: plans.Slot, amount: Fraction
    ) -> Fraction:
        """What is left of an amount under the interval's maximum; notes where a maximum ends the call."""
        maximum = interval.maximum
        if maximum is None or self.total + amount <= maximum:
            return amount
        if interval.strategy == plans.FREE:
            return max(Fraction(0), maximum - self.total)
        if interval.strategy == plans.DISCONNECT and self.cut is None:
            each = amount / units
            whole = max(0, (maximum - self.total) // each) if kind == "usage" and each else 0
            cost = self.total + whole * each
            self.cut = Cut(seconds=elapsed + whole * slot.increment_s, maximum=maximum, cost=cost)
        return amount

    def _interval(self, piece: Piece, instant: datetime, elapsed: Fraction) -> plans.Interval:
        civil = instant.astimezone(self.zone)
        running = [one for one in piece.intervals if one.timing.runs(civil)]
        if not running:
            raise NoPrice(
                f"no timing of {piece.match.plan} for {piece.match.destination} is in force at {instant:%Y-%m-%dT%H:%M:%SZ}"
            )

        def best(one: plans.Interval) -> tuple[Fraction, int, Fraction]:
            slot = one.rate.slot(elapsed)
            return one.weight, one.timing.start_s, -slot.rate / slot.unit_s

        return max(running, key=best)

    def _piece(self, instant: datetime) -> Piece:
        return [piece for piece in self.pieces if piece.since <= instant][-1]

    def _change(self, piece: Piece, instant: datetime) -> datetime:
        """The next instant at which another interval may be in force: the next start or end of a timing, midnight at the latest; the
        next minute on a day of clock change."""
        civil = instant.astimezone(self.zone)
        midnight = period.midnight(civil.date() + timedelta(days=1), self.zone.key)
        start = period.midnight(civil.date(), self.zone.key)
        marks = {mark for one in piece.intervals for mark in (one.timing.start_s, one.timing.end_s)}
        if midnight - start != timedelta(days=1):
            minute = instant.replace(second=0, microsecond=0)
            after = [minute + timedelta(seconds=mark % 60) for mark in marks]
            return min([*(one for one in after if one > instant), minute + timedelta(minutes=1)])
        after = [start + timedelta(seconds=mark) for mark in marks]
        return min([*(one for one in after if one > instant), midnight])

    def _instant(self, elapsed: Fraction) -> datetime:
        return self.at + timedelta(microseconds=int(elapsed * _MICROSECONDS))

    def _elapsed(self, instant: datetime) -> Fraction:
        return Fraction((instant - self.at) // timedelta(microseconds=1), _MICROSECONDS)
