"""The JSON of re-ratings, and of the reports on price lists."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from cadran.journeys.rerating import rules
from cadran.web.api.shapes import CONTROL_FREE, Asked, Instant, Shape

DeckName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}$")]
PublicReason = Annotated[
    str, StringConstraints(min_length=rules.MIN_REASON, max_length=rules.MAX_REASON, pattern=CONTROL_FREE)
]


class ReratingWish(Asked):
    """Calls that began in [since, until), to numbers that begin with a prefix (none: all), and the version that prices them anew."""

    deck: DeckName
    version: DeckName
    since: Instant
    until: Instant
    prefixes: Annotated[list[Prefix], Field(max_length=rules.MAX_PREFIXES)] = []


class ReratingAsked(ReratingWish):
    """What is to be charged again, and why: customers read the reason. A second person approves, always."""

    reason: PublicReason


class RerateSums(Shape):
    """Sums up and down that do not change hands."""

    up_micros: int
    down_micros: int


class ReratedPlace(Shape):
    """What the change comes to towards one destination."""

    destination: str
    destination_en: str
    calls: int
    seconds: int
    up_micros: int
    down_micros: int


class LargestChange(Shape):
    """A call whose price changes most."""

    call: str
    account: str
    at: Instant
    seconds: int
    before_micros: int
    after_micros: int
    prefix_before: str
    prefix_after: str


class ReratingPreview(Shape):
    """What a re-rating would do at that instant.

    `verdicts`: calls by what becomes of them; `kept`: sums of those that keep their price.
    """

    at: Instant
    currency: str
    looked_at: int
    changed: int
    customers: int
    up_micros: int
    down_micros: int
    verdicts: dict[str, int]
    kept: dict[str, RerateSums]
    destinations: list[ReratedPlace]
    largest: list[LargestChange]


class Rerating(Shape):
    """A re-rating.

    `state`: waiting, running, telling, done or stopped; `decided`: proposed, approved, refused, withdrawn, expired, done or failed.
    """

    id: str
    deck: str
    version: str
    since: Instant
    until: Instant
    prefixes: list[str]
    currency: str
    reason: str
    state: str
    decided: str
    proposed_at: Instant
    proposed_by: str
    total: int
    looked_at: int
    corrected: int
    up_micros: int
    down_micros: int
    owed_micros: int
    unchanged: dict[str, int]
    note: str
    finished_at: Instant | None


class Reratings(Shape):
    """The re-ratings."""

    reratings: list[Rerating]


class ReratingPage(Shape):
    """A re-rating, what was seen of it before it was asked for, and how many customers it has touched and told so far."""

    rerating: Rerating
    preview: ReratingPreview
    customers: int
    told: int


class ImpactRow(Shape):
    """What two versions of a price list make of the traffic towards one destination."""

    destination: str
    destination_en: str
    calls: int
    seconds: int
    customers: int
    before_micros: int
    after_micros: int
    change_micros: int


class DeckImpact(Shape):
    """What a version makes of the traffic of some days, against the one that it replaces. Destinations: those that change most."""

    replaces: str
    days: int
    currency: str
    calls: int
    seconds: int
    unpriced_calls: int
    up_micros: int
    down_micros: int
    dearer_calls: int
    dearer_customers: int
    cheaper_calls: int
    cheaper_customers: int
    destinations: list[ImpactRow]


class DeckFinding(Shape):
    """One suspicious thing of a price list: a country without a price, an end, an overlap, a price far from its neighbours'."""

    kind: str
    prefix: str
    destination: str
    destination_en: str
    line: int
    instead: str
    price_nanos: int
    usual_nanos: int
    at: Instant | None
    country: str
    what: str


class DeckCheck(Shape):
    """What is suspicious in a price list: how many things of each kind, and the worst of each."""

    rates: int
    counts: dict[str, int]
    findings: list[DeckFinding]


class MarginRow(Shape):
    """What the traffic towards one destination brought and cost, tax left out."""

    destination: str
    destination_en: str
    calls: int
    seconds: int
    customers: int
    sold_micros: int
    cost_micros: int
    margin_micros: int


class ExposedPrefix(Shape):
    """A prefix at which a minute costs more than it brings, tax left out."""

    prefix: str
    destination: str
    destination_en: str
    sold_micros: int
    cost_micros: int


class DeckMargin(Shape):
    """What the traffic of some days brought over a carrier's price list, tax left out. Destinations: the largest loss first."""

    carrier: str
    days: int
    currency: str
    tax_basis_points: int
    calls: int
    seconds: int
    uncosted_calls: int
    sold_micros: int
    cost_micros: int
    margin_micros: int
    destinations: list[MarginRow]
    exposed_count: int
    exposed: list[ExposedPrefix]
