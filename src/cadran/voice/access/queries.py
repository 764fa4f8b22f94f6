"""Reads of calls at access numbers: those in progress, and where callers give up in the menu."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cadran.voice.access import models

LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call at an access number. session: the caller's own leg at charging, and the family of the others. state: where in the menu
    it was at most a second ago. dialled, talked: second legs begun, answered. ended_at is None for one in progress."""

    session: str
    brand: str
    access_number: str
    service: str
    language: str
    account: str
    refused: str
    began_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    state: str
    dialled: int
    talked: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A state of the menu: how many calls came to it, and of how many it was the last before the caller hung up."""

    state: str
    calls: int
    given_up: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What became of calls. refused: by reason. seconds: of all answered ones that are over, `over` of them, from answer to end: the
    menu and the calls behind it together. states: in the order in which callers come to them. whole: False where there were more
    than LOOKED_AT calls, of which the newest are counted."""

    calls: int
    refused: Mapping[str, int]
    answered: int
    dialled: int
    talked: int
    over: int
    seconds: int
    states: tuple[Reached, ...]
    whole: bool


def live(*, brands: Sequence[str] = (), limit: int = 200) -> tuple[Call, ...]:
    """The calls in progress, of those brands or of all, the newest first."""
    rows = models.AccessCall.objects.filter(ended_at=None)
    if brands:
        rows = rows.filter(brand__in=list(brands))
    return tuple(_call(row) for row in rows.order_by("-began_at")[:limit])


def calls(*, brand: str, since: datetime, until: datetime, limit: int = 200) -> tuple[Call, ...]:
    """The calls that began in [since, until), the newest first."""
    rows = models.AccessCall.objects.filter(brand=brand, began_at__gte=since, began_at__lt=until)
    return tuple(_call(row) for row in rows.order_by("-began_at")[:limit])


def funnel(*, brand: str, since: datetime, until: datetime, service: str = "") -> Funnel:
    """How far the calls that began in [since, until) came."""
    rows = models.AccessCall.objects.filter(brand=brand, began_at__gte=since, began_at__lt=until)
    if service:
        rows = rows.filter(service=service)
    wanted = ("refused", "answered_at", "states", "dialled", "talked", "outcome", "ended_at")
    found = list(rows.order_by("-began_at").values_list(*wanted)[: LOOKED_AT + 1])
    reached: Counter[str] = Counter()
    given_up: Counter[str] = Counter()
    places: dict[str, list[int]] = {}
    for refused, _answered_at, states, _dialled, _talked, outcome, _ended_at in found[:LOOKED_AT]:
        if refused or not states:
            continue
        names = [str(name) for _ms, name in states]
        for name in dict.fromkeys(names):
            reached[name] += 1
            places.setdefault(name, []).append(names.index(name))
        if outcome == "caller":
            given_up[names[-1]] += 1
    order = sorted(reached, key=lambda name: (sum(places[name]) / len(places[name]), name))
    kept = found[:LOOKED_AT]
    lasted = [int((row[6] - row[1]).total_seconds()) for row in kept if row[1] is not None and row[6] is not None]
    return Funnel(
        calls=len(kept),
        refused=dict(Counter(row[0] for row in kept if row[0])),
        answered=sum(1 for row in kept if row[1] is not None),
        dialled=sum(1 for row in kept if row[3]),
        talked=sum(1 for row in kept if row[4]),
        over=len(lasted),
        seconds=sum(lasted),
        states=tuple(Reached(name, reached[name], given_up[name]) for name in order),
        whole=len(found) <= LOOKED_AT,
    )


def _call(row: models.AccessCall) -> Call:
    return Call(
        session=row.session,
        brand=row.brand,
        access_number=row.access_number,
        service=row.service,
        language=row.language,
        account=row.account,
        refused=row.refused,
        began_at=row.began_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        state=row.state,
        dialled=row.dialled,
        talked=row.talked,
        outcome=row.outcome,
    )
