"""What a line of a deck file means, and how the lines of one price become a rate: its base line, bands and groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cadran.catalog import bands, rules
from cadran.catalog.adapters import deck_cells
from cadran.catalog.adapters.deck_cells import BadCell

MAX_BANDS = 50
_FEES = ("first_s", "next_s", "connection_fee", "minimum")
_TARIFF = ("free_s", "maximum", "at_maximum", "rounding", "decimals", "split")
_BAND_CELLS = (
    "band",
    "band_days",
    "band_hours",
    "band_zone",
    "band_holidays",
    "band_weight",
    "band_years",
    "band_months",
    "band_month_days",
)

Wrong = Callable[[int, str, str, str], None]
"""Told of a problem: line, column, stable code, message."""


@dataclass(frozen=True, slots=True)
class Blanks:
    """What a blank cell means: values of the brand's terms. An increment None must be stated by the file. clause: the clause of
    the increments."""

    zone: str
    currency: str
    first_s: int | None = None
    next_s: int | None = None
    connection_micros: int = 0
    clause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """Everything of a line but its prefix. price_nanos is for `unit_s` seconds.

    band: of a band's line, without its pricing; its `stated` says that the line brings increments or fees of its own. from_s: of a
    group's line, of the band named `of_band` or of the base line. tariff: of a base line that needs one.
    """

    destination: str
    english: str
    price_nanos: int
    unit_s: int
    first_s: int
    next_s: int
    connection_micros: int
    minimum_micros: int
    valid_from: datetime
    valid_to: datetime
    band: rules.TimeBand | None = None
    stated: bool = False
    from_s: int | None = None
    of_band: str = ""
    tariff: rules.Tariff | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a band or of a group, waiting for its base line."""

    number: int
    meaning: Meaning

    @property
    def column(self) -> str:
        return "from_s" if self.meaning.from_s is not None else "band"

    @property
    def kind(self) -> str:
        return "a group" if self.meaning.from_s is not None else "a band"

    @property
    def dates(self) -> tuple[datetime, datetime]:
        return self.meaning.valid_from, self.meaning.valid_to


def meaning(cells: Mapping[str, str], blanks: Blanks) -> Meaning:
    """The meaning of a line's cells by column, blank where absent. Raises BadCell."""
    nanos, unit_s = deck_cells.price(cells["price"], cells["per"])
    since, until = cells["effective_from"], cells["effective_to"]
    valid_from = deck_cells.instant(since, blanks.zone, "effective_from") if since else rules.ALWAYS_FROM
    valid_to = deck_cells.instant(until, blanks.zone, "effective_to") if until else rules.FOR_EVER
    if valid_from >= valid_to:
        raise BadCell("effective_to", "effective_to must come after effective_from")
    if cells["from_s"]:
        return _group(cells, blanks, nanos, unit_s, valid_from, valid_to)
    banded = any(cells[name] for name in _BAND_CELLS)
    if banded and any(cells[name] for name in _TARIFF):
        raise BadCell("band", f"{', '.join(_TARIFF)} stand on the base line, not on a band's")
    stated = banded and any(cells[name] for name in _FEES)
    name = cells["destination"]
    return Meaning(
        destination=deck_cells.destination(name) if name or not banded else "",
        english=deck_cells.destination(cells["destination_en"]) if cells["destination_en"] else "",
        price_nanos=nanos,
        unit_s=unit_s,
        first_s=_increment(cells["first_s"], "first_s", blanks.first_s) if stated or not banded else 1,
        next_s=_increment(cells["next_s"], "next_s", blanks.next_s) if stated or not banded else 1,
        connection_micros=_fee(cells["connection_fee"], "connection_fee", blanks.connection_micros),
        minimum_micros=_fee(cells["minimum"], "minimum", 0),
        valid_from=valid_from,
        valid_to=valid_to,
        band=_band(cells, blanks, nanos) if banded else None,
        stated=stated,
        tariff=None if banded else _tariff(cells, unit_s),
    )


def _group(
    cells: Mapping[str, str], blanks: Blanks, nanos: int, unit_s: int, valid_from: datetime, valid_to: datetime
) -> Meaning:
    others = [name for name in (*_FEES, *_BAND_CELLS, *_TARIFF) if cells[name] and name not in ("next_s", "band")]
    if others:
        raise BadCell("from_s", f"a group states price, per, next_s and perhaps its band, not {others[0]}")
    return Meaning(
        destination=deck_cells.destination(cells["destination"]) if cells["destination"] else "",
        english="",
        price_nanos=nanos,
        unit_s=unit_s,
        first_s=1,
        next_s=_increment(cells["next_s"], "next_s", blanks.next_s),
        connection_micros=0,
        minimum_micros=0,
        valid_from=valid_from,
        valid_to=valid_to,
        from_s=deck_cells.seconds(cells["from_s"], "from_s"),
        of_band=cells["band"],
    )


def _tariff(cells: Mapping[str, str], unit_s: int) -> rules.Tariff | None:
    """None where a line uses nothing of it."""
    maximum = cells["maximum"]
    found = rules.Tariff(
        unit_s=unit_s,
        free_s=deck_cells.seconds(cells["free_s"], "free_s", least=0) if cells["free_s"] else 0,
        maximum_micros=deck_cells.fee_micros(maximum, "maximum") if maximum else None,
        at_maximum=deck_cells.one_of(cells["at_maximum"], "at_maximum", rules.AtMaximum, rules.AtMaximum.CUT),
        rounding=deck_cells.one_of(cells["rounding"], "rounding", rules.Rounding, rules.Rounding.HALF_UP),
        decimals=deck_cells.whole(cells["decimals"], "decimals", rules.MAX_DECIMALS) if cells["decimals"] else 6,
        split=deck_cells.yes(cells["split"], "split"),
    )
    return None if found == rules.PLAIN else found


def _band(cells: Mapping[str, str], blanks: Blanks, nanos: int) -> rules.TimeBand:
    weekdays, on_holidays = bands.read_days(cells["band_days"])
    return rules.TimeBand(
        name=deck_cells.band_name(cells["band"]),
        zone=bands.read_zone(cells["band_zone"] or blanks.zone),
        price_nanos=nanos,
        weekdays=weekdays,
        windows=bands.read_hours(cells["band_hours"]),
        holidays=bands.read_holidays(cells["band_holidays"]),
        on_holidays=on_holidays,
        weight=deck_cells.whole(cells["band_weight"], "band_weight", 10_000) if cells["band_weight"] else 0,
        years=deck_cells.wholes(cells["band_years"], "band_years", 1970, 2200),
        months=deck_cells.wholes(cells["band_months"], "band_months", 1, 12),
        month_days=deck_cells.wholes(cells["band_month_days"], "band_month_days", 1, 31),
    )


def _increment(text: str, name: str, blank: int | None) -> int:
    if text:
        return deck_cells.seconds(text, name)
    if blank is None:
        raise BadCell(name, f"{name} must be stated: the brand's terms give none")
    return blank


def _fee(text: str, name: str, blank: int) -> int:
    return deck_cells.fee_micros(text, name) if text else blank


def joined(found: Sequence[rules.Rate], lines: Iterable[Line], wrong: Wrong) -> Iterable[rules.Rate]:
    """The rates of one prefix with their bands and groups, as far as they can be together; what cannot is told."""
    by_dates: dict[tuple[datetime, datetime], list[Line]] = {}
    for line in lines:
        by_dates.setdefault(line.dates, []).append(line)
    for rate in found:
        yield _join(rate, by_dates.pop((rate.valid_from, rate.valid_to), []), wrong)
    for line in (line for left in by_dates.values() for line in left):
        message = f"{line.kind} has the same effective dates as its base line, and none has these"
        wrong(line.number, line.column, f"{line.column}-base", message)


def _join(rate: rules.Rate, lines: list[Line], wrong: Wrong) -> rules.Rate:
    if not lines:
        return rate
    if len(lines) > MAX_BANDS:
        message = f"a rate has at most {MAX_BANDS} bands and groups, not {len(lines)}"
        wrong(lines[-1].number, lines[-1].column, "bands", message)
        return rate
    for line in lines:
        if line.meaning.destination not in ("", rate.destination):
            message = f"line {rate.line} calls this destination {deck_cells.shown(rate.destination)}"
            wrong(line.number, "destination", "destination", message)
    groups: dict[str, list[Line]] = {}
    for line in lines:
        if line.meaning.from_s is not None:
            groups.setdefault(line.meaning.of_band, []).append(line)
    tariff = rate.tariff
    if own := groups.pop("", None):
        tariff = dataclasses.replace(tariff or rules.PLAIN, groups=_groups(own, wrong))
    banded = [line for line in lines if line.meaning.band is not None]
    found = tuple(
        _with_pricing(rate, line, groups.pop(line.meaning.band.name, []), wrong) for line in banded if line.meaning.band
    )
    for line in (line for left in groups.values() for line in left):
        wrong(
            line.number,
            "band",
            "from_s-band",
            f"no band of this price is called {deck_cells.shown(line.meaning.of_band)}",
        )
    try:
        rules.check_bands(found, (tariff or rules.PLAIN).unit_s)
    except rules.InvalidRate as bad:
        wrong(lines[-1].number, "band", "band-overlap", bad.message)
    return dataclasses.replace(rate, bands=found, tariff=tariff)


def _groups(lines: Iterable[Line], wrong: Wrong) -> tuple[rules.RateGroup, ...]:
    lines = sorted(lines, key=lambda line: line.meaning.from_s or 0)
    found = tuple(
        rules.RateGroup(
            from_s=line.meaning.from_s or 0,
            price_nanos=line.meaning.price_nanos,
            unit_s=line.meaning.unit_s,
            increment_s=line.meaning.next_s,
        )
        for line in lines
    )
    try:
        rules.check_groups(found)
    except rules.InvalidRate as bad:
        wrong(lines[-1].number, "from_s", "from_s-order", bad.message)
    return found


def _with_pricing(rate: rules.Rate, line: Line, groups: list[Line], wrong: Wrong) -> rules.TimeBand:
    """The band of a line; with a pricing of its own where the line or its groups need one, else at the base line's increments."""
    said = line.meaning
    assert said.band is not None
    if not said.stated and not groups and said.unit_s == (rate.tariff or rules.PLAIN).unit_s:
        return said.band
    own = said if said.stated else rate
    pricing = rules.Pricing(
        price_nanos=said.price_nanos,
        unit_s=said.unit_s,
        first_s=own.first_s,
        next_s=own.next_s,
        connection_micros=own.connection_micros,
        minimum_micros=own.minimum_micros,
        groups=_groups(groups, wrong) if groups else (),
    )
    return dataclasses.replace(said.band, pricing=pricing)
