"""Values of the law that the terms point to, each from the day on which it holds. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from cadran.policy import values
from cadran.policy.sections import Fault, Section, check_keys, shortly
from cadran.policy.terms import Content
from cadran.units.errors import CadranError

_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "from": date,
    "value": (str, int, bool, list, dict, float, date, datetime),
    "unit": str,
    "clause": str,
    "source": str,
    "sure": str,
    "repealed": bool,
    "note": str,
}
SURE = ("high", "medium", "low")


class UnknownLaw(CadranError):
    """A name that the law files do not hold, or that states nothing yet (or no longer) at that date."""

    error_id = "policy-law-unknown"


@dataclass(frozen=True, slots=True)
class LawValue:
    """One value of the law from a day on: its unit, the clause of the register that it serves, the text that states it
    (`source`), how sure the reading is, and where it stands. `repealed` ends a value without a successor."""

    name: str
    effective_from: date
    content: Content
    unit: str
    clause: str
    source: str
    sure: str
    stands: str
    repealed: bool = False
    note: str = ""

    @property
    def ref(self) -> str:
        return f"law/{self.effective_from.isoformat()}:{self.name}"

    def integer(self) -> int:
        """The whole number. Raises UnknownLaw for another kind."""
        if type(self.content) is not int:
            raise UnknownLaw(f"{self.ref} must be a whole number ({self.stands})")
        return self.content

    def texts(self) -> tuple[str, ...]:
        """The list of texts. Raises UnknownLaw for another kind."""
        if not isinstance(self.content, tuple) or not all(isinstance(item, str) for item in self.content):
            raise UnknownLaw(f"{self.ref} must be a list of texts ({self.stands})")
        return tuple(str(item) for item in self.content)


def read_law(sections: list[Section], clauses: Collection[str]) -> tuple[list[LawValue], list[Fault]]:
    """The values of a law file and every error in it."""
    found: list[LawValue] = []
    faults: list[Fault] = []
    for section in sections:
        wrong = _faults(section, clauses)
        faults += wrong
        if not wrong:
            found.append(_value(section))
    return found, faults


def by_name(found: list[LawValue]) -> tuple[Mapping[str, tuple[LawValue, ...]], list[Fault]]:
    """Values by name, oldest first; an error where one name has two values from one day, or changes its unit."""
    grouped: dict[str, list[LawValue]] = {}
    faults: list[Fault] = []
    for value in sorted(found, key=lambda value: (value.name, value.effective_from)):
        earlier = grouped.setdefault(value.name, [])
        file, _, line = value.stands.rpartition(":")
        if earlier and earlier[-1].effective_from == value.effective_from:
            faults.append(Fault(file, int(line), f"{value.name} has a value from {value.effective_from} already"))
        if earlier and earlier[-1].unit != value.unit:
            faults.append(Fault(file, int(line), f"{value.name} was in {earlier[-1].unit}: keep its unit"))
        earlier.append(value)
    return {name: tuple(entries) for name, entries in grouped.items()}, faults


def in_force(entries: tuple[LawValue, ...], day: date) -> LawValue | None:
    """The value that holds on that civil day (Paris), if one does."""
    held = [value for value in entries if value.effective_from <= day]
    return held[-1] if held and not held[-1].repealed else None


def _faults(section: Section, clauses: Collection[str]) -> list[Fault]:
    if section.name != "law" or not section.repeated:
        return [section.fault(f"unknown section [{section.name}]: a law file is made of [[law]]")]
    body = section.body
    faults = check_keys(section, _KEYS, {"name", "from", "value", "unit", "clause", "source", "sure"})
    if isinstance(body.get("from"), datetime):
        faults.append(section.fault("from is a day such as 2023-03-01, without a time", "from"))
    if isinstance(body.get("clause"), str) and body["clause"] not in clauses:
        faults.append(section.fault(f"unknown clause {shortly(body['clause'])}: see `cadran clauses`", "clause"))
    if isinstance(body.get("sure"), str) and body["sure"] not in SURE:
        faults.append(section.fault(f"sure must be one of {', '.join(SURE)}", "sure"))
    if isinstance(body.get("name"), str) and (wrong := values.name_problem(str(body["name"]))):
        faults.append(section.fault(wrong, "name"))
    if isinstance(body.get("name"), str) and isinstance(body.get("unit"), str) and "value" in body:
        messages = values.problems(str(body["name"]), body["value"], str(body["unit"]))
        faults += [section.fault(message, "value") for message in messages]
    return faults


def _value(section: Section) -> LawValue:
    body = section.body
    content, effective_from = values.content(body["value"]), body["from"]
    assert content is not None
    assert isinstance(effective_from, date)
    return LawValue(
        name=str(body["name"]),
        effective_from=effective_from,
        content=content,
        unit=str(body["unit"]),
        clause=str(body["clause"]),
        source=str(body["source"]),
        sure=str(body["sure"]),
        stands=f"{section.file}:{section.line}",
        repealed=bool(body.get("repealed", False)),
        note=str(body.get("note", "")),
    )
