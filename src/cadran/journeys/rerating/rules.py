"""What a re-rating covers, what becomes of each call, and what it all comes to. Pure."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from cadran.catalog.rules import MAX_PREFIX, Rate
from cadran.units.errors import InvalidInput

if TYPE_CHECKING:
    from cadran.charging.traffic import Charged

MAX_CALLS = 500_000
MAX_PREFIXES = 200
MAX_SPAN = timedelta(days=400)
MIN_REASON, MAX_REASON = 8, 240
LARGEST = 20


class InvalidRerating(InvalidInput):
    """A re-rating that covers nothing, too much, or what has not happened yet. `rule` in the details says which rule it breaks."""

    error_id = "journeys-rerating-invalid"


class Verdict(StrEnum):
    """What becomes of a call. Only DEARER and CHEAPER change it."""

    DEARER = "dearer"
    CHEAPER = "cheaper"
    SAME = "same"
    NO_PRICE = "no-price"
    OUT_OF_TIME = "out-of-time"
    NOT_AGREED = "not-agreed"
    DISPUTED = "disputed"
    CLOSED = "closed"


CHANGES = frozenset({Verdict.DEARER, Verdict.CHEAPER})


class RunState(StrEnum):
    """`waiting` for the second person; `running`; `telling` the customers; `done`; `stopped` before its end, as its note says."""

    WAITING = "waiting"
    RUNNING = "running"
    TELLING = "telling"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Calls of a brand that began in [since, until), to numbers that begin with one of `prefixes` (none: all), charged again by
    that version of that deck."""

    brand: str
    deck: str
    version: str
    since: datetime
    until: datetime
    prefixes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "brand": self.brand,
            "deck": self.deck,
            "version": self.version,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "prefixes": list(self.prefixes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A call, what becomes of it, what it costs before and after (micros), and the rate that says so."""

    call: Charged
    verdict: Verdict
    before_micros: int
    after_micros: int
    rate: Rate | None = None

    @property
    def change_micros(self) -> int:
        """Above zero: the customer pays more."""
        return self.after_micros - self.before_micros


def checked_scope(scope: Scope, at: datetime) -> Scope:
    """The scope with its prefixes in order, each once and none within another. Raises InvalidRerating."""
    if not scope.since < scope.until:
        raise InvalidRerating("a period begins before it ends", rule="period")
    if scope.until > at:
        raise InvalidRerating(
            "only calls of the past are charged again: the period ends now at the latest", rule="future"
        )
    if scope.until - scope.since > MAX_SPAN:
        raise InvalidRerating(f"a period is {MAX_SPAN.days} days at most", rule="period")
    if len(scope.prefixes) > MAX_PREFIXES:
        raise InvalidRerating(f"{MAX_PREFIXES} prefixes at most: re-rate a whole deck instead", rule="prefixes")
    return Scope(
        brand=scope.brand,
        deck=scope.deck,
        version=scope.version,
        since=scope.since,
        until=scope.until,
        prefixes=checked_prefixes(scope.prefixes),
    )


def checked_prefixes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Prefixes without their plus signs, in order, those within another left out. Raises InvalidRerating."""
    found = list[str]()
    for prefix in sorted({one.strip().removeprefix("+") for one in prefixes if one.strip()}):
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= MAX_PREFIX) or prefix[0] == "0":
            raise InvalidRerating(
                f"a prefix is 1 to {MAX_PREFIX} digits beginning with a country code, not {prefix[:20]!r}",
                rule="prefixes",
            )
        if not found or not prefix.startswith(found[-1]):
            found.append(prefix)
    return tuple(found)


def checked_reason(reason: str) -> str:
    """The reason as customers read it. Raises InvalidRerating."""
    tidy = " ".join(reason.split())
    if not MIN_REASON <= len(tidy) <= MAX_REASON or not tidy.isprintable():
        raise InvalidRerating(
            f"give the reason in {MIN_REASON} to {MAX_REASON} characters: customers read it", rule="reason"
        )
    return tidy


@dataclass(slots=True)
class Place:
    """What the change comes to towards one destination. up_micros and down_micros are above zero."""

    destination: str
    destination_en: str
    calls: int = 0
    seconds: int = 0
    up_micros: int = 0
    down_micros: int = 0


@dataclass(slots=True)
class Tally:
    """Calls weighed so far. `customers`: by account, the calls changed, micros up and micros down. `left`: by verdict, the micros up
    and down that do not change hands."""

    looked_at: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    up_micros: int = 0
    down_micros: int = 0
    customers: dict[str, list[int]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    left: dict[Verdict, list[int]] = field(default_factory=dict)
    _largest: list[tuple[int, str, Weighed]] = field(default_factory=list)

    def add(self, one: Weighed) -> None:
        self.looked_at += 1
        self.verdicts[one.verdict] += 1
        up, down = max(0, one.change_micros), max(0, -one.change_micros)
        if one.verdict not in CHANGES:
            if up or down:
                sums = self.left.setdefault(one.verdict, [0, 0])
                sums[0], sums[1] = sums[0] + up, sums[1] + down
            return
        assert one.rate is not None
        self.up_micros += up
        self.down_micros += down
        mine = self.customers.setdefault(one.call.account, [0, 0, 0])
        mine[0], mine[1], mine[2] = mine[0] + 1, mine[1] + up, mine[2] + down
        name = one.rate.destination
        place = self.places.setdefault(name, Place(name, one.rate.destination_en or name))
        place.calls += 1
        place.seconds += one.call.seconds
        place.up_micros += up
        place.down_micros += down
        size = (up + down, one.call.cdr_id, one)
        if len(self._largest) < LARGEST:
            heapq.heappush(self._largest, size)
        elif size[:2] > self._largest[0][:2]:
            heapq.heapreplace(self._largest, size)

    @property
    def changed(self) -> int:
        return self.verdicts[Verdict.DEARER] + self.verdicts[Verdict.CHEAPER]

    def largest(self) -> tuple[Weighed, ...]:
        """The largest changes, the largest first."""
        return tuple(one for _, _, one in sorted(self._largest, key=lambda item: item[:2], reverse=True))

    def most_for_one(self) -> tuple[str, int]:
        """The account whose credit moves most, and by how much, whichever way; ("", 0) where none moves."""
        return max(
            ((name, max(up, down)) for name, (_, up, down) in self.customers.items()),
            key=lambda o: o[1],
            default=("", 0),
        )

    def destinations(self, limit: int = 100) -> tuple[Place, ...]:
        """Where the change is largest, first."""
        order = sorted(self.places.values(), key=lambda one: (-(one.up_micros + one.down_micros), one.destination))
        return tuple(order[:limit])
