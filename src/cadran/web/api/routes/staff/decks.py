"""Price lists: versions, import with a report, what a version changes, activation from a day on."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, File, Form, Path
from ninja.files import UploadedFile
from pydantic import StringConstraints

from cadran.catalog import comparison, operations, queries
from cadran.party.keys.rules import Scope
from cadran.policy import queries as policy
from cadran.units import period
from cadran.web import uploads
from cadran.web.api import problems, shapes
from cadran.web.api import shapes_setup as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.staff import desk

DeckName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
MOST_SHOWN = 100
_UNKNOWN = ("catalog-deck-unknown",)


@operation(desk.router, "GET", "/staff/decks", scope=Scope.STAFF_READ_PRICES, answers_with=seen.Decks)
def list_decks(request: HttpRequest) -> seen.Decks:
    """Every version of the brand's price lists, newest first."""
    brand = desk.caller(request).brand
    return seen.Decks(decks=[_shown(one) for one in reversed(queries.decks(brand))])


@operation(
    desk.router,
    "POST",
    "/staff/decks",
    scope=Scope.STAFF_WRITE_PRICES,
    answers_with=seen.DeckReport,
    may_fail=(
        *("catalog-deck-refused", "catalog-deck-name", "catalog-deck-version-taken", "catalog-deck-file-unreadable"),
    ),
)
def import_deck(request: HttpRequest, file: File[UploadedFile], asked: Form[seen.DeckForm]) -> seen.DeckReport:
    """Read a price list, CSV of 12 MB at most, and keep it as a draft.

    With `keep` false nothing is kept: the report says what is in it, and each line that is wrong. A draft prices nothing before
    its activation.
    """
    caller = desk.caller(request)
    if isinstance(file, uploads.TooLarge) or (file.size or 0) > uploads.MOST_BYTES:
        raise problems.TooLarge("a price list has 12 MB at most here; `cadran deck import` takes larger ones")
    if asked.keep:
        desk.log(request, "decks", kind="deck-import", subject=f"{caller.brand} {asked.version}")
    try:
        report = operations.import_deck(
            brand=caller.brand,
            source=file.read(),
            at=settings.CIVIL_CLOCK.now(),
            version=asked.version,
            tax=asked.tax,
            delimiter="\t" if asked.delimiter == "tab" else asked.delimiter,
            dry_run=not asked.keep or caller.test,
        )
    except operations.DeckRefused as refused:
        if asked.keep:
            raise
        report = refused.report
    shown = [shapes.of(seen.DeckProblem, one) for one in report.problems[:MOST_SHOWN]]
    return shapes.of(seen.DeckReport, report, problems=shown, deck=_shown(report.deck) if report.deck else None)


@operation(
    desk.router,
    "GET",
    "/staff/decks/{name}/{version}",
    scope=Scope.STAFF_READ_PRICES,
    answers_with=seen.DeckPage,
    may_fail=_UNKNOWN,
)
def read_deck(request: HttpRequest, name: Path[DeckName], version: Path[DeckName]) -> seen.DeckPage:
    """One version of a price list, and what it changes of the one that it replaces."""
    found = queries.deck(desk.caller(request).brand, name, version)
    before = comparison.replaced(found, settings.CIVIL_CLOCK.now())
    compared = comparison.compare(before, found)
    return shapes.of(
        seen.DeckPage,
        compared,
        deck=_shown(found),
        replaces=before.version if before else None,
        rises=[shapes.of(seen.PriceChange, one) for one in compared.rises],
        falls=[shapes.of(seen.PriceChange, one) for one in compared.falls],
    )


@operation(
    desk.router,
    "POST",
    "/staff/decks/{name}/{version}/activation",
    scope=Scope.STAFF_WRITE_PRICES,
    answers_with=seen.Deck,
    may_fail=(*_UNKNOWN, "catalog-deck-not-activated"),
)
def activate_deck(
    request: HttpRequest, name: Path[DeckName], version: Path[DeckName], asked: Body[seen.ActivationAsked]
) -> seen.Deck:
    """Let a price list price the calls that begin from the midnight of a day on.

    A day to come, in the brand's zone; prices of the past stay as they were.
    """
    caller = desk.caller(request)
    found = queries.deck(caller.brand, name, version)
    try:
        start = period.midnight(date.fromisoformat(asked.day), policy.brand(caller.brand).zone)
    except (ValueError, OverflowError) as error:
        raise problems.InputInvalid("give a day such as 2027-01-01", field="body.day") from error
    desk.log(request, "decks", kind="deck-activate", subject=f"{caller.brand}/{name}/{version}")
    at = settings.CIVIL_CLOCK.now()
    return _shown(operations.activate_deck(deck=found, effective_from=start, at=at, dry_run=caller.test))


def _shown(found: queries.DeckVersion) -> seen.Deck:
    current = queries.in_force(found.brand, settings.CIVIL_CLOCK.now(), found.name)
    return shapes.of(seen.Deck, found, in_force=current is not None and current.id == found.id)
