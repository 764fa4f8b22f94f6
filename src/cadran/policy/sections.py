"""A TOML file read section by section, so that every error in it is told at once, each with its line.

The files of this room keep to a form that people can edit: headers such as `[credit.validity_days]` or `[[law]]` stand
alone at the start of a line, and each section is a small TOML text of its own. A parser that stops at the first error
would make the author mend a file one line at a time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from cadran.units.errors import CadranError

MAX_BYTES = 512 * 1024
MAX_FAULTS = 200
_HEADER = re.compile(r"\[(\[?)\s*([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*\](\]?)\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|([A-Za-z0-9_-]+))\s*=""")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column (\d+)\)$")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One error of a file: where, and what to do."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PolicyError(CadranError):
    """Files of terms, law, brands or the register that cannot be used; `faults` lists every error found."""

    error_id = "policy-files-wrong"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = tuple(sorted(set(faults)))
        shown = [str(fault) for fault in self.faults[:MAX_FAULTS]]
        if len(self.faults) > MAX_FAULTS:
            shown.append(f"and {len(self.faults) - MAX_FAULTS} more")
        super().__init__("mend these files:\n" + "\n".join(shown), faults=len(self.faults))


@dataclass(frozen=True, slots=True)
class Section:
    """A header and what stands under it. `line` is the header's (0 for the head of the file, before any header)."""

    file: str
    name: str
    repeated: bool
    line: int
    body: Mapping[str, object]
    key_lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, key: str) -> int:
        """The line of a key, else the header's."""
        return self.key_lines.get(key, max(self.line, 1))

    def fault(self, message: str, key: str = "") -> Fault:
        return Fault(self.file, self.at(key), message)


def read(path: Path, shown: str) -> tuple[list[Section], list[Fault]]:
    """The sections of a file, and the errors of form in it. `shown` is the name that errors give the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        return [], [Fault(shown, 1, f"cannot be read: {error.strerror or error}")]
    if len(raw) > MAX_BYTES:
        return [], [Fault(shown, 1, f"is larger than {MAX_BYTES} bytes: split it or check what it holds")]
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return [], [Fault(shown, line, "is not UTF-8 text: save it with that encoding")]
    sections: list[Section] = []
    faults: list[Fault] = []
    for name, repeated, line, lines in _split(text):
        _read_section(shown, name, repeated, line, lines, sections, faults)
    return sections, [*faults, *_twice(sections)]


def check_keys(section: Section, known: Mapping[str, type | tuple[type, ...]], required: set[str]) -> list[Fault]:
    """The errors of a section whose keys and types are known: unknown keys, wrong types, missing keys."""
    faults = [
        section.fault(f"unknown key {key!r}: one of {', '.join(sorted(known))}", key)
        for key in section.body
        if key not in known
    ]
    for key, value in section.body.items():
        if key in known and not _is_a(value, known[key]):
            faults.append(section.fault(f"{key} must be {_type_name(known[key])}, not {shortly(value)}", key))
    faults += [section.fault(f"{key} is missing in [{section.name}]") for key in sorted(required - set(section.body))]
    return faults


def shortly(value: object) -> str:
    """A value in an error: its text, cut to a readable length."""
    text = value.isoformat() if isinstance(value, (date, datetime)) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _split(text: str) -> Iterator[tuple[str, bool, int, list[str]]]:
    """(name, repeated, header's line, lines below it); the head of the file has line 0 and no name."""
    name, repeated, start, lines = "", False, 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        match = _HEADER.match(line.rstrip("\r"))
        if match and len(match[1]) == len(match[3]):
            yield name, repeated, start, lines
            name, repeated, start, lines = match[2], bool(match[1]), number, []
        else:
            lines.append(line)
    yield name, repeated, start, lines


def _read_section(
    shown: str, name: str, repeated: bool, line: int, lines: list[str], sections: list[Section], faults: list[Fault]
) -> None:
    try:
        body = tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        message, offset = str(error), 1
        if match := _AT_LINE.search(message):
            message, offset = message[: match.start()], int(match[1])
        faults.append(Fault(shown, max(line + offset, 1), f"is not TOML here: {message}"))
        return
    key_lines = {
        str(match[1] or match[2]): line + number for number, text in enumerate(lines, 1) if (match := _KEY.match(text))
    }
    if name or body:
        sections.append(Section(shown, name, repeated, line, body, key_lines))


def _twice(sections: list[Section]) -> Iterator[Fault]:
    first: dict[str, Section] = {}
    for section in sections:
        seen = first.setdefault(section.name, section)
        if seen is not section and not (seen.repeated and section.repeated):
            yield section.fault(f"[{section.name}] stands twice: first at line {seen.line}")


def _is_a(value: object, wanted: type | tuple[type, ...]) -> bool:
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, datetime):
        return datetime in kinds
    return isinstance(value, kinds)


_TYPE_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
    date: "a date such as 2018-04-01",
}


def _type_name(wanted: type | tuple[type, ...]) -> str:
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    return " or ".join(_TYPE_NAMES.get(kind, kind.__name__) for kind in kinds)
