"""Price lists of other programs: which form a file has, and the file as a deck or as a plan. Needs no database.

Deck files of ours are read by `operations.import_deck` as they are; what is here translates the others for it, and reads plans for
quotes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cadran.catalog import plans, rules
from cadran.catalog.adapters import cgrates, cgrates_deck, deck_csv, deck_lines, foreign, foreign_deck, mapped
from cadran.catalog.adapters.mapped import BadMapping, ColumnMap
from cadran.catalog.adapters.translation import Translation
from cadran.units.errors import InvalidInput

__all__ = [
    "FORMS",
    "BadMapping",
    "ColumnMap",
    "PlanProfile",
    "Translation",
    "UnreadablePlan",
    "form_of",
    "plan",
    "rates",
    "translate",
]

TABLES = ("csv", "xlsx")
OTHERS = ("astpp", "magnusbilling", "a2billing")
FORMS = (*TABLES, "cgrates", *OTHERS)

Progress = Callable[[int, int], None]


class UnreadablePlan(InvalidInput):
    """A plan with nothing in it that could price a call."""

    error_id = "catalog-plan-unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProfile:
    """Whose prices of a CGRateS plan are meant; zone: the civil time of its timings."""

    tenant: str = "cgrates.org"
    category: str = "call"
    subject: str = plans.ANY
    zone: str = "UTC"


def form_of(path: Path) -> str:
    """The form of a folder or file by its name and content; csv where nothing tells more."""
    if path.is_dir():
        return "cgrates"
    return "xlsx" if path.suffix.lower() in (".xlsx", ".xlsm") else "csv"


def translate(
    source: Path | bytes,
    form: str,
    *,
    mapping: ColumnMap | None = None,
    profile: PlanProfile | None = None,
    progress: Progress | None = None,
) -> Translation:
    """A price list as a deck file. Raises UnreadableDeckFile, BadMapping."""
    mapping, profile = mapping or ColumnMap(), profile or PlanProfile()
    if isinstance(source, Path) and form != "cgrates":
        source = _alone(source)
    if form == "cgrates":
        if isinstance(source, bytes):
            raise BadMapping("a CGRateS plan is a folder: import it from the command line")
        reading = cgrates.read(source, progress)
        return cgrates_deck.translate(reading, profile.tenant, profile.category, profile.subject, profile.zone)
    if form in OTHERS:
        export = foreign.read(source, form, delimiter=mapping.delimiter, encoding=mapping.encoding)
        return foreign_deck.translate(export)
    return mapped.read(source, mapping, form, progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a quote reads: a tariff plan, a list by prefix, or rates of ours. problems: how many lines could not be read."""

    form: str
    tariff: plans.TariffPlan | None = None
    prefixes: plans.PrefixPlan | None = None
    rates: list[rules.Rate] = field(default_factory=list)
    problems: int = 0
    notes: tuple[str, ...] = ()


def plan(
    path: Path, form: str = "", *, mapping: ColumnMap | None = None, zone: str = "UTC", currency: str = "XXX"
) -> Plan:
    """A plan for quotes. Lines that cannot be read do not count. Raises UnreadableDeckFile, BadMapping, UnreadablePlan."""
    form = form or form_of(path)
    if form == "cgrates":
        reading = cgrates.read(path)
        return Plan(form=form, tariff=reading.plan, problems=reading.problem_count)
    path = _alone(path)
    if form in OTHERS:
        given = mapping or ColumnMap()
        export = foreign.read(path, form, delimiter=given.delimiter, encoding=given.encoding)
        if not export.lines:
            raise UnreadablePlan(_first(export.problems))
        return Plan(form=form, prefixes=export.plan, problems=export.problem_count, notes=tuple(export.notes))
    found, problems, notes = rates(path, form, mapping or ColumnMap(), zone, currency)
    return Plan(form=form, rates=found, problems=problems, notes=notes)


def rates(
    path: Path, form: str, mapping: ColumnMap, zone: str, currency: str
) -> tuple[list[rules.Rate], int, tuple[str, ...]]:
    """The rates of a table, how many problems it has, and notes. Blank increments are a second, a blank fee is none."""
    translation = mapped.read(path, mapping, form)
    blanks = deck_lines.Blanks(zone=zone, currency=currency, first_s=1, next_s=1)
    reading = translation.traced(
        deck_csv.read(translation.data, blanks, deck=path.name, version=translation.sha256[:12])
    )
    if not reading.rates:
        raise UnreadablePlan(_first(reading.problems))
    return reading.rates, reading.problem_count, tuple(translation.notes)


def _alone(path: Path) -> Path:
    """The file itself; of a folder the one file that is a table."""
    if not path.is_dir():
        return path
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in (".csv", ".gz", ".txt", ".xlsx"))
    if len(found) != 1:
        raise UnreadablePlan(f"{path.name} holds {len(found)} price lists: name the file")
    return found[0]


def _first(problems: list[deck_csv.Problem]) -> str:
    if not problems:
        return "the file has no rates"
    first = problems[0]
    return f"the file has no rate that can be read: line {first.line}: {first.message}"
