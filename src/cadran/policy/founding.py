"""A new brand from one that exists: its folder copied, its values set, everything checked before it has its name."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cadran.policy import brands, files, queries
from cadran.policy.drafting import toml_value
from cadran.policy.sections import Fault, PolicyError, Section
from cadran.policy.sections import read as read_sections
from cadran.units.errors import CadranError, InvalidInput

MAX_FILES = 200
ANSWERS = "answers"
_HEADER = re.compile(r"\[\[?([a-z_.]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"([a-z_]+)\s*=")
_REFERENCE = re.compile(r"^\*(?:Reference brand|Marque de référence)[^*]*\*\s*\n+", re.MULTILINE)


class BrandExists(CadranError):
    """A brand of that key is there already."""

    error_id = "policy-brand-exists"


class BadBrandKey(InvalidInput):
    """A key that cannot be a folder's and a host's name."""

    error_id = "policy-brand-key"


# What is asked of a new brand: section and key in brand.toml. `version`, `title` and `effective_from` are those of its terms.
QUESTIONS: Mapping[str, tuple[str, str]] = {
    "name": ("brand", "name"),
    "legal_name": ("brand", "legal_name"),
    "country": ("brand", "country"),
    "currency": ("brand", "currency"),
    "zone": ("brand", "zone"),
    "languages": ("brand", "languages"),
    "site": ("brand", "site"),
    "summary_fr": ("summary", "fr"),
    "summary_en": ("summary", "en"),
    "primary": ("colours", "primary"),
    "accent": ("colours", "accent"),
    "background": ("colours", "background"),
    "text": ("colours", "text"),
    "verify": ("registration", "verify"),
    "minimum_age": ("registration", "minimum_age"),
    "legal_entities": ("registration", "legal_entities"),
    "version": ("terms", "version"),
    "title": ("terms", "title"),
    "effective_from": ("terms", "effective_from"),
}
REQUIRED = ("name", "legal_name")


@dataclass(frozen=True, slots=True)
class Founded:
    """The brand that was made, where, from which one."""

    brand: brands.Brand
    folder: Path
    source: str


def defaults(source: str, today: date) -> dict[str, object]:
    """What each question is answered with where nothing else is said: the source brand's value, and terms of today."""
    of = queries.brand(source)
    return {
        "name": "",
        "legal_name": "",
        "country": of.country,
        "currency": of.currency,
        "zone": of.zone,
        "languages": list(of.languages),
        "site": "https://example.org",
        "summary_fr": of.summary.get("fr", ""),
        "summary_en": of.summary.get("en", ""),
        **dict(of.colours),
        "verify": list(of.registration_verify),
        "minimum_age": of.minimum_age,
        "legal_entities": of.legal_entities,
        "version": f"{today:%Y-%m}",
        "title": queries.terms(of.terms).title,
        "effective_from": today,
    }


def read_answers(path: Path) -> tuple[dict[str, object], list[Fault]]:
    """The answers of a TOML file (`name = "Acme"`), and every error of it with its line."""
    found, faults = read_sections(path, path.name)
    answers: dict[str, object] = {}
    for section in found:
        if section.name:
            faults.append(section.fault(f"answers stand alone, without the header [{section.name}]"))
        faults += _unknown(section)
        answers |= {key: value for key, value in section.body.items() if key in QUESTIONS}
    return answers, faults


def found(*, key: str, source: str, answers: Mapping[str, object], faults: list[Fault] | None = None) -> Founded:
    """Make the folder of a new brand, whole and right, or nothing at all.

    answers: by name of QUESTIONS; what is missing is `defaults`'. faults: errors of the answers found before, told with all others.
    Raises BadBrandKey, BrandExists, UnknownBrand, and PolicyError with every error.
    """
    if not brands.KEY.fullmatch(key) or key in ("www", "localhost") or key.endswith("-"):
        raise BadBrandKey(
            "a brand's key is 1 to 30 small letters, digits and dashes, begins with a letter, such as acme"
        )
    root = _root()
    if (root / key).exists():
        raise BrandExists(f"there is a brand {key} already: choose another key, or change its files")
    of = queries.brand(source)
    wrong = list(faults or [])
    wrong += [
        Fault(ANSWERS, 1, f"{name} is missing: give it with --set {name}=...")
        for name in REQUIRED
        if not str(answers.get(name, "")).strip()
    ]
    with _staged(root, key) as folder:
        wrong += _fill(folder, root / source, of, answers, key)
        try:
            read = files.load_brand(folder, queries.clauses())
        except PolicyError as error:
            wrong += [Fault(_shown(one.file, folder, root), one.line, one.message) for one in error.faults]
        if wrong:
            raise PolicyError(tuple(wrong))
        try:
            os.rename(folder, root / key)
        except OSError:
            raise BrandExists(f"there is a brand {key} already: choose another key") from None
    return Founded(read.brand, root / key, source)


def _fill(folder: Path, source: Path, of: brands.Brand, answers: Mapping[str, object], key: str) -> list[Fault]:
    """Write the new folder's files; what is wrong with the terms' own answers."""
    version, day = str(answers["version"]), answers["effective_from"]
    wrong = []
    if not brands.VERSION.fullmatch(version):
        wrong.append(Fault(ANSWERS, 1, f"version is such as 2027-01, not {version[:40]!r}"))
        version = "1"
    if type(day) is not date:
        wrong.append(Fault(ANSWERS, 1, f"effective_from is a day such as 2027-01-01, not {str(day)[:40]!r}"))
        day = date(2000, 1, 1)
    head = {QUESTIONS[name]: value for name, value in answers.items() if name in QUESTIONS}
    head |= {("brand", "key"): key, ("brand", "default_terms"): version}
    brand_toml = _changed((source / "brand.toml").read_text(encoding="utf-8"), head)
    (folder / "brand.toml").write_text(_without_heading(brand_toml), encoding="utf-8")
    _write_terms(folder, source, of, answers, key, version, day)
    for path in _others(source):
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            target.write_text(_renamed(path, of, answers), encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    decks = folder / "rates" / "decks.toml"
    if decks.is_file():
        deck = {("deck", "version"): version, ("deck", "effective_from"): day}
        decks.write_text(_changed(decks.read_text(encoding="utf-8"), deck), encoding="utf-8")
    return wrong


def _write_terms(
    folder: Path, source: Path, of: brands.Brand, answers: Mapping[str, object], key: str, version: str, day: date
) -> None:
    """The version of the terms that new customers of the source accept, with its texts, in the new brand's name."""
    (folder / "terms").mkdir()
    stated = (source / "terms" / f"{of.default_terms}.toml").read_text(encoding="utf-8")
    head = {
        ("terms", "brand"): key,
        ("terms", "version"): version,
        ("terms", "title"): str(answers["title"]),
        ("terms", "effective_from"): day,
    }
    money = str(answers["currency"])
    stated = _changed(stated, head).replace(f'"micro-{of.currency}"', f'"micro-{money}"')
    (folder / "terms" / f"{version}.toml").write_text(_without_heading(stated), encoding="utf-8")
    languages = answers["languages"]
    for language in languages if isinstance(languages, list) else []:
        text = source / "terms" / f"{of.default_terms}.{language}.md"
        if text.is_file():
            words = _renamed(text, of, answers)
            (folder / "terms" / f"{version}.{language}.md").write_text(words, encoding="utf-8")


def _renamed(text: Path, of: brands.Brand, answers: Mapping[str, object]) -> str:
    """A text in the new brand's name, without the notice that it is a reference brand's."""
    words = _REFERENCE.sub("", text.read_text(encoding="utf-8"))
    fresh = {of.legal_name: str(answers["legal_name"]), of.name: str(answers["name"])}
    names = "|".join(re.escape(name) for name in fresh)  # the legal name first: it may begin with the other
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda match: fresh[match[0]], words)


def _changed(toml: str, values: Mapping[tuple[str, str], object]) -> str:
    """A TOML text with other values on the lines of those keys; everything else, comments too, as it was."""
    section, lines = "", []
    for line in toml.split("\n"):
        if match := _HEADER.match(line):
            section = match[1]
        elif (match := _KEY.match(line)) and (section, match[1]) in values:
            line = f"{match[1]} = {toml_value(values[section, match[1]])}"
        lines.append(line)
    return "\n".join(lines)


def _without_heading(toml: str) -> str:
    """Without the comment at the head of the file, which speaks of the source brand."""
    lines = toml.split("\n")
    while lines and (lines[0].startswith("#") or not lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)


def _others(source: Path) -> list[Path]:
    """Files of the source folder besides brand.toml and terms: prices, notices, prompts, and in a sandbox its carriers."""
    paths = [path for path in sorted(source.rglob("*")) if path.is_file() and not path.is_symlink()]
    from django.conf import settings

    left = {"brand.toml", "terms", *(() if settings.SANDBOX else ("carriers.toml",))}
    kept = [path for path in paths if path.relative_to(source).parts[0] not in left]
    if len(kept) > MAX_FILES:
        raise BadBrandKey(f"{source.name} holds more than {MAX_FILES} files: copy from another brand")
    return kept


@contextlib.contextmanager
def _staged(root: Path, key: str):  # type: ignore[no-untyped-def]
    """An empty folder of that name on the same disk, gone afterwards unless it was moved."""
    with tempfile.TemporaryDirectory(dir=root, prefix=".new-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / key
        folder.mkdir()
        yield folder


def _shown(file: str, folder: Path, root: Path) -> str:
    return file.replace(f"{folder.parent.name}/", f"{root.name}/", 1)


def _unknown(section: Section) -> list[Fault]:
    return [
        section.fault(f"unknown answer {name!r}: one of {', '.join(QUESTIONS)}", name)
        for name in section.body
        if name not in QUESTIONS
    ]


def _root() -> Path:
    from django.conf import settings

    return Path(settings.BRANDS)
