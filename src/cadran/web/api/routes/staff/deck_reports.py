"""Reports on a version of a price list: what it does to traffic, what is suspicious in it, what it earns over a carrier."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from django.conf import settings
from django.http import HttpRequest
from ninja import Path

from cadran.catalog import comparison, inspection, queries
from cadran.journeys import deck_reports
from cadran.journeys.deck_reports import Impact, InvalidReport
from cadran.party.keys.rules import Scope
from cadran.web.api import shapes
from cadran.web.api import shapes_rerating as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

# What one answer goes through; the pages and `cadran deck` take more.
MOST_CALLS = 20_000
MOST_LINES = 200_000
ROWS = 50
Days = Annotated[int, Ge(1), Le(90), shapes.Says({"description": "The traffic of so many days."})]
_FAILS = ("catalog-deck-unknown", "journeys-deck-report-invalid")


@operation(
    desk.router,
    "GET",
    "/staff/decks/{name}/{version}/impact",
    scope=Scope.STAFF_READ_PRICES,
    answers_with=seen.DeckImpact,
    may_fail=_FAILS,
)
def read_deck_impact(
    request: HttpRequest, name: Path[seen.DeckName], version: Path[seen.DeckName], days: Days = 30
) -> seen.DeckImpact:
    """What a version makes of the last days' traffic, against the one that it replaces.

    20,000 calls at most; the page of the back office and `cadran deck diff` go through more.
    """
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    found = _deck(caller.brand, name, version)
    before = comparison.replaced(found, at)
    if before is None:
        raise InvalidReport("the first version of a price list has none before it to be compared with")
    _check_lines(before)
    report = Impact(days, found.currency)
    if not caller.test:
        _go_through(deck_reports.impact_steps(report, before=before, after=found, at=at))
    return shapes.of(
        seen.DeckImpact,
        report,
        replaces=before.version,
        unpriced_calls=report.unpriced,
        dearer_customers=len(report.dearer_customers),
        cheaper_customers=len(report.cheaper_customers),
        destinations=[
            shapes.of(seen.ImpactRow, row) for rows in (report.dearer(ROWS), report.cheaper(ROWS)) for row in rows
        ],
    )


@operation(
    desk.router,
    "GET",
    "/staff/decks/{name}/{version}/check",
    scope=Scope.STAFF_READ_PRICES,
    answers_with=seen.DeckCheck,
    may_fail=_FAILS,
)
def check_deck(
    request: HttpRequest, name: Path[seen.DeckName], version: Path[seen.DeckName], limit: shapes.Limit = 50
) -> seen.DeckCheck:
    """What is suspicious in a version of a price list: `limit` things of each kind, the worst first."""
    found = _deck(desk.caller(request).brand, name, version)
    report = deck_reports.inspect(version=found, at=settings.CIVIL_CLOCK.now())
    return seen.DeckCheck(
        rates=report.rates,
        counts={kind.value: report.counts[kind] for kind in inspection.Kind},
        findings=[
            shapes.of(seen.DeckFinding, one, kind=kind.value)
            for kind in inspection.Kind
            for one in report.of(kind)[:limit]
        ],
    )


@operation(
    desk.router,
    "GET",
    "/staff/decks/{name}/{version}/margin",
    scope=Scope.STAFF_READ_LEDGER,
    also=(Scope.STAFF_READ_PRICES,),
    answers_with=seen.DeckMargin,
    may_fail=(*_FAILS, "journeys-carrier-deck-unknown"),
)
def read_deck_margin(
    request: HttpRequest,
    name: Path[seen.DeckName],
    version: Path[seen.DeckName],
    carrier: seen.DeckName | None = None,
    days: Days = 30,
) -> seen.DeckMargin:
    """What a version earns over a carrier's price list, the largest loss first.

    Without `carrier`, over the first carrier of which there is a list. 20,000 calls at most; the page of the back office and
    `cadran deck margin` go through more.
    """
    caller, at = desk.caller(request), settings.CIVIL_CLOCK.now()
    found = _deck(caller.brand, name, version)
    known = deck_reports.carrier_decks(caller.brand)
    cost = known[0] if known and carrier is None else deck_reports.carrier_deck(caller.brand, carrier or "")
    _check_lines(cost)
    report = deck_reports.margin_of(found, cost, at, days)
    if not caller.test:
        _go_through(deck_reports.margin_steps(report, retail=found, cost=cost, at=at))
    return shapes.of(
        seen.DeckMargin,
        report,
        carrier=cost.name,
        tax_basis_points=report.tax_bp,
        uncosted_calls=report.uncosted,
        destinations=[
            shapes.of(seen.MarginRow, row, sold_micros=row.before_micros, cost_micros=row.after_micros)
            for row in report.worst(ROWS)
        ],
        exposed=[shapes.of(seen.ExposedPrefix, one) for one in report.exposed[:ROWS]],
    )


def _go_through(steps: deck_reports.Steps) -> None:
    """All of a report, if it is no more than one answer goes through. Raises InvalidReport."""
    for _, total in steps:
        if total > MOST_CALLS:
            raise InvalidReport(f"{total} calls, and an answer goes through {MOST_CALLS}: take fewer days")


def _deck(brand: str, name: str, version: str) -> queries.DeckVersion:
    """The version. Raises UnknownDeck, InvalidReport."""
    found = queries.deck(brand, name, version)
    _check_lines(found)
    return found


def _check_lines(found: queries.DeckVersion) -> None:
    if found.lines > MOST_LINES:
        raise InvalidReport(f"a list of {found.lines} lines: `cadran deck` reports on more than {MOST_LINES}")
