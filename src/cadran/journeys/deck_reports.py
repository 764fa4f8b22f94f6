"""What a deck means for the traffic that there was: what a version makes dearer and for whom, and what is earned over a carrier's
deck. Reads only; the prices are those of the final charge, to the micro-unit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cadran.catalog import inspection
from cadran.catalog import queries as catalog
from cadran.catalog.queries import DeckVersion
from cadran.catalog.rules import Rate, TaxBasis
from cadran.charging import traffic
from cadran.journeys import pricing
from cadran.numbering import plan
from cadran.policy import queries as policy
from cadran.rating import decks
from cadran.rating.counting import Counting
from cadran.units.clause import carries
from cadran.units.errors import CadranError, InvalidInput

Steps = Generator[tuple[int, int], None, None]
Progress = Callable[[int, int], None]
MAX_DAYS = 366
CARRIER = "carrier."  # decks of that kind of name are what carriers charge, and price no call
LISTED = 200
_REMEMBERED = 100_000


class InvalidReport(InvalidInput):
    """A report of no days, of too many, or over decks that cannot be compared."""

    error_id = "journeys-deck-report-invalid"


class NoCarrierDeck(CadranError):
    """No deck of that carrier."""

    error_id = "journeys-carrier-deck-unknown"


@dataclass(slots=True)
class Row:
    """One destination's traffic: answered calls, seconds, who called, and two amounts in micros: what one deck and the other make of
    it, or what was earned and what it cost."""

    destination: str
    destination_en: str
    calls: int = 0
    seconds: int = 0
    before_micros: int = 0
    after_micros: int = 0
    accounts: set[str] = field(default_factory=set)

    @property
    def customers(self) -> int:
        return len(self.accounts)

    @property
    def change_micros(self) -> int:
        return self.after_micros - self.before_micros

    @property
    def margin_micros(self) -> int:
        return self.before_micros - self.after_micros


@dataclass(slots=True)
class Impact:
    """What another version makes of the traffic of some days. unpriced: calls to which one of the two has no price."""

    days: int
    currency: str
    calls: int = 0
    seconds: int = 0
    unpriced: int = 0
    up_micros: int = 0
    down_micros: int = 0
    dearer_calls: int = 0
    cheaper_calls: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    dearer_customers: set[str] = field(default_factory=set)
    cheaper_customers: set[str] = field(default_factory=set)

    def dearer(self, limit: int = 50) -> tuple[Row, ...]:
        """Where the traffic becomes dearer, most first."""
        found = [row for row in self.rows.values() if row.change_micros > 0]
        return tuple(sorted(found, key=lambda row: (-row.change_micros, row.destination))[:limit])

    def cheaper(self, limit: int = 50) -> tuple[Row, ...]:
        """Where the traffic becomes cheaper, most first."""
        found = [row for row in self.rows.values() if row.change_micros < 0]
        return tuple(sorted(found, key=lambda row: (row.change_micros, row.destination))[:limit])

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON; amounts are micro-units."""
        return {
            "days": self.days,
            "currency": self.currency,
            "calls": self.calls,
            "seconds": self.seconds,
            "unpriced_calls": self.unpriced,
            "up_micros": self.up_micros,
            "down_micros": self.down_micros,
            "dearer": {"calls": self.dearer_calls, "customers": len(self.dearer_customers)},
            "cheaper": {"calls": self.cheaper_calls, "customers": len(self.cheaper_customers)},
            "destinations": [_row_dict(row) for row in (*self.dearer(), *self.cheaper())],
        }


@dataclass(frozen=True, slots=True)
class Exposure:
    """A prefix at which a minute costs more than it brings, in micros, tax left out."""

    prefix: str
    destination: str
    destination_en: str
    sold_micros: int
    cost_micros: int

    @property
    def loss_micros(self) -> int:
        return self.cost_micros - self.sold_micros


@dataclass(slots=True)
class Margin:
    """What the traffic of some days brought over a carrier's deck, tax left out, and where a minute costs more than it brings.
    tax_bp: the tax in basis points that was taken off the retail amounts. uncosted: calls to which the carrier has no price."""

    days: int
    currency: str
    retail: str
    cost: str
    tax_bp: int
    calls: int = 0
    seconds: int = 0
    uncosted: int = 0
    sold_micros: int = 0
    cost_micros: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    exposed: list[Exposure] = field(default_factory=list)

    @property
    def exposed_count(self) -> int:
        return len(self.exposed)

    @property
    def margin_micros(self) -> int:
        return self.sold_micros - self.cost_micros

    def places(self) -> list[tuple[Exposure, int]]:
        """Where a minute is sold at a loss: the worst prefix of each destination, and how many it has, the largest loss first."""
        found: dict[str, list[Exposure]] = {}
        for one in self.exposed:
            found.setdefault(one.destination, []).append(one)
        return [(rows[0], len(rows)) for rows in found.values()]

    def worst(self, limit: int = 100) -> tuple[Row, ...]:
        """Destinations, the largest loss first."""
        return tuple(sorted(self.rows.values(), key=lambda row: (row.margin_micros, row.destination))[:limit])

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON; amounts are micro-units, without tax."""
        return {
            "days": self.days,
            "currency": self.currency,
            "retail": self.retail,
            "cost": self.cost,
            "tax_basis_points_taken_off": self.tax_bp,
            "calls": self.calls,
            "seconds": self.seconds,
            "uncosted_calls": self.uncosted,
            "sold_micros": self.sold_micros,
            "cost_micros": self.cost_micros,
            "margin_micros": self.margin_micros,
            "destinations": [
                _row_dict(row, before="sold_micros", after="cost_micros", change="margin_micros", sign=-1)
                for row in self.worst()
            ],
            "exposed_prefixes": self.exposed_count,
            "exposed": [
                {
                    "prefix": one.prefix,
                    "destination": one.destination,
                    "destination_en": one.destination_en,
                    "sold_micros_a_minute": one.sold_micros,
                    "cost_micros_a_minute": one.cost_micros,
                }
                for one in self.exposed[:LISTED]
            ],
        }


class Pricer:
    """A version as if it held for the whole of the traffic: the rate is that of the day `on`, the hour of a call its own."""

    def __init__(self, version: DeckVersion, on: datetime) -> None:
        self.deck, self.on = decks.of_rates(catalog.rates(version), version.brand), on
        self._rates: dict[str, Rate | None] = {}
        self._prices = pricing.Prices()

    def micros(self, number: str, seconds: int, at: datetime, counting: Counting | None = None) -> int | None:
        """What a call costs, in the increments that its contract or the law gave it where they did; None without a price."""
        rate = self.rate(number)
        if rate is None:
            return None
        return self._prices.micros(self._prices.counted(rate, counting), seconds, at)

    def rate(self, number: str) -> Rate | None:
        """The rate of a number, or None."""
        try:
            return self._rates[number]
        except KeyError:
            if len(self._rates) > _REMEMBERED:
                self._rates.clear()
            return self._rates.setdefault(number, self.deck.find(number, self.on))


@carries("KRY-4.5.1-price-of-the-day")
def impact(
    *, before: DeckVersion, after: DeckVersion, at: datetime, days: int, progress: Progress = lambda done, total: None
) -> Impact:
    """What `after` makes of the traffic of the last `days` days, against `before`. Raises InvalidReport."""
    found = Impact(days, after.currency)
    _run(impact_steps(found, before=before, after=after, at=at), progress)
    return found


def impact_steps(found: Impact, *, before: DeckVersion, after: DeckVersion, at: datetime) -> Steps:
    """As `impact`, into `found`; each step gives the calls looked at and the calls in all. Raises InvalidReport."""
    _check_days(found.days)
    if before.currency != after.currency:
        raise InvalidReport(f"one deck is in {before.currency}, the other in {after.currency}: they cannot be compared")
    on = max(at, after.effective_from or at)
    old, new = Pricer(before, on), Pricer(after, on)
    for calls, done, total in _traffic(after.brand, at, found.days):
        for call in calls:
            one, other = (deck.micros(call.number, call.seconds, call.at, call.counting) for deck in (old, new))
            if one is None or other is None:
                found.unpriced += 1
                continue
            _count(found, call, one, other, new.rate(call.number))
        yield done, total


def margin(
    *, retail: DeckVersion, cost: DeckVersion, at: datetime, days: int, progress: Progress = lambda done, total: None
) -> Margin:
    """What the traffic of the last `days` days brought over that carrier's deck. Raises InvalidReport."""
    found = margin_of(retail, cost, at, days)
    _run(margin_steps(found, retail=retail, cost=cost, at=at), progress)
    return found


def margin_of(retail: DeckVersion, cost: DeckVersion, at: datetime, days: int) -> Margin:
    """An empty report. Raises InvalidReport for decks of two currencies."""
    _check_days(days)
    if retail.currency != cost.currency:
        raise InvalidReport(f"prices are in {retail.currency} and costs in {cost.currency}: import the costs converted")
    taken = _tax_bp(at) if retail.tax == TaxBasis.INCLUDED and cost.tax != TaxBasis.INCLUDED else 0
    return Margin(days, retail.currency, _named(retail), _named(cost), taken)


def margin_steps(found: Margin, *, retail: DeckVersion, cost: DeckVersion, at: datetime) -> Steps:
    """As `margin`, into `found`; each step gives the calls looked at and the calls in all."""
    costs, sold = Pricer(cost, at), Pricer(retail, at)
    for calls, done, total in _traffic(retail.brand, at, found.days):
        for call in calls:
            micros = costs.micros(call.number, call.seconds, call.at)
            if micros is None:
                found.uncosted += 1
                continue
            net = without_tax(call.micros, found.tax_bp)
            row = _row(found.rows, call.destination, call.destination_en)
            _add(row, call, net, micros)
            found.calls += 1
            found.seconds += call.seconds
            found.sold_micros += net
            found.cost_micros += micros
        yield done, total
    _expose(found, sold, costs, at)


def inspect(
    *, version: DeckVersion, at: datetime, progress: Progress = lambda done, total: None
) -> inspection.Inspection:
    """What is suspicious in a version, for calls from its day or from now on, whichever is later."""
    samples = [(one.country, one.kind, one.digits) for one in plan.samples()]
    on = max(at, version.effective_from or at)
    return inspection.inspect(catalog.rates(version), samples, at=on, total=version.lines, progress=progress)


def carrier_decks(brand: str) -> tuple[DeckVersion, ...]:
    """The newest version of each carrier's deck, drafts included: a cost needs no activation, and prices no call."""
    newest = {one.name: one for one in catalog.decks(brand) if one.name.startswith(CARRIER)}
    return tuple(newest[name] for name in sorted(newest))


def carrier_deck(brand: str, name: str) -> DeckVersion:
    """A carrier's deck by its name, with or without `carrier.`, and `@VERSION` for another than the newest. Raises NoCarrierDeck,
    UnknownDeck."""
    name, _, version = name.partition("@")
    full = name if name.startswith(CARRIER) else CARRIER + name
    if version:
        return catalog.deck(brand, full, version)
    for found in carrier_decks(brand):
        if found.name == full:
            return found
    raise NoCarrierDeck(
        f"{brand} has no deck of that carrier: cadran deck import FILE --brand {brand} --name {full[:40]} --tax excluded"
    )


def without_tax(micros: int, basis_points: int) -> int:
    """An amount that includes so much tax, without it; rounded half up to a micro-unit."""
    whole = 10_000 + basis_points
    return (2 * micros * 10_000 + whole) // (2 * whole)


def _expose(found: Margin, sold: Pricer, costs: Pricer, at: datetime) -> None:
    """Every prefix of either deck at which a minute costs more than it brings, the largest loss first."""
    prefixes = {*sold.deck.versions[0].by_prefix, *costs.deck.versions[0].by_prefix}
    losses = []
    for prefix in prefixes:
        price, cost = sold.micros(prefix, 60, at), costs.micros(prefix, 60, at)
        if price is None or cost is None:
            continue
        net = without_tax(price, found.tax_bp)
        if cost > net:
            rate = sold.rate(prefix)
            assert rate is not None
            losses.append(Exposure(prefix, rate.destination, rate.destination_en or rate.destination, net, cost))
    found.exposed = sorted(losses, key=lambda one: (-one.loss_micros, one.prefix))


def _count(found: Impact, call: traffic.Charged, before: int, after: int, rate: Rate | None) -> None:
    assert rate is not None
    found.calls += 1
    found.seconds += call.seconds
    _add(_row(found.rows, rate.destination, rate.destination_en or rate.destination), call, before, after)
    if after > before:
        found.up_micros += after - before
        found.dearer_calls += 1
        found.dearer_customers.add(call.account)
    elif after < before:
        found.down_micros += before - after
        found.cheaper_calls += 1
        found.cheaper_customers.add(call.account)


def _traffic(brand: str, at: datetime, days: int) -> Iterable[tuple[tuple[traffic.Charged, ...], int, int]]:
    span = traffic.Span(brand=brand, since=at - timedelta(days=days), until=at)
    total, done = traffic.count(span), 0
    yield (), 0, total
    for calls in traffic.calls(span):
        done = min(total, done + traffic.BATCH)
        yield calls, done, total


def _row(rows: dict[str, Row], destination: str, english: str) -> Row:
    return rows.get(destination) or rows.setdefault(destination, Row(destination, english))


def _add(row: Row, call: traffic.Charged, before: int, after: int) -> None:
    row.calls += 1
    row.seconds += call.seconds
    row.before_micros += before
    row.after_micros += after
    row.accounts.add(call.account)


def _row_dict(
    row: Row, before: str = "before_micros", after: str = "after_micros", change: str = "change_micros", sign: int = 1
) -> dict[str, object]:
    return {
        "destination": row.destination,
        "destination_en": row.destination_en,
        "calls": row.calls,
        "seconds": row.seconds,
        "customers": row.customers,
        before: row.before_micros,
        after: row.after_micros,
        change: sign * row.change_micros,
    }


def _tax_bp(at: datetime) -> int:
    value = policy.law("vat.metropolitan", at).content
    assert isinstance(value, int)
    return value


def _check_days(days: int) -> None:
    if not 1 <= days <= MAX_DAYS:
        raise InvalidReport(f"traffic of 1 to {MAX_DAYS} days, not {days}")


def _named(version: DeckVersion) -> str:
    return f"{version.name} {version.version}"


def _run(steps: Steps, progress: Progress) -> None:
    for done, total in steps:
        progress(done, total)
