"""A version of a brand's terms, as its TOML file states it. Pure: sections in, Terms or errors out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from cadran.policy import values
from cadran.policy.sections import Fault, Section, check_keys, shortly
from cadran.policy.terms import SPECIAL, Terms, TermsValue

HEAD = "terms"
_HEAD_KEYS: dict[str, type] = {
    "brand": str,
    "version": str,
    "title": str,
    "effective_from": date,
    "key_change": bool,
    "note": str,
}
_VALUE_KEYS: dict[str, type | tuple[type, ...]] = {
    "value": (str, int, bool, list, dict, float, date, datetime),
    "unit": str,
    "clause": str,
    "note": str,
}


@dataclass(frozen=True, slots=True)
class Texts:
    """The customer-facing texts of a version by language, and the sha256 of each in hexadecimal."""

    by_language: Mapping[str, str]
    sha256: Mapping[str, str]


def read_terms(
    sections: list[Section], *, folder: str, version: str, clauses: Collection[str], texts: Texts, shown: str
) -> tuple[Terms | None, list[Fault]]:
    """The terms that a file's sections state, and every error: unknown clause, missing unit, wrong type, unknown key,
    wrong name. Terms are None where the head itself is wrong."""
    heads = [section for section in sections if section.name == HEAD]
    faults: list[Fault] = []
    if heads:
        faults += _head_faults(heads[0], folder, version)
    else:
        faults.append(Fault(shown, 1, "[terms] is missing: it names brand, version, title and effective_from"))
    found: dict[str, TermsValue] = {}
    for section in sections:
        if section.name == HEAD:
            continue
        wrong = value_faults(section, clauses)
        faults += wrong
        if not wrong:
            found[section.name] = terms_value(section)
    faults += _special_faults(sections, found)
    if faults:
        return None, faults
    head = heads[0].body
    effective_from = head["effective_from"]
    assert isinstance(effective_from, date)
    return (
        Terms(
            brand=folder,
            version=version,
            effective_from=effective_from,
            title=str(head["title"]),
            values=found,
            key_change=bool(head.get("key_change", False)),
            sha256=texts.sha256,
        ),
        [],
    )


def _special_faults(sections: list[Section], found: Mapping[str, TermsValue]) -> list[Fault]:
    """Special conditions (`special.<product>.<name>`) that override no general value, or state it in another unit."""
    faults = []
    for section in sections:
        if section.name not in found or not section.name.startswith(f"{SPECIAL}."):
            continue
        name = section.name.split(".", 2)[-1]
        general = found.get(name)
        if general is None:
            faults.append(section.fault(f"overrides nothing: no [{name}] among the general conditions"))
        elif general.unit != found[section.name].unit:
            faults.append(section.fault(f"must be in {general.unit}, as [{name}] is", "unit"))
    return faults


def value_faults(section: Section, clauses: Collection[str]) -> list[Fault]:
    """Every error of one `[group.name]` section."""
    if not section.name:
        return [
            section.fault(f"{key!r} stands before any header: put it under [group.name]", key) for key in section.body
        ]
    if section.repeated:
        return [section.fault(f"[[{section.name}]] must be [{section.name}]")]
    faults = check_keys(section, _VALUE_KEYS, {"value", "unit", "clause"})
    if wrong := values.name_problem(section.name):
        faults.append(section.fault(wrong))
    clause, unit = section.body.get("clause"), section.body.get("unit")
    if isinstance(clause, str) and clause not in clauses:
        faults.append(section.fault(f"unknown clause {shortly(clause)}: see `cadran clauses`", "clause"))
    if isinstance(unit, str) and "value" in section.body:
        raw = section.body["value"]
        faults += [section.fault(message, "value") for message in values.problems(section.name, raw, unit)]
    return faults


def terms_value(section: Section) -> TermsValue:
    """The value of a section without errors."""
    read = values.content(section.body["value"])
    assert read is not None
    return TermsValue(
        name=section.name,
        content=read,
        unit=str(section.body["unit"]),
        clause=str(section.body["clause"]),
        source=f"{section.file}:{section.line}",
        note=str(section.body.get("note", "")),
    )


def _head_faults(head: Section, folder: str, version: str) -> list[Fault]:
    faults = check_keys(head, _HEAD_KEYS, {"brand", "version", "title", "effective_from"})
    body = head.body
    if isinstance(body.get("effective_from"), datetime):
        faults.append(head.fault("effective_from is a day such as 2018-04-01, without a time", "effective_from"))
    if body.get("brand", folder) != folder:
        faults.append(head.fault(f"brand must be the folder's name, {folder!r}", "brand"))
    if body.get("version", version) != version:
        faults.append(head.fault(f"version must be the file's name, {version!r}", "version"))
    if isinstance(body.get("title"), str) and not str(body["title"]).strip():
        faults.append(head.fault("title is empty", "title"))
    return faults
