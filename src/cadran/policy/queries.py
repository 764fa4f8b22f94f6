"""What the terms and the law say: by version accepted, by date, by name. Files are read once and again when they change.

A process that starts with wrong files fails with every error listed. One that runs keeps the last good reading and logs the
errors, so that a slip of the editor does not stop calls.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import structlog
from django.conf import settings

from cadran.policy import brands as brand_files
from cadran.policy import files, notices
from cadran.policy import law as laws
from cadran.policy.brands import Brand, UnknownBrand
from cadran.policy.register import Clause, UnknownClause
from cadran.policy.sections import Fault, PolicyError
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import civil_day

LAW_ZONE = "Europe/Paris"
GOVERNED_BY = "terms.governed_by"
T = TypeVar("T")
log = structlog.get_logger()


class UnknownTerms(CadranError):
    """A terms reference that names no version, or a date at which none is in force."""

    error_id = "policy-terms-unknown"


def terms(ref: str) -> Terms:
    """The terms of a reference such as `ippi/2018-04`, as a customer accepted them. Raises UnknownTerms."""
    key, _, version = ref.partition("/")
    try:
        return _brand_files(key).terms[version]
    except (KeyError, UnknownBrand):
        raise UnknownTerms(f"no terms {ref!r}: a reference is brand/version, such as ippi/2018-04") from None


def terms_in_force(brand: str, at: datetime) -> Terms:
    """The version of a brand's terms in force at the instant `at` (aware): the newest that took effect by that day in the
    brand's zone. Raises UnknownBrand, or UnknownTerms before the first."""
    read = _brand_files(brand)
    day = civil_day(at, read.brand.zone)
    held = [version for version in read.terms.values() if version.effective_from <= day]
    if not held:
        raise UnknownTerms(f"{brand} had no terms in force on {day}: its first take effect later")
    return held[-1]


@carries("KRY-2.2-new-terms")
def governing_terms(accepted: str, at: datetime) -> Terms:
    """The version that governs a use at the instant `at` by a customer who last accepted `accepted`: the one in force, where that
    one says so (`terms.governed_by` is `in-force`), else the one accepted. Raises UnknownTerms."""
    last = terms(accepted)
    current = terms_in_force(last.brand, at)
    stated = current.values.get(GOVERNED_BY)
    return current if stated is not None and stated.content == "in-force" else last


def terms_text(ref: str, language: str) -> tuple[str, str]:
    """The customer-facing text of a version (Markdown) and its sha256: in that language, else in the brand's official one.
    Raises UnknownTerms."""
    version = terms(ref)
    read = _brand_files(version.brand)
    if (version.version, language) not in read.texts:
        language = read.brand.language
    return read.texts[version.version, language], version.sha256[language]


def notice(brand: str, name: str, language: str, at: datetime) -> notices.Notice | None:
    """The notice of that name in force at `at` (`legal`, or a service's special conditions), in that language or else the official
    one; None where the brand has none. Raises UnknownBrand."""
    read = _brand_files(brand)
    return notices.in_force(read.notices, name, language, read.brand.language, civil_day(at, read.brand.zone))


def special_conditions(brand: str, language: str, at: datetime) -> tuple[notices.Notice, ...]:
    """The special conditions in force of the brand's services, in the order of its services. Raises UnknownBrand."""
    found = (notice(brand, service, language, at) for service in _brand_files(brand).brand.services)
    return tuple(one for one in found if one is not None)


def brands() -> tuple[Brand, ...]:
    """Every brand of the installation, by key. Raises PolicyError with the errors of all of them."""
    found, faults = list[Brand](), list[Fault]()
    for key in brand_keys():
        try:
            found.append(_brand_files(key).brand)
        except PolicyError as error:
            faults += error.faults
    if faults:
        raise PolicyError(tuple(faults))
    return tuple(found)


def brand(key: str) -> Brand:
    """The brand of that key. Raises UnknownBrand."""
    return _brand_files(key).brand


def brand_keys() -> tuple[str, ...]:
    """The folders of brands/ that hold a brand.toml."""
    root = Path(settings.BRANDS)
    if not root.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in root.iterdir() if (entry / "brand.toml").is_file()))


def law(name: str, at: datetime) -> laws.LawValue:
    """The value of the law of that name that holds at the instant `at`, on its civil day in Paris. Raises UnknownLaw."""
    day = civil_day(at, LAW_ZONE)
    if (held := laws.in_force(law_values().get(name, ()), day)) is None:
        raise laws.UnknownLaw(f"the law files state no {name} for {day}")
    return held


def law_values() -> Mapping[str, tuple[laws.LawValue, ...]]:
    """Every value of the law by name, oldest first."""
    paths = (files.REGISTER, *sorted(files.LAW.glob("*.toml")))
    return _fresh("law", paths, lambda mutation: files.load_law(clauses(), mutation=mutation))


def clauses() -> Mapping[str, Clause]:
    """The clause register by id."""
    return _fresh("register", (files.REGISTER,), lambda mutation: files.load_register())


def clause(clause_id: str) -> Clause:
    """The clause of that id. Raises UnknownClause."""
    try:
        return clauses()[clause_id]
    except KeyError:
        raise UnknownClause(f"no clause {clause_id!r} in the register: see `cadran clauses`") from None


def check() -> None:
    """Read every file of policy afresh. Raises PolicyError with all errors of all of them."""
    faults: list[Fault] = []
    ids = files.load_register()
    mutation = _mutation()
    readings: list[Callable[[], object]] = [lambda: files.load_law(ids, mutation=mutation)]
    readings += [
        lambda key=key: files.load_brand(  # type: ignore[misc]
            Path(settings.BRANDS) / key, ids, mutation, (Path(settings.PUBLISHED) / key / "terms",)
        )
        for key in brand_keys()
    ]
    for reading in readings:
        try:
            reading()
        except PolicyError as error:
            faults += error.faults
    if faults:
        raise PolicyError(tuple(faults))


def _brand_files(key: str) -> files.BrandFiles:
    folder = Path(settings.BRANDS) / key
    if not brand_files.KEY.fullmatch(key) or not (folder / "brand.toml").is_file():
        raise UnknownBrand(f"no brand {key!r}: one of {', '.join(brand_keys()) or 'none, the brands folder is empty'}")
    published = Path(settings.PUBLISHED) / key / "terms"
    versions = list[str]()
    for terms_folder in (folder / "terms", folder / notices.FOLDER, published):
        with contextlib.suppress(OSError):
            versions += [entry.path for entry in os.scandir(terms_folder)]
    paths = (files.REGISTER, folder / "brand.toml", *(Path(path) for path in sorted(versions)))
    return _fresh(
        f"brand:{folder}", paths, lambda mutation: files.load_brand(folder, clauses(), mutation, (published,))
    )


_read: dict[str, tuple[object, object]] = {}


def _fresh(name: str, paths: tuple[Path, ...], read: Callable[[files.Mutation | None], T]) -> T:
    """The reading kept under that name, made anew where a file or the mutation changed."""
    mark = (os.environ.get(files.MUTATION, ""), *(_mark(path) for path in paths))
    kept = _read.get(name)
    if kept is not None and kept[0] == mark:
        return kept[1]  # type: ignore[return-value]
    try:
        fresh = read(_mutation())
    except PolicyError as error:
        if kept is None:
            raise
        log.error("policy files wrong, the last good reading stays", errors=[str(fault) for fault in error.faults[:20]])
        _read[name] = (mark, kept[1])
        return kept[1]  # type: ignore[return-value]
    _read[name] = (mark, fresh)
    return fresh


def _mark(path: Path) -> tuple[str, int, int, int]:
    try:
        stat = os.stat(path)
    except OSError:
        return str(path), 0, 0, 0
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino


def _mutation() -> files.Mutation | None:
    return files.read_mutation(os.environ.get(files.MUTATION, ""), bool(settings.PUBLIC))
