"""Texts that a brand publishes beside its terms: the legal notice, and the special conditions of a product. Pure but for reading.

They lie in `brands/<brand>/notices/<name>-<version>.<language>.md`. The version is a month or a day (2018-01, 2018-01-15), from
which the text is in force in the brand's zone. `legal` is the legal notice; one named after a service of the brand states the
special conditions of that service.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cadran.policy.sections import Fault

LEGAL = "legal"
FOLDER = "notices"
_FILE = re.compile(r"([a-z][a-z-]{0,28}[a-z])-(\d{4}-\d{2}(?:-\d{2})?)\.([a-z]{2})\.md")
ReadText = Callable[[Path, str], tuple[str, str, list[Fault]]]


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of one text in one language. `ref` is `brand/name-version`, as acceptances cite it; `sha256` hexadecimal."""

    brand: str
    name: str
    version: str
    language: str
    text: str
    sha256: str

    @property
    def ref(self) -> str:
        return f"{self.brand}/{self.name}-{self.version}"

    @property
    def effective_from(self) -> date:
        return _first_day(self.version)


Notices = Mapping[tuple[str, str, str], Notice]


def load(folder: Path, shown: str, languages: list[str], read_text: ReadText) -> tuple[Notices, list[Fault]]:
    """The notices of a brand folder by name, version and language, and every error."""
    found: dict[tuple[str, str, str], Notice] = {}
    faults: list[Fault] = []
    paths = sorted((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else []
    for path in paths:
        name = f"{shown}/{FOLDER}/{path.name}"
        match = _FILE.fullmatch(path.name)
        if match is None or not _is_day(match[2]):
            if not path.name.startswith((".", "#")) and not path.name.endswith("~"):
                faults.append(Fault(name, 1, "is no <name>-<year>-<month>.<language>.md: move it elsewhere"))
            continue
        text, digest, wrong = read_text(path, name)
        faults += wrong
        found[match[1], match[2], match[3]] = Notice(folder.name, match[1], match[2], match[3], text, digest)
    for key, version, language in found:
        where = f"{shown}/{FOLDER}/{key}-{version}.{language}.md"
        if language not in languages:
            faults.append(Fault(where, 1, "is in no language of the brand"))
        if languages and (key, version, languages[0]) not in found:
            faults.append(
                Fault(where, 1, f"its text in the official language is missing: {key}-{version}.{languages[0]}.md")
            )
    return found, faults


def in_force(notices: Notices, name: str, language: str, official: str, day: date) -> Notice | None:
    """The newest version of that name that took effect by that day, in that language or the official one; None before the first."""
    held = [version for key, version, _ in notices if key == name and _first_day(version) <= day]
    if not held:
        return None
    newest = max(held, key=_first_day)
    return notices.get((name, newest, language)) or notices[name, newest, official]


def names(notices: Notices) -> tuple[str, ...]:
    """Every name, in order."""
    return tuple(sorted({name for name, _, _ in notices}))


def _first_day(version: str) -> date:
    return date.fromisoformat(version if len(version) == 10 else f"{version}-01")


def _is_day(version: str) -> bool:
    try:
        _first_day(version)
    except ValueError:
        return False
    return True
