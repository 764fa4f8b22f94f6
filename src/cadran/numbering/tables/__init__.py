"""Number tables as data: the French plan, codes of no country, emergency numbers. Read once, when first asked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Range:
    """A range of numbers: its class (a value of NumberClass), its use, and its length where the table states one (else 0)."""

    number_class: str
    use: str
    digits: int = 0


@dataclass(frozen=True, slots=True)
class FrenchPlan:
    """The closed plan of the mainland and the overseas codes. Prefixes are written with the national 0.

    overseas: prefix to country code, the number keeping its nine digits. overseas_short: the same where the code itself is
    dialled after the 0, so that only the rest follows it."""

    regions: frozenset[str]
    codes: Mapping[str, str]
    region_of_code: Mapping[str, str]
    overseas: Mapping[str, str]
    overseas_short: Mapping[str, str]
    uses: Mapping[str, Range]
    machine_prefix: str
    machine: Range
    short: Mapping[str, Range]


@cache
def french_plan() -> FrenchPlan:
    data = _read("france.toml")
    plan, machine = data["plan"], data["machine_to_machine"]
    return FrenchPlan(
        regions=frozenset(plan["regions"]),
        codes=plan["codes"],
        region_of_code=plan["region_of_code"],
        overseas=data["overseas"],
        overseas_short=data["overseas_short"],
        uses={prefix: Range(entry["class"], entry["use"]) for prefix, entry in data["uses"].items()},
        machine_prefix=machine["prefix"],
        machine=Range(machine["class"], machine["use"], machine["digits"]),
        short={prefix: Range("special", entry["use"], entry["digits"]) for prefix, entry in data["short"].items()},
    )


@cache
def global_codes() -> Mapping[str, Range]:
    """Codes of no country by their digits (870, 8835100...)."""
    entries = _read("world.toml")["global"]
    return {prefix: Range(entry["class"], entry["use"], entry.get("digits", 0)) for prefix, entry in entries.items()}


@cache
def direct_codes() -> Mapping[str, int]:
    """Global numbers that people dial without an international prefix: prefix and length."""
    return dict(_read("world.toml")["direct"])


@cache
def emergency_numbers(country: str) -> frozenset[str]:
    """Emergency numbers as dialled in that country, of our own table."""
    data = _read("emergency.toml")
    return frozenset(data["everywhere"]["numbers"]) | frozenset(data["countries"].get(country, ()))


def longest(table: Mapping[str, T], digits: str) -> T | None:
    """The entry of the longest prefix of `digits` in the table."""
    for length in range(min(len(digits), 8), 0, -1):
        if (entry := table.get(digits[:length])) is not None:
            return entry
    return None


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / name).read_text(encoding="utf-8"))
