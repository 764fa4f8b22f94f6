"""The clause register: every clause that binds the platform, and how far each has come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cadran.policy.sections import Fault, Section, check_keys, shortly
from cadran.units.errors import CadranError

KINDS = ("capability", "rule", "record", "notice")
STATES = ("done", "part", "planned")
_ID = re.compile(r"(KRY|IPP|KAV|LAW)-[a-z0-9.-]+")
_KEYS: dict[str, type] = {"id": str, "kind": str, "must": str, "state": str, "missing": str}


class UnknownClause(CadranError):
    """An id that the register does not hold."""

    error_id = "policy-clause-unknown"


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: what the software must do, its state, and for a clause in part what is missing."""

    id: str
    kind: str
    must: str
    state: str
    missing: str = ""


def read_register(sections: list[Section]) -> tuple[Mapping[str, Clause], list[Fault]]:
    """The clauses by id, in the file's order, and every error."""
    clauses: dict[str, Clause] = {}
    faults: list[Fault] = []
    for section in sections:
        if section.name != "clause" or not section.repeated:
            faults.append(section.fault(f"unknown section [{section.name}]: a register is made of [[clause]]"))
            continue
        wrong = check_keys(section, _KEYS, {"id", "kind", "must", "state"}) or list(_contents(section, clauses))
        faults += wrong
        if not wrong:
            body = {key: str(value) for key, value in section.body.items()}
            clauses[body["id"]] = Clause(**body)
    return clauses, faults


def _contents(section: Section, seen: Mapping[str, Clause]) -> Iterator[Fault]:
    body = {key: str(value) for key, value in section.body.items()}
    if not _ID.fullmatch(body["id"]):
        yield section.fault(f"id must be KRY-, IPP-, KAV- or LAW- and a section, not {shortly(body['id'])}", "id")
    if body["id"] in seen:
        yield section.fault(f"clause {body['id']} stands twice", "id")
    if body["kind"] not in KINDS:
        yield section.fault(f"kind must be one of {', '.join(KINDS)}, not {shortly(body['kind'])}", "kind")
    if body["state"] not in STATES:
        yield section.fault(f"state must be one of {', '.join(STATES)}, not {shortly(body['state'])}", "state")
    if (body["state"] == "part") != bool(body.get("missing", "").strip()):
        yield section.fault("`missing` says what a clause in part lacks: state it for part, and only there", "state")
    if not body["must"].strip():
        yield section.fault("must is empty", "must")
