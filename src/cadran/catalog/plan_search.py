"""Which part of a tariff plan prices a call: the profile's activations, the longest prefix, the fall-back subjects. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.catalog import plans
from cadran.units.errors import CadranError

MAX_FALLBACKS = 3


class NoPrice(CadranError):
    """The plan has no price for that call: its profile, its destination, or its instant."""

    error_id = "catalog-plan-no-price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which part of a plan priced: the profile's subject, its plan, the destination and its prefix."""

    subject: str
    plan: str
    destination: str
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """From `since` on, until the next piece, these intervals price the call."""

    since: datetime
    match: Match
    intervals: tuple[plans.Interval, ...]


class Asked:
    """Which intervals price the call, activation by activation."""

    def __init__(self, plan: plans.TariffPlan, tenant: str, category: str, destination: str) -> None:
        self.plan, self.tenant, self.category = plan, tenant, category
        self.destination = destination
        self.forms = spellings(destination)

    def profile(self, subject: str, at: datetime, until: datetime) -> list[Piece]:
        """The pieces of the subject, or of `*any` where the subject has no profile; together they cover the call."""
        for name in dict.fromkeys((subject, plans.ANY)):
            if self._activations(name):
                pieces = self.pieces(name, at, until, 1)
                if not pieces or pieces[0].since > at:
                    raise NoPrice(
                        f"the profile {self.tenant}, {self.category}, {name} has no price for {self.destination[:40]!a} "
                        f"at {at:%Y-%m-%dT%H:%M:%SZ}"
                    )
                return pieces
        raise NoPrice(
            f"the plan has no profile for {self.tenant[:40]}, {self.category[:40]}, {subject[:40]}, and none for *any"
        )

    def _activations(self, subject: str) -> tuple[plans.Activation, ...]:
        return self.plan.profiles.get((self.tenant, self.category, subject), ())

    def pieces(self, subject: str, at: datetime, until: datetime, depth: int) -> list[Piece]:
        """From `at` until `until`; empty or later than `at` where the beginning has no price."""
        started = [one for one in self._activations(subject) if one.at < until]
        current = [one for one in started if one.at <= at][-1:] + [one for one in started if one.at > at]
        found: list[Piece] = []
        if current and current[0].at > at and subject != plans.ANY and depth < MAX_FALLBACKS:
            found += self.pieces(plans.ANY, at, current[0].at, depth + 1)
        for index, one in enumerate(current):
            start = max(at, one.at)
            end = current[index + 1].at if index + 1 < len(current) else until
            found += self._activation(one, subject, start, end, depth)
        return found

    def _activation(
        self, one: plans.Activation, subject: str, start: datetime, end: datetime, depth: int
    ) -> list[Piece]:
        if piece := self._priced(one, subject, start):
            return [piece]
        if depth < MAX_FALLBACKS:
            for fallback in one.fallbacks:
                pieces = self.pieces(fallback, start, end, depth + 1)
                if pieces and pieces[0].since <= start:
                    return pieces
        return []

    def _priced(self, one: plans.Activation, subject: str, since: datetime) -> Piece | None:
        """The plan's intervals of the longest prefix that it prices; else those of any destination."""
        rating_plan = self.plan.plans.get(one.plan)
        if rating_plan is None:
            return None
        by_destination = rating_plan.by_destination
        for form in self.forms:
            for length in range(len(form), 0, -1):
                tags = [tag for tag in self.plan.prefixes.get(form[:length], ()) if tag in by_destination]
                if tags:
                    tag = max(tags, key=lambda name: max(each.weight for each in by_destination[name]))
                    return _piece(subject, one.plan, tag, form[:length], since, by_destination[tag])
        if plans.ANY in by_destination:
            return _piece(subject, one.plan, plans.ANY, plans.ANY, since, by_destination[plans.ANY])
        return None


def bare(destination: str) -> str:
    """Without a plus or a 00 before it."""
    plain = destination.removeprefix("+")
    return plain[2:] if plain == destination and plain.startswith("00") else plain


def spellings(destination: str) -> tuple[str, ...]:
    """What was asked for, as written first; then with a plus, without, and with 00, where the plan may write it so."""
    plain = bare(destination)
    return tuple(dict.fromkeys((destination, plain, f"+{plain}", f"00{plain}")))


def _piece(
    subject: str, plan: str, destination: str, prefix: str, since: datetime, intervals: tuple[plans.Interval, ...]
) -> Piece:
    match = Match(subject=subject, plan=plan, destination=destination, prefix=prefix)
    return Piece(since=since, match=match, intervals=intervals)
