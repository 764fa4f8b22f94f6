"""Writes of the catalogue: decks are imported whole or not at all, and activated from a date on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import router, transaction
from django.db.models import Max

from cadran.catalog import models, queries, rules
from cadran.catalog.adapters import deck_columns, deck_csv, deck_file, deck_lines, deck_rows, reference
from cadran.catalog.adapters.translation import Translation
from cadran.catalog.columns import Columns
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy_queries
from cadran.policy.brands import Brand
from cadran.units import period
from cadran.units.clause import carries
from cadran.units.errors import CadranError, InvalidInput

Progress = Callable[[str, int, int], None]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_CURRENCY = re.compile(r"[A-Z]{3}")
PRICE_DAY_ZONE = "price.zone"


class DeckRefused(InvalidInput):
    """The file has errors: nothing was imported. `report` lists them by line."""

    error_id = "catalog-deck-refused"

    def __init__(self, report: ImportReport) -> None:
        first = report.problems[0]
        more = f" and {report.problem_count - 1} more" if report.problem_count > 1 else ""
        super().__init__(f"nothing was imported: line {first.line}: {first.message}{more}")
        self.report = report


class BadDeckName(InvalidInput):
    """Deck names and versions become parts of addresses and file names."""

    error_id = "catalog-deck-name"


class DeckVersionTaken(CadranError):
    """The version exists with other prices; versions never change."""

    error_id = "catalog-deck-version-taken"


class UnableToActivateDeck(CadranError):
    """The date or the state of the deck does not allow it; nothing was changed."""

    error_id = "catalog-deck-not-activated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import read and did. deck: the version in the database, None in a dry run or with problems. created: False where
    the same file had been imported before under that version. coarser: lines counted in larger steps than the brand's terms
    promise, which is allowed and told; coarser_clause: the clause that promises them. notes: what the reading had to assume."""

    brand: str
    name: str
    version: str
    currency: str
    tax: str
    lines: int
    rates: int
    problems: tuple[deck_csv.Problem, ...]
    problem_count: int
    coarser: tuple[int, ...] = ()
    coarser_clause: str = ""
    notes: tuple[str, ...] = ()
    deck: queries.DeckVersion | None = None
    created: bool = False

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "brand": self.brand,
            "name": self.name,
            "version": self.version,
            "currency": self.currency,
            "tax": self.tax,
            "lines": self.lines,
            "rates": self.rates,
            "problem_count": self.problem_count,
            "problems": [asdict(problem) for problem in self.problems],
            "coarser_than_terms": {
                "clause": self.coarser_clause,
                "lines": list(self.coarser[:1000]),
                "count": len(self.coarser),
            },
            "notes": list(self.notes),
            "deck": self.deck.as_dict() if self.deck else None,
            "created": self.created,
        }


def import_deck(
    *,
    brand: str,
    source: Path | bytes | Translation,
    at: datetime,
    name: str = rules.STANDARD_DECK,
    version: str = "",
    currency: str = "",
    tax: str = rules.TaxBasis.NOT_STATED,
    delimiter: str = ",",
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Read a deck file and keep it as a draft, in one transaction: all of it or nothing.

    currency: the brand's where empty. version: the start of the file's SHA-256 where empty. The same file again under the
    same version changes nothing. Of a translated price list its own lines are told. progress(stage, done, total): `read`, `write`.
    Raises UnreadableDeckFile, DeckRefused (with the report), BadDeckName, DeckVersionTaken, UnknownBrand.
    """
    told = progress or _silent
    file = _file(source)
    version = version or file.sha256[:12]
    blanks = blank_cells(brand, at, currency)
    _check_options(name, version, blanks.currency, tax, delimiter)
    plain = None if isinstance(source, Translation) else deck_columns.read(file.data, blanks, delimiter)
    if plain is not None:
        reading = deck_csv.Reading(lines=len(plain))
        told("read", len(plain), len(plain))
    else:
        reading = deck_csv.read(
            file.data,
            blanks,
            deck=name,
            version=version,
            delimiter=delimiter,
            progress=lambda done, total: told("read", done, total),
        )
    if isinstance(source, Translation):
        reading = source.traced(reading)
    rates: Sequence[rules.Rate] | Columns = reading.rates if plain is None else plain
    report = ImportReport(
        brand=brand,
        name=name,
        version=version,
        currency=blanks.currency,
        tax=str(tax),
        lines=reading.lines,
        rates=len(rates),
        problems=tuple(reading.problems),
        problem_count=reading.problem_count,
        coarser=_coarser(rates, blanks),
        coarser_clause=blanks.clause,
        notes=tuple(source.notes) if isinstance(source, Translation) else (),
    )
    if dry_run:
        return report
    if report.problem_count:
        raise DeckRefused(report)
    return _keep(report, file.sha256, rates, at, told)


def read_deck(
    *, source: Path | Translation, currency: str, zone: str, delimiter: str = ",", name: str = rules.STANDARD_DECK
) -> tuple[list[rules.Rate], str]:
    """The rates of a deck file or a translated price list, and its SHA-256; the installation is neither read nor changed, so that
    blank increments are a second and a blank fee is none. Raises UnreadableDeckFile, DeckRefused (with the report), BadDeckName."""
    file = _file(source)
    version = file.sha256[:12]
    _check_options(name, version, currency, rules.TaxBasis.NOT_STATED, delimiter)
    blanks = deck_lines.Blanks(zone=zone, currency=currency, first_s=1, next_s=1)
    reading = deck_csv.read(file.data, blanks, deck=name, version=version, delimiter=delimiter)
    if isinstance(source, Translation):
        reading = source.traced(reading)
    if reading.problem_count:
        raise DeckRefused(
            ImportReport(
                brand="",
                name=name,
                version=version,
                currency=currency,
                tax=rules.TaxBasis.NOT_STATED,
                lines=reading.lines,
                rates=len(reading.rates),
                problems=tuple(reading.problems),
                problem_count=reading.problem_count,
            )
        )
    return reading.rates, file.sha256


@carries("IPP-10.1-per-second")
def blank_cells(brand: str, at: datetime, currency: str = "") -> deck_lines.Blanks:
    """What a deck file may leave blank: increments and connection fee are then those of the brand's terms in force at `at`;
    a fee that a line states (special numbers) stands. Raises UnknownBrand, UnknownTerms."""
    found = policy_queries.brand(brand)
    terms = policy_queries.terms_in_force(brand, at)
    stated = terms.values
    return deck_lines.Blanks(
        zone=found.zone,
        currency=currency or found.currency,
        first_s=terms.integer("calls.first_increment_s") if "calls.first_increment_s" in stated else None,
        next_s=terms.integer("calls.next_increment_s") if "calls.next_increment_s" in stated else None,
        connection_micros=(
            terms.integer("calls.connection_fee_micros") if "calls.connection_fee_micros" in stated else 0
        ),
        clause=terms.clause("calls.first_increment_s") if "calls.first_increment_s" in stated else "",
    )


@carries("IPP-10.1-per-second")
def _coarser(rates: Sequence[rules.Rate] | Columns, blanks: deck_lines.Blanks) -> tuple[int, ...]:
    """The lines whose steps are larger than those that the terms promise."""
    first_s, next_s = blanks.first_s, blanks.next_s
    if first_s is None or next_s is None:
        return ()
    if isinstance(rates, Columns):
        return rates.coarser(first_s, next_s)
    return tuple(rate.line for rate in rates if rate.first_s > first_s or rate.next_s > next_s)


def activate_deck(
    *, deck: queries.DeckVersion, effective_from: datetime, at: datetime, dry_run: bool = False
) -> queries.DeckVersion:
    """Let a draft price the calls that start from `effective_from` on, in place of the version before it.

    Atomic; the brand's generation grows, so that the charging process takes the deck up. Activating again for the same instant
    changes nothing. Prices of the past stay: once a brand has a deck, the next takes effect at `at` at the earliest, and at a
    midnight where the brand's terms promise one price a day. A dry run checks and changes nothing. Raises UnableToActivateDeck.
    """
    effective_from, at = period.utc(effective_from), period.utc(at)
    with transaction.atomic(using=router.db_for_write(models.Deck)):
        row = models.Deck.objects.select_for_update().get(pk=deck.id)
        if row.state == rules.DeckState.ACTIVATED:
            if row.effective_from == effective_from:
                return queries.deck(row.brand, row.name, row.version)
            raise UnableToActivateDeck(
                f"{row.name} {row.version} takes effect on {row.effective_from:%Y-%m-%dT%H:%MZ} already: import it as a new version"
            )
        _check_currency(row)
        _check_date(row, effective_from, at)
        if dry_run:
            return deck
        row.state = rules.DeckState.ACTIVATED
        row.effective_from, row.activated_at = effective_from, at
        row.activation = (models.Deck.objects.aggregate(newest=Max("activation"))["newest"] or 0) + 1
        row.save(update_fields=["state", "effective_from", "activated_at", "activation"])
        policy_operations.record_event(
            kind="catalog.deck-activated",
            key=f"{row.brand}/{row.name}/{row.version}",
            body={"brand": row.brand, "activation": row.activation, "effective_from": effective_from.isoformat()},
            at=at,
        )
        return queries.deck(row.brand, row.name, row.version)


def _check_currency(row: models.Deck) -> None:
    currency = policy_queries.brand(row.brand).currency
    if row.currency != currency:
        raise UnableToActivateDeck(
            f"{row.name} {row.version} is in {row.currency} and the credit of {row.brand} in {currency}: every call would be "
            f"refused for want of a price; import it with --currency {currency} if that is what its prices are"
        )


@carries("KRY-4.5.1-price-of-the-day")
def _check_date(row: models.Deck, effective_from: datetime, at: datetime) -> None:
    if not queries.activated(row.brand, row.name):
        return
    if effective_from < at:
        raise UnableToActivateDeck(
            f"calls since {effective_from:%Y-%m-%dT%H:%MZ} have been charged by the deck before: choose {at:%Y-%m-%dT%H:%MZ} or later"
        )
    terms = policy_queries.terms_in_force(row.brand, at)
    if PRICE_DAY_ZONE in terms.values:
        zone = terms.text(PRICE_DAY_ZONE)
        if rules.price_day(effective_from, zone).start != effective_from:
            following = rules.next_price_day(effective_from, zone)
            raise UnableToActivateDeck(
                f"{row.brand} has one price a day in {zone}: choose a midnight there, such as {following:%Y-%m-%dT%H:%MZ}"
            )


def _file(source: Path | bytes | Translation) -> deck_file.DeckFile:
    if isinstance(source, Translation):
        return deck_file.DeckFile(source.data, source.sha256)
    return deck_file.of_bytes(source) if isinstance(source, bytes) else deck_file.read(source)


def _keep(
    report: ImportReport, sha256: str, rates: Sequence[rules.Rate] | Columns, at: datetime, told: Progress
) -> ImportReport:
    key = {"brand": report.brand, "name": report.name, "version": report.version}
    with transaction.atomic(using=router.db_for_write(models.Deck)):
        if found := models.Deck.objects.filter(**key).first():
            same = (found.sha256, found.currency, found.tax) == (sha256, report.currency, report.tax)
            if not same:
                raise DeckVersionTaken(
                    f"{report.brand} has another deck {report.name} {report.version}: give this one a new version"
                )
            return _with_deck(report, created=False)
        row = models.Deck.objects.create(
            **key,
            currency=report.currency,
            tax=report.tax,
            state=rules.DeckState.DRAFT,
            sha256=sha256,
            lines=report.lines,
            imported_at=period.utc(at),
        )
        if isinstance(rates, Columns):
            models.DeckColumns.objects.create(deck=row, body=rates.body())
            told("write", len(rates), len(rates))
        else:
            deck_rows.write(row.pk, rates, told)
        return _with_deck(report, created=True)


def load_reference(*, at: datetime, progress: Progress | None = None) -> tuple[queries.DeckVersion, ...]:
    """Import and activate the decks that each brand's folder ships (`rates/decks.toml`); returns those that are new.

    Safe to repeat: what is activated already is recognised by its hash and left alone. The first deck of a brand takes effect
    on its stated day, a later one not before `at`. Raises as `import_deck` and `activate_deck` do, and BadReference.
    """
    fresh = []
    for brand in policy_queries.brands():
        for shipped in reference.read(Path(settings.BRANDS) / brand.key / "rates", brand.zone):
            file = deck_file.read(shipped.path)
            known = [deck for deck in queries.activated(brand.key, shipped.name) if deck.sha256 == file.sha256]
            if known:
                continue
            report = import_deck(
                brand=brand.key,
                source=file.data,
                at=at,
                name=shipped.name,
                version=shipped.version,
                currency=shipped.currency,
                tax=shipped.tax,
                progress=progress,
            )
            assert report.deck is not None
            effective_from = _reference_date(brand, shipped, at)
            fresh.append(activate_deck(deck=report.deck, effective_from=effective_from, at=at))
    return tuple(fresh)


def _reference_date(brand: Brand, shipped: reference.ShippedDeck, at: datetime) -> datetime:
    if not queries.activated(brand.key, shipped.name):
        return shipped.effective_from
    terms = policy_queries.terms_in_force(brand.key, at)
    earliest = rules.next_price_day(at, terms.text(PRICE_DAY_ZONE)) if PRICE_DAY_ZONE in terms.values else at
    return max(shipped.effective_from, earliest)


def _with_deck(report: ImportReport, created: bool) -> ImportReport:
    return replace(report, deck=queries.deck(report.brand, report.name, report.version), created=created)


def _check_options(name: str, version: str, currency: str, tax: str, delimiter: str) -> None:
    for text in (name, version):
        if not _NAME.fullmatch(text):
            raise BadDeckName(f"a deck's name and version are 1 to 40 of a-z 0-9 . _ -, not {text[:60]!r}")
    if not _CURRENCY.fullmatch(currency):
        raise BadDeckName(f"a currency is three capital letters such as EUR, not {currency[:10]!r}")
    if tax not in set(rules.TaxBasis):
        raise BadDeckName(f"a deck is tax {', '.join(rules.TaxBasis)}, not {tax[:20]!r}")
    if delimiter not in deck_csv.DELIMITERS:
        raise BadDeckName("columns are separated by a comma, a semicolon or a tab")


def _silent(stage: str, done: int, total: int) -> None:
    return None
